// Defines the settings of subscriptions: where each subgraph offers them, timeouts, and bounds.
import { z } from 'zod'

const count = z.number().int().positive()

const source = z.strictObject({
  /** graphql-transport-ws over WebSocket, or server-sent events, a connection per operation. */
  protocol: z.enum(['ws', 'sse']).optional(),
  /** The address, where it is not that of the subgraph's queries. */
  url: z.url({ protocol: /^(https?|wss?)$/ }).optional(),
  /** The path on the subgraph's own host, where it is not that of its queries. */
  path: z.string().startsWith('/').optional(),
})

export const subscriptionSettings = z.strictObject({
  /** Applies to every subgraph, except for what `subgraphs` sets. */
  everySubgraph: source.omit({ url: true }).prefault({}),
  /** By name of the subgraph. */
  subgraphs: z.record(z.string(), source).default({}),
  /** How long connecting is attempted to a subgraph that was not reached before. */
  connectMs: count.default(10_000),
  /** How long a subgraph may be away once it was reached. */
  outageMs: count.default(300_000),
  /** A connection without a sign of life for so long is replaced. */
  heartbeatMs: count.default(12_000),
  maxEventBytes: count.default(4 * 1024 * 1024),
  /** How many events a client may be behind others of the same subscription before its own is ended. */
  maxBehind: count.default(1000),
  maxBehindBytes: count.default(4 * 1024 * 1024),
  /** The most subscriptions that differ. */
  followed: count.default(10_000),
  /** The most sockets and streams of all clients, and of one subject (of one address, for anonymous callers). */
  connections: count.default(10_000),
  connectionsPerSubject: count.default(1000),
})

export type SubscriptionSettings = z.infer<typeof subscriptionSettings>
export type SourceSettings = z.infer<typeof source>

/** Returns the settings for one subgraph. */
export function sourceOf({ everySubgraph, subgraphs }: SubscriptionSettings, name: string): SourceSettings {
  return { ...everySubgraph, ...subgraphs[name] }
}
