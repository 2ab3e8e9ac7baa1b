// Discovery by DNS: looks the names of services up at intervals.
import { Resolver } from 'node:dns/promises'
import type { NamedService } from '#platform/discovery/addresses.ts'
import { createDegradations } from '#platform/discovery/degradations.ts'
import type { Discovery, Instance } from '#platform/discovery/discovery.ts'
import { createDiscovery, type RegistryAdapter } from '#platform/discovery/registry.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { pauseUnlessAborted } from '#platform/resilience/backoff.ts'
import { waitForDependency } from '#platform/resilience/startup-wait.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type DnsDiscoveryOptions = {
  /**
   * The value of DISCOVERY_URL: `dns://server:port/service.consul` asks that server, `dns:///default.svc.cluster.local` the
   * system's. The path is the suffix of the service's name, `?srv=` its prefix in SRV lookups, such as `_http._tcp`.
   */
  readonly url: string
  readonly logger: Logger
  /** How long to wait for a response at the start. */
  readonly startTimeoutMs: number
  /** The time between two lookups; 5 s by default. */
  readonly intervalMs?: number
}

const INTERVAL_MS = 5000
/** Codes of a response that there is no such name or record. */
const NO_RECORD_CODES = new Set(['ENOTFOUND', 'ENODATA'])

/**
 * Looks up a service with a port by its addresses, and one without by its SRV records of the first priority. It registers
 * nothing: names are managed elsewhere. Throws OperatorError DNS_AWAY when no server answers in time.
 */
export async function openDnsDiscovery(options: DnsDiscoveryOptions): Promise<Discovery> {
  const { logger, startTimeoutMs } = options
  const { suffix, prefix, server } = readUrl(options.url)
  const resolver = new Resolver({ timeout: 2000, tries: 2 })
  if (server !== undefined) resolver.setServers([server])
  const what = `the DNS server ${server ?? resolver.getServers().join()}, which DISCOVERY_URL names`
  const away = (cause: unknown) =>
    new OperatorError(
      'DNS_AWAY',
      `${what} does not answer: ${cause instanceof Error ? cause.message : cause}`,
      cause,
    )
  const lookUp = (service: NamedService) =>
    instancesOf(resolver, service, { suffix, prefix }).catch(cause => {
      throw away(cause)
    })
  const anyName: NamedService = { name: 'gateway', port: undefined, path: '/' }
  await waitForDependency(() => lookUp(anyName), { logger, what, startTimeoutMs, isFinal: () => false })
  return createDiscovery(createRegistry(lookUp, options, resolver))
}

function readUrl(url: string) {
  const { host, hostname, pathname, port, searchParams } = new URL(url)
  return {
    server: host === '' ? undefined : `${hostname}:${port || 53}`,
    suffix: pathname.slice(1),
    prefix: searchParams.get('srv') ?? '',
  }
}

function createRegistry(
  lookUp: (service: NamedService) => Promise<Instance[]>,
  { logger, intervalMs = INTERVAL_MS }: DnsDiscoveryOptions,
  resolver: Resolver,
): RegistryAdapter {
  const stop = new AbortController()
  const { signal } = stop
  const degradations = createDegradations('by DNS', logger)

  async function poll(
    service: NamedService,
    onInstances: (instances: readonly Instance[]) => void,
  ): Promise<void> {
    const { recovered, failed } = degradations.track(`the instances of ${service.name}`)
    while (!signal.aborted) {
      await lookUp(service)
        .then(onInstances)
        .then(recovered, error => signal.aborted || failed(error))
      const wait = intervalMs * (0.5 + Math.random())
      await pauseUnlessAborted(wait, signal)
    }
  }

  const polls: Promise<void>[] = []
  return {
    watch: (service, onInstances) => void polls.push(poll(service, onInstances)),
    register: async () => ({ async [Symbol.asyncDispose]() {} }),
    health: degradations.health,
    async [Symbol.asyncDispose]() {
      stop.abort()
      resolver.cancel()
      await Promise.all(polls)
    },
  }
}

type Zone = { readonly suffix: string; readonly prefix: string }

async function instancesOf(
  resolver: Resolver,
  { name, port, path }: NamedService,
  { suffix, prefix }: Zone,
): Promise<Instance[]> {
  const domain = [name, suffix].filter(Boolean).join('.')
  if (port !== undefined)
    return (await addressesOf(resolver, domain)).map(host => ({ url: urlOf(host, port, path), weight: 1 }))
  const records = await orEmpty(resolver.resolveSrv([prefix, domain].filter(Boolean).join('.')))
  const first = Math.min(...records.map(({ priority }) => priority))
  const found = records
    .filter(({ priority }) => priority === first)
    .map(async record => {
      const hosts = await addressesOf(resolver, record.name)
      return hosts.map(host => ({ url: urlOf(host, record.port, path), weight: Math.max(1, record.weight) }))
    })
  return (await Promise.all(found)).flat()
}

async function addressesOf(resolver: Resolver, domain: string): Promise<string[]> {
  const found = await orEmpty(resolver.resolve4(domain))
  return found.length > 0 ? found : orEmpty(resolver.resolve6(domain))
}

async function orEmpty<T>(answer: Promise<T[]>): Promise<T[]> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof Error && 'code' in error && NO_RECORD_CODES.has(String(error.code))) return []
    throw error
  }
}

function urlOf(host: string, port: number, path: string): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}${path}`
}
