// What an operator sets of the way to the subgraphs, and what holds where nothing is set. Free of the environment.
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
    /** In a row, of requests or of checks, after which an instance gets none. */
    failures: count,
    /** How long it gets none before one query tries it; with a `path`, until a check passes. */
    awayMs: count,
    /** What is asked of each instance. */
    path: z.string().regex(/^\//, 'should begin with /'),
    intervalMs: count,
    timeoutMs: count,
  })
  .partial()

/** How the gateway speaks to subgraphs. */
export const everySubgraphSchema = z
  .strictObject({
    /** Of one attempt. One that ran out of time is not made again. */
    timeoutMs: count,
    /** After a failed query; a mutation is never tried again. */
    retries: z.number().int().min(0).max(10),
    /** Requests under way at once, and how many wait when there are as many. */
    concurrency: count,
    queue: z.number().int().min(0),
    breaker,
    /** To each instance. */
    connections: count,
    maxResponseBytes: count,
    /** Whether packed answers are asked for. One that comes packed unasked is unpacked as well. */
    compression: z.boolean(),
    /** Whether hashes of documents go out in place of their texts, by Apollo's protocol. */
    persistedQueries: z.boolean(),
    /** Those of one subgraph come after those of every subgraph. */
    headers: z.array(headerRule).max(100),
    replyHeaders: z.array(replyHeaderRule).max(100),
    /** How requests are spread over the instances. */
    balance: z.enum(['round-robin', 'weighted', 'least-connections', 'consistent-hash']),
    /** A header as it goes out: requests with equal ones go to the same instance. */
    hashBy: z.string().min(1).toLowerCase(),
    health,
  })
  .partial()

const instance = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  weight: z.number().positive().max(1_000_000).default(1),
})

/** How the gateway speaks to one of them. What is left out is that of `everySubgraph`. */
export const subgraphSchema = everySubgraphSchema.extend({
  /** Its instances, in place of the one URL that it has otherwise. */
  urls: z
    .array(z.union([instance.shape.url.transform(url => ({ url, weight: 1 })), instance]))
    .min(1)
    .max(64)
    .refine(all => new Set(all.map(({ url }) => url)).size === all.length, 'should be different URLs')
    .optional(),
})

type Given = z.infer<typeof subgraphSchema>
type Defaulted =
  | 'timeoutMs'
  | 'retries'
  | 'concurrency'
  | 'queue'
  | 'connections'
  | 'maxResponseBytes'
  | 'compression'
  | 'persistedQueries'
  | 'headers'
  | 'replyHeaders'
  | 'balance'
  | 'hashBy'

export type SubgraphSettings = Omit<Given, Defaulted> & {
  readonly [Key in Defaulted]: NonNullable<Given[Key]>
}

const DEFAULTS: SubgraphSettings = {
  timeoutMs: 15_000,
  retries: 2,
  concurrency: 500,
  queue: 1000,
  connections: 64,
  maxResponseBytes: 16 * 1024 * 1024,
  compression: false,
  persistedQueries: false,
  headers: [],
  replyHeaders: [],
  balance: 'round-robin',
  hashBy: 'authorization',
}

/** What holds for the subgraph that `own` is about: what it says, else what `every` says, else the default. */
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
