// A subgraph put together as its settings say: what is not set is not there, and costs nothing.
import { type Connection, openConnection } from '#gateway/transport/connection.ts'
import type { Disclosure } from '#gateway/transport/disclosure.ts'
import { createFailureLog } from '#gateway/transport/failure-log.ts'
import { sendHashes } from '#gateway/transport/hashes.ts'
import { compileHeaderRules } from '#gateway/transport/header-rules.ts'
import {
  type Choose,
  consistentHash,
  leastConnections,
  roundRobin,
  weighted,
} from '#gateway/transport/instances/choice.ts'
import { openInstances } from '#gateway/transport/instances/instances.ts'
import { compileReplyHeaders } from '#gateway/transport/reply-headers.ts'
import type { SubgraphSettings } from '#gateway/transport/settings.ts'
import { createSubgraph, type Subgraph } from '#gateway/transport/subgraph.ts'
import { ACCEPTED_ENCODINGS } from '#gateway/transport/unpack.ts'
import { createPolicy } from '#platform/resilience/policy.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type Telling = {
  /** What callers are told of the subgraph's errors; DISCREET when left out. */
  readonly disclosure?: Disclosure
  /** Told why requests failed; nobody is when left out. */
  readonly logger?: Logger
}

/** `url` must be one; it does not count when the settings name instances. */
export function connectSubgraph(
  name: string,
  url: string,
  settings: SubgraphSettings,
  { logger, disclosure }: Telling = {},
): Subgraph {
  return createSubgraph({
    name,
    ...(disclosure && { disclosure }),
    ...(logger && { onFailure: createFailureLog(logger, name) }),
    rule: compileHeaderRules(settings.headers),
    passBack: compileReplyHeaders(settings.replyHeaders),
    ...(settings.compression && { headers: { 'accept-encoding': ACCEPTED_ENCODINGS } }),
    connection: connectionTo(name, url, settings),
    policy: createPolicy({
      name: `subgraph-${name}`,
      timeoutMs: settings.timeoutMs,
      retries: settings.retries,
      retriesTimeouts: false,
      concurrency: settings.concurrency,
      queue: settings.queue,
      breaker: breakerOf(settings),
    }),
  })
}

function connectionTo(name: string, url: string, settings: SubgraphSettings): Connection {
  const { urls: instances = [{ url, weight: 1 }], health = {} } = settings
  const open = (to: string) => {
    const connection = openConnection({ url: to, ...settings })
    return settings.persistedQueries ? sendHashes(connection) : connection
  }
  const [only] = instances
  if (only && instances.length === 1) return open(only.url)
  const { path, intervalMs = 5000, timeoutMs = 2000, failures = 3, awayMs = 10_000 } = health
  return openInstances({
    name,
    instances,
    open,
    choose: chooser(settings),
    health: { failures, awayMs },
    checks: path === undefined ? undefined : { path, intervalMs, timeoutMs },
  })
}

function chooser({ balance, hashBy }: SubgraphSettings): Choose {
  switch (balance) {
    case 'round-robin':
      return roundRobin()
    case 'weighted':
      return weighted()
    case 'least-connections':
      return leastConnections()
    case 'consistent-hash':
      return consistentHash(hashBy)
  }
}

function breakerOf({ breaker = {} }: SubgraphSettings) {
  return Object.fromEntries(Object.entries(breaker).filter(([, value]) => value !== undefined))
}
