// Discovery in Consul: services are registered with a health check, and watched by blocking queries.
import { z } from 'zod'
import {
  type Consul,
  type ConsulResponse,
  checkLeader,
  openConsul,
  watchConsul,
} from '#platform/consul/consul.ts'
import type { NamedService } from '#platform/discovery/addresses.ts'
import { createDegradations } from '#platform/discovery/degradations.ts'
import type { Discovery, Instance } from '#platform/discovery/discovery.ts'
import { registerInConsul } from '#platform/discovery/registration.consul.ts'
import { createDiscovery, type RegistryAdapter } from '#platform/discovery/registry.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { waitForDependency } from '#platform/resilience/startup-wait.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type ConsulDiscoveryOptions = {
  /** The value of DISCOVERY_URL: `consul://host:port`, `consul+https://host:port`, with `?dc=` for another data centre. */
  readonly url: string
  readonly token?: string | undefined
  readonly logger: Logger
  /** How long to wait for Consul at the start. */
  readonly startTimeoutMs: number
}

/** Throws OperatorError CONSUL_AWAY when there is no Consul with a leader in time. */
export async function openConsulDiscovery(options: ConsulDiscoveryOptions): Promise<Discovery> {
  const { url, token, logger, startTimeoutMs } = options
  await using open = new AsyncDisposableStack()
  const consul = open.use(openConsul({ url, token, variable: 'DISCOVERY_URL' }))
  const what = `Consul at ${consul.address}, which DISCOVERY_URL names`
  await waitForDependency(() => checkLeader(consul), { logger, what, startTimeoutMs, isFinal: () => false })
  open.move()
  return createDiscovery(createRegistry(consul, options))
}

function createRegistry(consul: Consul, { logger, startTimeoutMs }: ConsulDiscoveryOptions): RegistryAdapter {
  const stop = new AbortController()
  const { signal } = stop
  const degradations = createDegradations('by Consul', logger)
  const watches: Promise<void>[] = []
  return {
    watch(service, onInstances) {
      const { failed, recovered } = degradations.track(`the instances of ${service.name}`)
      const onResponse = (response: ConsulResponse) => onInstances(readInstances(response, service, consul))
      const path = `/v1/health/service/${encodeURIComponent(service.name)}`
      const request = { path, query: { passing: 'true' } }
      watches.push(
        watchConsul(consul, { request, signal, onResponse, onError: failed, onSuccess: recovered }),
      )
    },
    register: registration =>
      registerInConsul(consul, registration, {
        logger,
        startTimeoutMs,
        degradation: degradations.track('this instance'),
      }),
    health: degradations.health,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await Promise.all(watches)
      await consul[Symbol.asyncDispose]()
    },
  }
}

const entries = z.array(
  z.object({
    Node: z.object({ Address: z.string() }),
    Service: z.object({
      Address: z.string(),
      Port: z.number(),
      Weights: z.object({ Passing: z.number() }).optional(),
    }),
  }),
)

/** Throws OperatorError CONSUL_DENIED when the token may not see the service. */
function readInstances(
  answer: ConsulResponse,
  { name, path, port }: NamedService,
  consul: Consul,
): Instance[] {
  const read = entries.safeParse(JSON.parse(answer.text))
  if (!read.success)
    throw new OperatorError(
      'CONSUL_AWAY',
      `Consul at ${consul.address} answers with something else: ${read.error.message}`,
    )
  if (read.data.length === 0 && answer.isFiltered) throw consul.denied(`to see the service ${name}`)
  return read.data.map(({ Node, Service }) => {
    const host = Service.Address || Node.Address
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${Service.Port || (port ?? 80)}${path}`
    return { url, weight: Math.max(1, Service.Weights?.Passing ?? 1) }
  })
}
