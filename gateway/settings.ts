// The schema of the gateway's settings file, section by section.
import { z } from 'zod'
import { DEFAULT_RESPONSE_BYTES } from '#gateway/executor/response-limit.ts'
import { persistedSettings } from '#gateway/pipeline/persisted-operations.ts'
import { authorizationSettings, costSettings, rateLimitSettings } from '#gateway/safety/settings.ts'
import { subscriptionSettings } from '#gateway/subscriptions/settings.ts'
import { reloadSettings } from '#gateway/supergraph/settings.ts'
import { errorSettings } from '#gateway/transport/error-masking.ts'
import {
  everySubgraphSchema,
  type SubgraphSettings,
  subgraphSchema,
  subgraphSettings,
} from '#gateway/transport/settings.ts'
import { problemsByLine, validationMessage } from '#platform/config/validation-messages.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { DEFAULT_LIMITS } from '#platform/graphql/documents/limits.ts'
import { BATCHES_FROM } from '#platform/graphql/endpoint/batch.ts'

const count = z.number().int().positive()

const limits = z.strictObject({
  tokens: count.default(DEFAULT_LIMITS.tokens),
  depth: count.default(DEFAULT_LIMITS.depth),
  aliases: count.default(DEFAULT_LIMITS.aliases),
  rootFields: count.default(DEFAULT_LIMITS.rootFields),
  selections: count.default(DEFAULT_LIMITS.selections),
  fieldPairs: count.default(DEFAULT_LIMITS.fieldPairs),
  defers: count.default(DEFAULT_LIMITS.defers),
  directives: count.default(DEFAULT_LIMITS.directives),
  variables: count.default(DEFAULT_LIMITS.variables),
  values: count.default(DEFAULT_LIMITS.values),
  batch: count.default(DEFAULT_LIMITS.batch),
  /** The most bytes of a whole response before compression. */
  answerBytes: count.max(256 * 1024 * 1024).default(DEFAULT_RESPONSE_BYTES),
})

const settings = z.strictObject({
  limits: limits.prefault({}),
  /** Names who may send several operations in one request; where no tokens are verified, no caller is a service. */
  batchesFrom: z.enum(BATCHES_FROM).default('services'),
  /** The settings of every subgraph that `subgraphs` does not name. */
  everySubgraph: everySubgraphSchema.default({}).transform(given => subgraphSettings(given)),
  /** Settings by subgraph name; `everySubgraph` applies to what is left out. */
  subgraphs: z.record(z.string(), subgraphSchema).default({}),
  errors: errorSettings.prefault({}),
  /** Says whether clients may introspect the schema; left out, only with NODE_ENV=development. */
  introspection: z.boolean().optional(),
  /** Says whether equal queries that run at the same time share one execution. */
  shareQueries: z.boolean().default(false),
  subscriptions: subscriptionSettings.prefault({}),
  reload: reloadSettings.prefault({}),
  authorization: authorizationSettings.prefault({}),
  cost: costSettings.prefault({}),
  persisted: persistedSettings.prefault({}),
  /** Left out, clients are not limited. */
  rateLimit: rateLimitSettings.optional(),
})

export type GatewaySettings = z.infer<typeof settings>

/** Throws OperatorError CONFIG_INVALID that lists every problem with its path. */
export function readSettings(json: unknown): GatewaySettings {
  const read = settings.safeParse(json, { error: validationMessage })
  if (read.success) return read.data
  throw new OperatorError(
    'CONFIG_INVALID',
    `the gateway's settings are not usable:\n${problemsByLine(read.error)}`,
  )
}

export const DEFAULT_SETTINGS: GatewaySettings = readSettings({})

/** Returns the settings that apply to the subgraph called `name`. */
export function settingsOf({ everySubgraph, subgraphs }: GatewaySettings, name: string): SubgraphSettings {
  return subgraphSettings(everySubgraph, subgraphs[name])
}
