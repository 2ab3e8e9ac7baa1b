// Registers an instance in Consul, and keeps it registered while the instance lives.
import { setTimeout as delay } from 'node:timers/promises'
import { type Consul, persistentDenial } from '#platform/consul/consul.ts'
import type { Degradation } from '#platform/discovery/degradations.ts'
import type { Registration } from '#platform/discovery/discovery.ts'
import { startPeriodicTask } from '#platform/resilience/periodic-task.ts'
import { waitForDependency } from '#platform/resilience/startup-wait.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type RegistrationOptions = {
  readonly logger: Logger
  readonly startTimeoutMs: number
  readonly degradation: Degradation
}

/** How often Consul checks `/health/ready`, how long it waits, and when it removes a dead instance (a minute is the least). */
const CHECK = { Interval: '2s', Timeout: '5s', DeregisterCriticalServiceAfter: '1m' }
/** The mean time between two checks that Consul still has the registration. */
const CHECK_INTERVAL_MS = 3000
const SEND_MS = 2000
/** The time that callers have to learn of the deregistration before connections are refused. */
const DEREGISTRATION_DELAY_MS = 250

/** Throws OperatorError CONSUL_DENIED, or CONSUL_AWAY when Consul is unreachable for `startTimeoutMs`. */
export async function registerInConsul(
  consul: Consul,
  registration: Registration,
  { logger, startTimeoutMs, degradation }: RegistrationOptions,
): Promise<AsyncDisposable> {
  const definition = definitionOf(registration)
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
  logger.info({ id: definition.ID }, 'this instance is registered in Consul')

  async function ensureRegistered(): Promise<void> {
    const { status } = await consul.send({ path: `/v1/agent/service/${id}`, timeoutMs: SEND_MS })
    if (status === 200) return
    await register()
    logger.warn(
      { id: definition.ID },
      'Consul had lost the registration of this instance, registered it again',
    )
  }

  const checking = startPeriodicTask({
    run: () => ensureRegistered().then(degradation.recovered),
    everyMs: CHECK_INTERVAL_MS,
    first: 'after-pause',
    jitter: 0.5,
    onError: degradation.failed,
  })
  return {
    async [Symbol.asyncDispose]() {
      await checking[Symbol.asyncDispose]()
      await deregister(consul, id, logger)
    },
  }
}

/** Never rejects: Consul removes an instance that does not answer by itself, later. */
async function deregister(consul: Consul, id: string, logger: Logger): Promise<void> {
  try {
    await consul.send({ method: 'PUT', path: `/v1/agent/service/deregister/${id}`, timeoutMs: SEND_MS })
    await delay(DEREGISTRATION_DELAY_MS)
  } catch (err) {
    logger.warn({ err }, 'deregistration in Consul failed, its health check will remove this instance')
  }
}

/** The id is made of the address: a process that is started again in its place takes over its registration. */
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
