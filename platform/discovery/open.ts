// Opens the discovery that a URL names, and makes a service known in it. Free of any adapter until one is chosen.
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
  /** Addresses alone are known when left out. */
  readonly url?: string
  readonly token?: string
  /** The host that is listened on when left out. */
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

/** Throws OperatorError CONSUL_AWAY or DNS_AWAY when nobody answers for `startTimeoutMs`, a minute when left out. */
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
 * Makes a service known that listens on `host` and `port`, and takes it away again first of all when its server stops.
 * Health says whether what is known is current.
 */
export async function registerService(
  found: Discovery,
  http: HttpServer,
  { host, port, discovery: settings }: Joining,
): Promise<void> {
  if (settings?.url === undefined) return
  http.addHealthCheck('discovery', async () => found.health(), { essential: false })
  const announcement = await found.register({
    service: http.name,
    host: settings.advertiseHost ?? reachable(host),
    port,
    weight: settings.weight,
  })
  http.onShutdown(async () => announcement[Symbol.asyncDispose]())
}

type Joining = {
  readonly host: string
  readonly port: number
  readonly discovery?: DiscoverySettings | undefined
}

/** Where others find what listens on `host`: on all addresses means on the first that is not this machine's own. */
function reachable(host: string): string {
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
