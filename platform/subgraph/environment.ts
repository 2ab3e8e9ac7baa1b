// Reads the environment variables that all subgraphs share.
import { z } from 'zod'
import { createServiceToken } from '#platform/auth/service-token.ts'
import { portNumber, urlWithScheme } from '#platform/config/config.ts'
import { discoverySettings, discoveryVariables } from '#platform/discovery/open.ts'
import { checkEventBusUrl } from '#platform/event-bus/url.ts'
import type { SubgraphConfig } from '#platform/subgraph/subgraph.ts'
import { createLogger } from '#platform/telemetry/logger.ts'

const oneServer = urlWithScheme('postgres', 'postgresql', 'mongodb', 'mongodb+srv')
/** MongoDB's URLs list the members of a replica set, with a port each, which no other kind of URL does. */
const MEMBERS = /^(mongodb:\/\/(?:[^@/?]*@)?)([^@/?]*)(.*)$/s

const readModelsUrl = z
  .string()
  .refine(text => {
    const [, login = '', members, rest = ''] = MEMBERS.exec(text) ?? []
    if (members === undefined) return oneServer.safeParse(text).success
    return members.split(',').every(one => one && oneServer.safeParse(login + one + rest).success)
  })
  .describe(oneServer.description ?? '')

const MAX_RETENTION_DAYS = 3_650
const DAY_MS = 86_400_000

/** Spread into a subgraph's own `z.object({...})`, which `readConfig` reads. */
export const subgraphVariables = {
  HOST: z.string().default('127.0.0.1').describe('an address to listen on'),
  PORT: portNumber,
  DATABASE_URL: urlWithScheme('postgres', 'postgresql'),
  READ_MODELS_URL: readModelsUrl.optional(),
  COMMAND_RETENTION_DAYS: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_RETENTION_DAYS)
    .default(30)
    .describe(`the days for which commands are remembered, 1 to ${MAX_RETENTION_DAYS}`),
  EVENT_BUS_URL: z.string().superRefine(checkEventBusUrl).describe('a URL such as postgres://… or kafka://…'),
  AUTH_JWKS_URL: urlWithScheme('file', 'http', 'https'),
  AUTH_ISSUER: z.string().describe('the issuer of access tokens'),
  AUTH_AUDIENCE: z.string().describe('the audience of access tokens'),
  SERVICE_TOKEN_FILE: z.string().optional().describe("the file of this service's own token"),
  AUTH_EMBEDDED_DIR: z.string().optional().describe('the folder of the development issuer'),
  CONFIG_URL: urlWithScheme('file', 'consul', 'consul+https').optional(),
  ...discoveryVariables,
  NODE_ENV: z.string().optional(),
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('debug, info, warn or error'),
}

type Variables = z.infer<z.ZodObject<typeof subgraphVariables>>

/** Documents lie in the service's own database unless READ_MODELS_URL says otherwise. */
export function subgraphConfig<Name extends SubgraphConfig['name']>(
  name: Name,
  read: Variables,
): SubgraphConfig & { readonly name: Name } {
  return {
    name,
    host: read.HOST,
    port: read.PORT,
    databaseUrl: read.DATABASE_URL,
    commandRetentionMs: read.COMMAND_RETENTION_DAYS * DAY_MS,
    readModelsUrl: read.READ_MODELS_URL ?? read.DATABASE_URL,
    eventBusUrl: read.EVENT_BUS_URL,
    auth: { jwks: new URL(read.AUTH_JWKS_URL), issuer: read.AUTH_ISSUER, audience: read.AUTH_AUDIENCE },
    serviceToken: createServiceToken(
      read.AUTH_EMBEDDED_DIR && !read.SERVICE_TOKEN_FILE
        ? { directory: read.AUTH_EMBEDDED_DIR, subject: name }
        : { file: read.SERVICE_TOKEN_FILE ?? '' },
    ),
    development: read.NODE_ENV === 'development',
    logger: createLogger({ service: name, level: read.LOG_LEVEL }),
    now: () => new Date(),
    discovery: discoverySettings(read),
    ...(read.CONFIG_URL && { settingsUrl: read.CONFIG_URL }),
  }
}
