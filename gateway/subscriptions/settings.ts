// What an operator sets of subscriptions: where each subgraph offers them, and how much may wait. Free of the environment.
import { z } from 'zod'

const count = z.number().int().positive()

/** Where and how a subgraph offers its subscriptions. */
const source = z.strictObject({
  /** graphql-transport-ws over WebSocket, or server-sent events, a connection per operation. */
  protocol: z.enum(['ws', 'sse']).optional(),
  /** A whole address, where it is not that of the subgraph. */
  url: z.url({ protocol: /^(https?|wss?)$/ }).optional(),
  /** On the subgraph's own host, where its path is another than that of queries. */
  path: z.string().startsWith('/').optional(),
})

export const subscriptionSettings = z.strictObject({
  /** For every subgraph that `subgraphs` does not name. */
  everySubgraph: source.omit({ url: true }).prefault({}),
  /** By name; what is left out is that of `everySubgraph`. */
  subgraphs: z.record(z.string(), source).default({}),
  /** How long a subgraph that was not reached yet is tried. */
  connectMs: count.default(10_000),
  /** How long one may be away once it was reached. */
  outageMs: count.default(300_000),
  /** A subgraph that gives no sign of life for so long is connected to anew. */
  heartbeatMs: count.default(12_000),
  maxEventBytes: count.default(4 * 1024 * 1024),
  /** What one client may be behind another of the same subscription, before it is ended. */
  maxBehind: count.default(1000),
  maxBehindBytes: count.default(4 * 1024 * 1024),
  /** Subscriptions that differ. */
  followed: count.default(10_000),
  /** Sockets and streams of clients altogether, and of one subject (of one address, for anonymous callers). */
  connections: count.default(10_000),
  connectionsPerSubject: count.default(1000),
})

export type SubscriptionSettings = z.infer<typeof subscriptionSettings>
export type SourceSettings = z.infer<typeof source>

/** What holds for the subgraph called `name`. */
export function sourceOf({ everySubgraph, subgraphs }: SubscriptionSettings, name: string): SourceSettings {
  return { ...everySubgraph, ...subgraphs[name] }
}
