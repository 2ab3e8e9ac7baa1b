// Opens a cache with memory alone, or with the second tier that a URL names.
import type { Cache } from '#platform/cache/cache.ts'
import { createCircuitBreaker } from '#platform/cache/circuit-breaker.ts'
import { createCacheMetrics } from '#platform/cache/metrics.ts'
import { createRemoteTier } from '#platform/cache/remote-tier.ts'
import { createTieredCache } from '#platform/cache/tiered-cache.ts'
import { maskSecret } from '#platform/config/config.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type OpenCacheOptions = {
  /** Caches of one name share tier 2 and metrics: processes of one kind. */
  readonly name: string
  /** `redis://…` or `rediss://…`, several with commas between for a cluster. Without it, memory is the only tier. */
  readonly url?: string
  /** The bound of memory; 64 MB by default. */
  readonly maxBytes?: number
  readonly logger: Logger
  /** `performance.now` by default. */
  readonly now?: () => number
}

const MAX_BYTES = 64 * 1024 * 1024

/**
 * Opens the cache whether tier 2 can be reached or not: it works without it until it can. Throws OperatorError
 * CACHE_URL_UNKNOWN for another kind of URL.
 */
export async function openCache(options: OpenCacheOptions): Promise<Cache> {
  const { name, logger, maxBytes = MAX_BYTES, now = performance.now.bind(performance) } = options
  const metrics = createCacheMetrics(name)
  const base = { name, logger, maxBytes, now, metrics }
  if (options.url === undefined) return createTieredCache(base)
  const urls = parseUrls(options.url)
  const { createRedisStore } = await import('#platform/cache/remote-store.redis.ts')
  const open = (onLost: () => void) => createRedisStore({ urls, onLost })
  const breaker = createCircuitBreaker({ open, metrics, logger })
  await breaker.firstAttempt
  const wallClock = options.now ?? Date.now // a clock that is given serves for both
  return createTieredCache({ ...base, remote: createRemoteTier({ name, breaker, metrics, wallClock }) })
}

function parseUrls(text: string): readonly string[] {
  const urls = text.split(',').map(url => url.trim())
  const unknown = urls.find(url => !/^rediss?:\/\//.test(url) || !URL.canParse(url))
  if (unknown === undefined) return urls
  throw new OperatorError(
    'CACHE_URL_UNKNOWN',
    `tier 2 of the cache runs on redis:// or rediss://, not on "${maskSecret('CACHE_URL', unknown)}"`,
  )
}
