// Reads the gateway's configuration from environment variables.
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { DEFAULT_SETTINGS, type GatewaySettings, readSettings } from '#gateway/settings.ts'
import { portNumber, readConfig, redisUrl, urlWithScheme } from '#platform/config/config.ts'
import { type DiscoverySettings, discoverySettings, discoveryVariables } from '#platform/discovery/open.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { corsOrigins, type Origins, originsOf } from '#platform/http/cors.ts'
import { faultOf } from '#platform/process/fault.ts'
import { createLogger, type Logger } from '#platform/telemetry/logger.ts'

const schema = z.object({
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: portNumber.default(4020),
  SUPERGRAPH: z.string().min(1).optional(),
  SUBGRAPH_URLS: z.string().default(''),
  GATEWAY_SETTINGS: z.string().min(1).optional(),
  AUTH_JWKS_URL: z.url().optional(),
  AUTH_ISSUER: z.string().min(1).optional(),
  AUTH_AUDIENCE: z.string().min(1).optional(),
  CACHE_URL: redisUrl.optional(),
  CORS_ORIGINS: corsOrigins,
  CONFIG_URL: urlWithScheme('file', 'consul', 'consul+https').optional(),
  ...discoveryVariables,
  NODE_ENV: z.string().optional(),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
})

export type GatewayConfig = {
  readonly host: string
  readonly port: number
  /** The location of the supergraph SDL: a file:, http: or https: URL. */
  readonly supergraph: URL
  /** Addresses by subgraph name; a subgraph without one is at the URL in the supergraph. */
  readonly subgraphUrls: Readonly<Record<string, string>>
  /** The service registry for looking up subgraphs and registering the gateway; left out, there is none. */
  readonly discovery?: DiscoverySettings
  /** How bearer tokens are verified. Left out, every caller is anonymous. */
  readonly auth?: { readonly jwks: URL; readonly issuer: string; readonly audience: string }
  /** Other origins whose pages may call the gateway; none when left out. */
  readonly origins?: Origins
  readonly settings: GatewaySettings
  /** The Redis through which processes share rate limits: one URL, or those of a cluster with commas between. */
  readonly cacheUrl?: string
  readonly development: boolean
  readonly logger: Logger
  /** The location of settings that take effect while the gateway runs: a `file:` or `consul:` URL. */
  readonly settingsUrl?: string
}

/**
 * Throws OperatorError CONFIG_INVALID that lists every problem. The three AUTH_ variables are set together, or none of them
 * where no tokens are verified. SUBGRAPH_URLS reads `name=url,name=url|url`.
 */
export function readGatewayConfig(env: Readonly<Record<string, string | undefined>>): GatewayConfig {
  const read = readConfig(schema, env)
  return {
    host: read.HOST,
    port: read.PORT,
    supergraph: read.SUPERGRAPH
      ? locate(read.SUPERGRAPH)
      : new URL('../schema/supergraph.graphql', import.meta.url),
    subgraphUrls: Object.fromEntries(
      read.SUBGRAPH_URLS.split(',').flatMap(entry => {
        const at = entry.indexOf('=')
        return at > 0 ? [[entry.slice(0, at).trim(), entry.slice(at + 1).trim()]] : []
      }),
    ),
    ...authOf(read),
    settings:
      read.GATEWAY_SETTINGS === undefined ? DEFAULT_SETTINGS : readSettingsFile(read.GATEWAY_SETTINGS),
    discovery: discoverySettings(read),
    development: read.NODE_ENV === 'development',
    origins: originsOf(read.CORS_ORIGINS, { development: read.NODE_ENV === 'development' }),
    ...(read.CACHE_URL && { cacheUrl: read.CACHE_URL }),
    ...(read.CONFIG_URL && { settingsUrl: read.CONFIG_URL }),
    logger: createLogger({ service: 'gateway', level: read.LOG_LEVEL }),
  }
}

/** Returns the URL, or the file URL of a path. */
function locate(supergraph: string): URL {
  return /^(https?|file):\/\//i.test(supergraph) && URL.canParse(supergraph)
    ? new URL(supergraph)
    : pathToFileURL(supergraph)
}

function authOf(read: z.infer<typeof schema>): Pick<GatewayConfig, 'auth'> {
  const { AUTH_JWKS_URL: jwks, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience } = read
  if (jwks !== undefined && issuer !== undefined && audience !== undefined)
    return { auth: { jwks: new URL(jwks), issuer, audience } }
  if (jwks === undefined && issuer === undefined && audience === undefined) return {}
  const missing = Object.entries({ AUTH_JWKS_URL: jwks, AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience })
    .filter(([, value]) => value === undefined)
    .map(([name]) => `  ${name}: is not set; the three of AUTH_ are set together, or none of them`)
  throw new OperatorError('CONFIG_INVALID', `the configuration is not usable:\n${missing.join('\n')}`)
}

function readSettingsFile(file: string): GatewaySettings {
  try {
    return readSettings(JSON.parse(readFileSync(file, 'utf8')))
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause
    const reason = cause instanceof SyntaxError ? `it is not JSON (${cause.message})` : faultOf(cause).message
    throw new OperatorError(
      'CONFIG_INVALID',
      `GATEWAY_SETTINGS names a file that is not usable: ${reason}`,
      cause,
    )
  }
}
