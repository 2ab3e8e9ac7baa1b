// What the gateway reads from its environment.
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { readConfig, urlOf } from '#platform/config/config.ts'
import { createLogger, type Logger } from '#platform/telemetry/logger.ts'

const schema = z.object({
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(4020),
  SUPERGRAPH: z.string().min(1).optional(),
  SUBGRAPH_URLS: z.string().default(''),
  AUTH_JWKS_URL: z.url(),
  AUTH_ISSUER: z.string().min(1),
  AUTH_AUDIENCE: z.string().min(1),
  CONFIG_URL: urlOf('file').optional(),
  NODE_ENV: z.string().optional(),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
})

export type GatewayConfig = {
  readonly host: string
  readonly port: number
  /** The supergraph SDL's file. */
  readonly supergraph: URL
  /** Subgraph name to URL; one that is not named here is at the URL in the supergraph. */
  readonly subgraphUrls: Readonly<Record<string, string>>
  readonly auth: { readonly jwks: URL; readonly issuer: string; readonly audience: string }
  readonly development: boolean
  readonly logger: Logger
  /** The file with the settings that take effect while the gateway runs. */
  readonly settingsUrl?: string
}

/** Throws OperatorError CONFIG_INVALID that lists every problem. SUBGRAPH_URLS reads `name=url,name=url`. */
export function readGatewayConfig(env: Readonly<Record<string, string | undefined>>): GatewayConfig {
  const read = readConfig(schema, env)
  return {
    host: read.HOST,
    port: read.PORT,
    supergraph: read.SUPERGRAPH
      ? pathToFileURL(read.SUPERGRAPH)
      : new URL('../schema/supergraph.graphql', import.meta.url),
    subgraphUrls: Object.fromEntries(
      read.SUBGRAPH_URLS.split(',').flatMap(entry => {
        const at = entry.indexOf('=')
        return at > 0 ? [[entry.slice(0, at).trim(), entry.slice(at + 1).trim()]] : []
      }),
    ),
    auth: { jwks: new URL(read.AUTH_JWKS_URL), issuer: read.AUTH_ISSUER, audience: read.AUTH_AUDIENCE },
    development: read.NODE_ENV === 'development',
    ...(read.CONFIG_URL && { settingsUrl: read.CONFIG_URL }),
    logger: createLogger({ service: 'gateway', level: read.LOG_LEVEL }),
  }
}
