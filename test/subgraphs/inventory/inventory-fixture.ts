// Starts an inventory service for tests, with databases of its own, tokens, and a clock that can be advanced.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createServiceToken } from '#platform/auth/service-token.ts'
import type { Role } from '#platform/auth/viewer.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createLogger } from '#platform/telemetry/logger.ts'
import { UNLIMITED_HOLDS } from '#subgraphs/inventory/domain/holds.ts'
import { startInventory } from '#subgraphs/inventory/service.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'

export type Caller = { readonly role: Role; readonly subject: string } | 'nobody'
export const ops: Caller = { role: 'ops', subject: 'olga' }
export const support: Caller = { role: 'support', subject: 'sam' }
export const service: Caller = { role: 'service', subject: 'orders' }
export const nobody: Caller = 'nobody'

export type GraphqlResponse = {
  // Tests look into answers of every shape: what is not there is undefined, and fails the comparison.
  readonly data: Record<string, Record<string, unknown> | null> | null
  readonly errors: readonly { message: string; extensions: Record<string, unknown> }[]
  readonly consistency: string | null
}

export type Running = AsyncDisposable & {
  readonly url: string
  /** The service's own store, to see what was written. */
  readonly store: EventStore
  now(): Date
  moveOn(ms: number): void
  request(
    caller: Caller,
    query: string,
    variables?: object,
    consistency?: string | null,
  ): Promise<GraphqlResponse>
}

export async function runInventory(): Promise<Running> {
  const open = new AsyncDisposableStack()
  const directory = await mkdtemp(path.join(tmpdir(), 'waybill-inventory-'))
  open.defer(() => rm(directory, { recursive: true, force: true }))
  const issuer = await openEmbeddedIssuer(directory)
  const [databaseUrl, eventBusUrl] = [await freshDatabase(), await freshDatabase()]
  const clock = { ahead: 0 }
  const now = () => new Date(Date.now() + clock.ahead)
  const running = open.use(
    await startInventory({
      name: 'inventory',
      host: '127.0.0.1',
      port: 0,
      databaseUrl,
      readModelsUrl: databaseUrl,
      eventBusUrl,
      auth: { jwks: issuer.jwks, issuer: issuer.issuer, audience: issuer.audience },
      serviceToken: createServiceToken({ directory }),
      development: true,
      logger: createLogger({ service: 'inventory', level: 'silent' }),
      now,
      expirySweepMs: 50,
      holdQuota: UNLIMITED_HOLDS,
    }),
  )
  const store = open.use(await openPostgresEventStore({ url: databaseUrl }))
  return {
    url: running.url,
    store,
    now,
    moveOn: ms => {
      clock.ahead += ms
    },
    async request(caller, query, variables = {}, consistency = null) {
      const headers = {
        'content-type': 'application/json',
        ...(caller !== 'nobody' && { authorization: `Bearer ${await issuer.sign(caller)}` }),
        ...(consistency !== null && { 'waybill-consistency': consistency }),
      }
      const body = JSON.stringify({ query, variables })
      const response = await fetch(`${running.url}/graphql`, { method: 'POST', headers, body })
      const answer = (await response.json()) as Partial<GraphqlResponse>
      return {
        data: answer.data ?? null,
        errors: answer.errors ?? [],
        consistency: response.headers.get('waybill-consistency'),
      }
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}
