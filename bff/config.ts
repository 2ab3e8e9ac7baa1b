// Reads the configuration of a BFF from its environment; both BFFs have the same variables.
import { z } from 'zod'
import { createServiceToken } from '#platform/auth/service-token.ts'
import { readConfig, redisUrl, urlWithScheme } from '#platform/config/config.ts'
import { graphqlUrl, namedUrl, requireAddresses } from '#platform/discovery/addresses.ts'
import { discoverySettings, discoveryVariables } from '#platform/discovery/open.ts'
import { checkEventBusUrl } from '#platform/event-bus/url.ts'
import { BATCHES_FROM, type BatchesFrom } from '#platform/graphql/endpoint/batch.ts'
import { corsOrigins, type Origins, originsOf } from '#platform/http/cors.ts'
import type { SubgraphConfig } from '#platform/subgraph/subgraph.ts'
import { createLogger } from '#platform/telemetry/logger.ts'

const schema = requireAddresses(
  z.object({
    HOST: z.string().min(1).default('127.0.0.1'),
    PORT: z.coerce.number().int().min(0).max(65_535),
    GATEWAY_URL: graphqlUrl.optional(),
    EVENT_BUS_URL: z
      .string()
      .superRefine(checkEventBusUrl)
      .describe('a URL such as postgres://… or kafka://…'),
    AUTH_JWKS_URL: z.url(),
    AUTH_ISSUER: z.string().min(1),
    AUTH_AUDIENCE: z.string().min(1),
    SERVICE_TOKEN_FILE: z.string().min(1).optional(),
    AUTH_EMBEDDED_DIR: z.string().min(1).optional(),
    CACHE_URL: redisUrl.optional(),
    CORS_ORIGINS: corsOrigins,
    MAX_COST: z.coerce.number().int().min(1).default(20_000).describe('a whole number of values, from 1'),
    BATCHES_FROM: z.enum(BATCHES_FROM).default('services'),
    PERSISTED_OPERATIONS: z.enum(['allow', 'only']).default('allow'),
    CONFIG_URL: urlWithScheme('file', 'consul', 'consul+https').optional(),
    ...discoveryVariables,
    NODE_ENV: z.string().optional(),
    LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  }),
  ['GATEWAY_URL'],
).refine(env => env.SERVICE_TOKEN_FILE ?? env.AUTH_EMBEDDED_DIR, {
  path: ['SERVICE_TOKEN_FILE'],
  message: 'set SERVICE_TOKEN_FILE, or AUTH_EMBEDDED_DIR with the development issuer',
})

/** The settings that a subgraph has too, such as its ports and tokens, have the same names and meaning here. */
export type BffConfig = Omit<SubgraphConfig, 'name' | 'databaseUrl' | 'readModelsUrl' | 'now'> & {
  readonly name: 'bff-web' | 'bff-mobile'
  /** The value of GATEWAY_URL, or the gateway's name in discovery. */
  readonly gatewayUrl: string
  /** Tier 2 of the cache: one URL, or those of a cluster separated by commas. None by default. */
  readonly cacheUrl?: string
  /** The origins whose pages may use the BFF. */
  readonly origins: Origins
  /** When true, only the operations of schema/persisted/ may run. */
  readonly onlyPersisted: boolean
  /** Services alone, or everybody, may send several operations in one request. */
  readonly batchesFrom: BatchesFrom
  /** The greatest estimated cost of a request. */
  readonly maxCost: number
}

/** Returns the configuration. Throws OperatorError CONFIG_INVALID that lists every problem. */
export function readBffConfig(
  name: BffConfig['name'],
  env: Readonly<Record<string, string | undefined>>,
): BffConfig {
  const read = readConfig(schema, env)
  return {
    name,
    host: read.HOST,
    port: read.PORT,
    gatewayUrl: read.GATEWAY_URL ?? namedUrl('gateway'),
    discovery: discoverySettings(read),
    eventBusUrl: read.EVENT_BUS_URL,
    ...(read.CACHE_URL && { cacheUrl: read.CACHE_URL }),
    auth: { jwks: new URL(read.AUTH_JWKS_URL), issuer: read.AUTH_ISSUER, audience: read.AUTH_AUDIENCE },
    serviceToken: createServiceToken(
      read.SERVICE_TOKEN_FILE
        ? { file: read.SERVICE_TOKEN_FILE }
        : { directory: read.AUTH_EMBEDDED_DIR ?? '' },
    ),
    origins: originsOf(read.CORS_ORIGINS, { development: read.NODE_ENV === 'development' }),
    onlyPersisted: read.PERSISTED_OPERATIONS === 'only',
    batchesFrom: read.BATCHES_FROM,
    maxCost: read.MAX_COST,
    development: read.NODE_ENV === 'development',
    ...(read.CONFIG_URL && { settingsUrl: read.CONFIG_URL }),
    logger: createLogger({ service: name, level: read.LOG_LEVEL }),
  }
}
