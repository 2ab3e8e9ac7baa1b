// Opens a cache: tier 1 alone, or with the tier 2 that a URL names. Free of any driver until one is chosen.
import type { Cache } from '#platform/cache/cache.ts'
import { createGuard } from '#platform/cache/circuit-breaker.ts'
import { createCacheMetrics } from '#platform/cache/metrics.ts'
import { createSharedTier } from '#platform/cache/remote-tier.ts'
import { createTieredCache } from '#platform/cache/tiered-cache.ts'
import { maskSecret } from '#platform/config/config.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type OpenCacheOptions = {
  /** Caches of one name share tier 2 and metrics: processes of one kind. */
  readonly name: string
  /** `redis://…` or `rediss://…`, several with commas between for a cluster. Tier 1 alone when left out. */
  readonly url?: string
  /** Of tier 1; 64 MB when left out. */
  readonly maxBytes?: number
  readonly logger: Logger
  /** `performance.now` when left out. */
  readonly now?: () => number
}

const MAX_BYTES = 64 * 1024 * 1024

/**
 * Tier 2 need not be there yet, nor stay: the cache works without it until it is. Throws OperatorError
 * CACHE_URL_UNKNOWN when no tier 2 goes by such a URL.
 */
export async function openCache(options: OpenCacheOptions): Promise<Cache> {
  const { name, logger, maxBytes = MAX_BYTES, now = performance.now.bind(performance) } = options
  const metrics = createCacheMetrics(name)
  const base = { name, logger, maxBytes, now, metrics }
  if (options.url === undefined) return createTieredCache(base)
  const urls = urlsOf(options.url)
  const { createRedisTier } = await import('#platform/cache/remote-store.redis.ts')
  const guard = createGuard({ open: onLost => createRedisTier({ urls, onLost }), metrics, logger })
  await guard.tried
  const wallClock = options.now ?? Date.now // a clock that is given serves for both
  return createTieredCache({ ...base, tier2: createSharedTier({ name, guard, metrics, wallClock }) })
}

function urlsOf(text: string): readonly string[] {
  const urls = text.split(',').map(url => url.trim())
  const strange = urls.find(url => !/^rediss?:\/\//.test(url) || !URL.canParse(url))
  if (strange === undefined) return urls
  const said = maskSecret('CACHE_URL', strange)
  throw new OperatorError(
    'CACHE_URL_UNKNOWN',
    `tier 2 of the cache runs on redis:// or rediss://, not on "${said}"`,
  )
}
