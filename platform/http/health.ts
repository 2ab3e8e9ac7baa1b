// Adds the health endpoints: live, and ready with the state of each dependency.
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Health, HealthCheck, NamedCheck } from '#platform/resilience/health.ts'

type HealthRoutes = {
  readonly name: string
  readonly checks: ReadonlyMap<string, NamedCheck>
  readonly isStopping: () => boolean
}

const CHECK_TIMEOUT_MS = 2000

/**
 * `/health/live` answers 200 while the process serves. `/health/ready` answers `{ status, service, dependencies }`:
 * 200 for `ok` and for `degraded` (a dependency that is not essential is not ok), 503 for `unavailable` (an essential
 * one is not ok) and `stopping`.
 */
export function addHealthRoutes(app: FastifyInstance, { name, checks, isStopping }: HealthRoutes): void {
  app.get('/health/live', async () => ({ status: 'ok', service: name }))
  app.get('/health/ready', async (_request, reply) => {
    const results = await Promise.all([...checks].map(runCheck))
    const status = isStopping() ? 'stopping' : overall(results)
    const dependencies = Object.fromEntries(results.map(({ key, health }) => [key, health]))
    return reply
      .code(status === 'ok' || status === 'degraded' ? 200 : 503)
      .send({ status, service: name, dependencies })
  })
}

type Result = { readonly key: string; readonly essential: boolean; readonly health: Health }

async function runCheck([key, { check, essential }]: readonly [string, NamedCheck]): Promise<Result> {
  return { key, essential, health: await settle(check) }
}

function overall(results: readonly Result[]): 'ok' | 'degraded' | 'unavailable' {
  const failed = results.filter(({ health }) => !health.ok)
  if (failed.length === 0) return 'ok'
  return failed.some(({ essential }) => essential) ? 'unavailable' : 'degraded'
}

async function settle(check: HealthCheck): Promise<Health> {
  const late = { ok: false, detail: `no answer in ${CHECK_TIMEOUT_MS} ms` }
  try {
    return await Promise.race([check(), delay(CHECK_TIMEOUT_MS, late, { ref: false })])
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) }
  }
}
