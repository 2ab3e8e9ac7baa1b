// Puts a subgraph's client together as its settings say: a feature that is not set adds no code to a request.
import { type Connection, openConnection } from '#gateway/transport/connection.ts'
import { ACCEPTED_ENCODINGS } from '#gateway/transport/decompress.ts'
import type { ErrorMasking } from '#gateway/transport/error-masking.ts'
import { createFailureLog } from '#gateway/transport/failure-log.ts'
import { compileHeaderRules } from '#gateway/transport/header-rules.ts'
import { openInstances } from '#gateway/transport/instances.ts'
import { withPersistedQueries } from '#gateway/transport/persisted-queries.ts'
import { compileReplyHeaders } from '#gateway/transport/reply-headers.ts'
import type { SubgraphSettings } from '#gateway/transport/settings.ts'
import { createSubgraph, type Subgraph } from '#gateway/transport/subgraph.ts'
import {
  type BalancingStrategy,
  consistentHash,
  leastConnections,
  roundRobin,
  weighted,
} from '#platform/discovery/balancing-strategies.ts'
import { openStaticDiscovery } from '#platform/discovery/discovery.static.ts'
import type { Discovery, ServiceInstances } from '#platform/discovery/discovery.ts'
import { fixedInstances } from '#platform/discovery/registry.ts'
import { createPolicy, type PolicyOptions } from '#platform/resilience/policy.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type ConnectOptions = {
  /** Says what clients see of the subgraph's errors; PRODUCTION_MASKING when left out. */
  readonly masking?: ErrorMasking
  /** Logs why requests failed; left out, nothing is logged. */
  readonly logger?: Logger
  /** Looks up `address`; left out, the address is used as it is. */
  readonly discovery?: Discovery
  /** Live values of the timeout and the circuit breaker, which replace those of the settings. */
  readonly adjusted?: PolicyOptions['adjusted']
}

/** `address` has the format of a URL variable; it is ignored when the settings name instances. */
export function connectSubgraph(
  { name, address }: { readonly name: string; readonly address: string },
  settings: SubgraphSettings,
  { logger, masking, adjusted, discovery = openStaticDiscovery() }: ConnectOptions = {},
): Subgraph {
  return createSubgraph({
    name,
    ...(masking && { masking }),
    ...(logger && { onFailure: createFailureLog(logger, name) }),
    forward: compileHeaderRules(settings.headers),
    collectHeaders: compileReplyHeaders(settings.replyHeaders),
    ...(settings.compression && { headers: { 'accept-encoding': ACCEPTED_ENCODINGS } }),
    connection: connectionTo(name, followedBy(address, settings, discovery), settings),
    policy: createPolicy({
      name: `subgraph-${name}`,
      timeoutMs: settings.timeoutMs,
      retries: settings.retries,
      retriesTimeouts: false,
      concurrency: settings.concurrency,
      queue: settings.queue,
      breaker: breakerOf(settings),
      ...(adjusted && { adjusted }),
    }),
  })
}

function followedBy(address: string, { urls }: SubgraphSettings, discovery: Discovery): ServiceInstances {
  return urls === undefined ? discovery.watch(address) : fixedInstances(urls)
}

function connectionTo(name: string, instances: ServiceInstances, settings: SubgraphSettings): Connection {
  const { health = {}, hashBy } = settings
  const open = (url: string) => {
    const connection = openConnection({ url, ...settings })
    return settings.persistedQueries ? withPersistedQueries(connection) : connection
  }
  const [only] = instances.current()
  if (only && instances.isFixed && instances.current().length === 1) return open(only.url)
  const { path, intervalMs = 5000, timeoutMs = 2000, failures = 3, awayMs = 10_000 } = health
  return openInstances({
    name,
    instances,
    open,
    choose: STRATEGIES[settings.balance](),
    hashBy,
    health: { failures, awayMs },
    checks: path === undefined ? undefined : { path, intervalMs, timeoutMs },
  })
}

const STRATEGIES: Readonly<Record<SubgraphSettings['balance'], () => BalancingStrategy>> = {
  'round-robin': roundRobin,
  weighted,
  'least-connections': leastConnections,
  'consistent-hash': consistentHash,
}

function breakerOf({ breaker = {} }: SubgraphSettings) {
  return Object.fromEntries(Object.entries(breaker).filter(([, value]) => value !== undefined))
}
