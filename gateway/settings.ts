// What an operator sets in the gateway's settings file, section by section. Free of the environment and of files.
import { z } from 'zod'
import { OperatorError } from '#platform/domain/errors.ts'
import { DEFAULT_LIMITS } from '#platform/graphql/limits.ts'

const count = z.number().int().positive()

/** How the gateway speaks to one subgraph. */
const subgraph = z.strictObject({
  /** Of one attempt. */
  timeoutMs: count.default(15_000),
  /** After a failed query; a mutation is never tried again. */
  retries: z.number().int().min(0).max(10).default(2),
  /** Requests under way at once, and how many wait when there are as many. */
  concurrency: count.default(500),
  queue: z.number().int().min(0).default(1000),
  maxResponseBytes: count.default(16 * 1024 * 1024),
})

const limits = z.strictObject({
  tokens: count.default(DEFAULT_LIMITS.tokens),
  depth: count.default(DEFAULT_LIMITS.depth),
  aliases: count.default(DEFAULT_LIMITS.aliases),
  rootFields: count.default(DEFAULT_LIMITS.rootFields),
  batch: count.default(DEFAULT_LIMITS.batch),
})

const settings = z.strictObject({
  limits: limits.prefault({}),
  /** For every subgraph that `subgraphs` does not name. */
  everySubgraph: subgraph.prefault({}),
  /** By name; what is left out is that of `everySubgraph`. */
  subgraphs: z.record(z.string(), subgraph.partial()).default({}),
  /** Whether clients may ask for the schema; as NODE_ENV says when left out. */
  introspection: z.boolean().optional(),
})

export type GatewaySettings = z.infer<typeof settings>
export type SubgraphSettings = z.infer<typeof subgraph>

/** Throws OperatorError CONFIG_INVALID that lists every problem with its place. */
export function readSettings(json: unknown): GatewaySettings {
  const read = settings.safeParse(json)
  if (read.success) return read.data
  const problems = read.error.issues.map(
    ({ path, message }) => `  ${path.join('.') || 'the file'}: ${message}`,
  )
  throw new OperatorError('CONFIG_INVALID', `the gateway's settings are not usable:\n${problems.join('\n')}`)
}

export const DEFAULT_SETTINGS: GatewaySettings = readSettings({})

/** What holds for the subgraph called `name`. */
export function settingsOf({ everySubgraph, subgraphs }: GatewaySettings, name: string): SubgraphSettings {
  const own = Object.entries(subgraphs[name] ?? {}).filter(([, value]) => value !== undefined)
  return { ...everySubgraph, ...Object.fromEntries(own) }
}
