// The `everySubgraph` and `subgraphs` sections of the settings file, with their defaults.
import { z } from 'zod'
import { headerRule } from '#gateway/transport/header-rules.ts'
import { replyHeaderRule } from '#gateway/transport/reply-headers.ts'

const count = z.number().int().positive()

const breaker = z
  .strictObject({
    /** The share of failed requests within the window that opens the circuit. */
    threshold: z.number().gt(0).lt(1),
    windowMs: count,
    /** Fewer requests a second never open it. */
    minimumPerSecond: z.number().positive(),
    halfOpenAfterMs: count,
  })
  .partial()

const health = z
  .strictObject({
    /** The number of consecutive failures after which an instance gets no requests. */
    failures: count,
    /** How long it gets none before one query tries it; with a `path`, until a health check passes. */
    awayMs: count,
    /** The path of the health check; left out, there are no checks. */
    path: z.string().regex(/^\//, 'should begin with /'),
    intervalMs: count,
    timeoutMs: count,
  })
  .partial()

/** The settings that apply to every subgraph. */
export const everySubgraphSchema = z
  .strictObject({
    /** The timeout of one attempt. An attempt that timed out is not retried. */
    timeoutMs: count,
    /** How often a failed query is retried; a mutation never is. */
    retries: z.number().int().min(0).max(10),
    /** The number of concurrent requests, and how many may wait beyond it. */
    concurrency: count,
    queue: z.number().int().min(0),
    breaker,
    /** The size of the connection pool of each instance. */
    connections: count,
    maxResponseBytes: count,
    /** Says whether compressed responses are asked for. One that arrives compressed anyway is decompressed as well. */
    compression: z.boolean(),
    /** Says whether hashes are sent in place of documents, by Apollo's protocol. */
    persistedQueries: z.boolean(),
    /** The rules of one subgraph apply after those of every subgraph. */
    headers: z.array(headerRule).max(100),
    replyHeaders: z.array(replyHeaderRule).max(100),
    /** How requests are spread over the instances. */
    balance: z.enum(['round-robin', 'weighted', 'least-connections', 'consistent-hash']),
    /** A header as it goes out: requests with the same value go to the same instance. */
    hashBy: z.string().min(1).toLowerCase(),
    health,
  })
  .partial()

const instance = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  weight: z.number().positive().max(1_000_000).default(1),
})

/** The settings of one subgraph; `everySubgraph` applies to what is left out. */
export const subgraphSchema = everySubgraphSchema.extend({
  /** The subgraph's instances, in place of its one URL. */
  urls: z
    .array(z.union([instance.shape.url.transform(url => ({ url, weight: 1 })), instance]))
    .min(1)
    .max(64)
    .refine(all => new Set(all.map(({ url }) => url)).size === all.length, 'should be different URLs')
    .optional(),
})

type Given = z.infer<typeof subgraphSchema>
const DEFAULTS = {
  timeoutMs: 15_000,
  retries: 2,
  concurrency: 500,
  queue: 1000,
  connections: 512,
  maxResponseBytes: 16 * 1024 * 1024,
  compression: false,
  persistedQueries: false,
  headers: [],
  replyHeaders: [],
  balance: 'round-robin',
  hashBy: 'authorization',
} satisfies Given

type Defaulted = keyof typeof DEFAULTS
export type SubgraphSettings = Omit<Given, Defaulted> & {
  readonly [Key in Defaulted]: NonNullable<Given[Key]>
}

/** Returns the settings of one subgraph: its own, else those of every subgraph, else the default. */
export function subgraphSettings(
  every: z.infer<typeof everySubgraphSchema>,
  own: Given = {},
): SubgraphSettings {
  const headers = [...(every.headers ?? []), ...(own.headers ?? [])]
  const replyHeaders = [...(every.replyHeaders ?? []), ...(own.replyHeaders ?? [])]
  return { ...DEFAULTS, ...present(every), ...present(own), headers, replyHeaders }
}

function present(given: Given): Partial<SubgraphSettings> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
