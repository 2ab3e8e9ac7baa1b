// Opens the discovery that DISCOVERY_URL names, and registers a service in it.
import { networkInterfaces } from 'node:os'
import { z } from 'zod'
import { urlWithScheme } from '#platform/config/config.ts'
import { openStaticDiscovery } from '#platform/discovery/discovery.static.ts'
import type { Discovery } from '#platform/discovery/discovery.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import type { HttpServer } from '#platform/http/server.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/** Spread into a service's own `z.object({...})`. */
export const discoveryVariables = {
  DISCOVERY_URL: urlWithScheme('consul', 'consul+https', 'dns').optional(),
  CONSUL_HTTP_TOKEN: z.string().describe('the token that Consul knows this service by').optional(),
  ADVERTISE_HOST: z.string().describe('the address at which others reach this service').optional(),
  ADVERTISE_WEIGHT: z.coerce
    .number()
    .int()
    .min(1)
    .max(65_535)
    .default(1)
    .describe('how much this instance is to get beside others, 1 to 65535'),
}

export type DiscoverySettings = {
  /** Only configured addresses are used without it. */
  readonly url?: string
  readonly token?: string
  /** The host that the service listens on by default. */
  readonly advertiseHost?: string
  readonly weight: number
}

export function discoverySettings(read: z.infer<z.ZodObject<typeof discoveryVariables>>): DiscoverySettings {
  return {
    weight: read.ADVERTISE_WEIGHT,
    ...(read.DISCOVERY_URL && { url: read.DISCOVERY_URL }),
    ...(read.CONSUL_HTTP_TOKEN && { token: read.CONSUL_HTTP_TOKEN }),
    ...(read.ADVERTISE_HOST && { advertiseHost: read.ADVERTISE_HOST }),
  }
}

const START_TIMEOUT_MS = 60_000

/** Throws OperatorError CONSUL_AWAY or DNS_AWAY when nothing answers for `startTimeoutMs`, 60 s by default. */
export async function openDiscovery(
  { url, token }: Pick<DiscoverySettings, 'url' | 'token'> = {},
  {
    logger,
    startTimeoutMs = START_TIMEOUT_MS,
  }: { readonly logger: Logger; readonly startTimeoutMs?: number },
): Promise<Discovery> {
  if (url === undefined) return openStaticDiscovery()
  if (url.startsWith('dns:')) {
    const { openDnsDiscovery } = await import('#platform/discovery/discovery.dns.ts')
    return openDnsDiscovery({ url, logger, startTimeoutMs })
  }
  const { openConsulDiscovery } = await import('#platform/discovery/discovery.consul.ts')
  return openConsulDiscovery({ url, token, logger, startTimeoutMs })
}

/**
 * Registers a service that listens on `host` and `port`, and deregisters it first of all when its server stops. Adds the health
 * check `discovery`.
 */
export async function registerService(
  discovery: Discovery,
  http: HttpServer,
  { host, port, discovery: settings }: RegisteredService,
): Promise<void> {
  if (settings?.url === undefined) return
  http.addHealthCheck('discovery', async () => discovery.health(), { essential: false })
  const registration = await discovery.register({
    service: http.name,
    host: settings.advertiseHost ?? reachableHost(host),
    port,
    weight: settings.weight,
  })
  http.onShutdown(async () => registration[Symbol.asyncDispose]())
}

type RegisteredService = {
  readonly host: string
  readonly port: number
  readonly discovery?: DiscoverySettings | undefined
}

/** Returns the host at which others reach `host`: for all addresses, the first that is not internal to this machine. */
function reachableHost(host: string): string {
  if (host !== '0.0.0.0' && host !== '::') return host
  const all = Object.values(networkInterfaces()).flatMap(found => found ?? [])
  const outside = all.filter(({ internal }) => !internal)
  const found = outside.find(({ family }) => family === 'IPv4') ?? outside[0]
  if (found) return found.address
  throw new OperatorError(
    'CONFIG_INVALID',
    `HOST is ${host}, and this machine has no address that others reach: set ADVERTISE_HOST`,
  )
}
