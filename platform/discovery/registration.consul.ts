// One instance's registration in Consul, kept there while the instance lives. Free of looking others up.
import { setTimeout as delay } from 'node:timers/promises'
import { type Consul, persistentDenial } from '#platform/consul/consul.ts'
import type { Degradation } from '#platform/discovery/degradations.ts'
import type { Registration } from '#platform/discovery/discovery.ts'
import { waitForDependency } from '#platform/resilience/startup-wait.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type RegistrationOptions = {
  readonly logger: Logger
  readonly startTimeoutMs: number
  readonly degradation: Degradation
}

/** How often Consul asks for `/health/ready`, how long it waits, and after how long a dead one is forgotten: a minute is the least. */
const CHECK = { Interval: '2s', Timeout: '5s', DeregisterCriticalServiceAfter: '1m' }
/** Between two looks at whether Consul still knows the instance. */
const LOOK_MS = 3000
const SEND_MS = 2000
/** So that callers hear of it before connections are refused. */
const FAREWELL_MS = 250

/** Throws OperatorError CONSUL_DENIED, or CONSUL_AWAY when Consul stays away for as long as the patience lasts. */
export async function registerInConsul(
  consul: Consul,
  presence: Registration,
  { logger, startTimeoutMs, degradation }: RegistrationOptions,
): Promise<AsyncDisposable> {
  const definition = definitionOf(presence)
  const id = encodeURIComponent(definition.ID)
  const register = () =>
    consul.send({
      method: 'PUT',
      path: '/v1/agent/service/register',
      body: definition,
      timeoutMs: SEND_MS,
    })
  const what = `Consul at ${consul.address}, which DISCOVERY_URL names`
  await waitForDependency(register, { logger, what, startTimeoutMs, isFinal: persistentDenial() })
  logger.info({ id: definition.ID }, 'this instance is announced in Consul')

  async function look(): Promise<void> {
    const { status } = await consul.send({ path: `/v1/agent/service/${id}`, timeoutMs: SEND_MS })
    if (status === 200) return
    await register()
    logger.warn({ id: definition.ID }, 'Consul had forgotten this instance; it is announced again')
  }

  const stop = new AbortController()
  const kept = repeat(() => look().then(degradation.recovered, degradation.failed), stop.signal)
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await kept
      await withdraw(consul, id, logger)
    },
  }
}

/** Never rejects: Consul finds out by itself, later. */
async function withdraw(consul: Consul, id: string, logger: Logger): Promise<void> {
  try {
    await consul.send({ method: 'PUT', path: `/v1/agent/service/deregister/${id}`, timeoutMs: SEND_MS })
    await delay(FAREWELL_MS)
  } catch (err) {
    logger.warn({ err }, 'this instance could not be taken out of Consul, which will find that it is gone')
  }
}

async function repeat(work: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(LOOK_MS * (0.5 + Math.random()), undefined, { signal, ref: false }).catch(() => {})
    if (!signal.aborted) await work()
  }
}

/** One address is one instance: a process that is started again in its place takes over its registration. */
function definitionOf({ service, host, port, weight }: Registration) {
  const address = host.includes(':') ? `[${host}]` : host
  return {
    ID: `${service}-${host}-${port}`,
    Name: service,
    Address: host,
    Port: port,
    Weights: { Passing: weight, Warning: weight },
    Check: { Name: 'ready', HTTP: `http://${address}:${port}/health/ready`, ...CHECK },
  }
}
