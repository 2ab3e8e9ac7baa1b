// Opens a cache: tier 1 alone, or with the tier 2 that a URL names. Free of any driver until one is chosen.
import type { Cache } from '#platform/cache/cache.ts'
import { createTieredCache } from '#platform/cache/tiered-cache.ts'
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

/** Tier 2 need not be there yet, nor stay: the cache works without it until it is. */
export async function openCache(options: OpenCacheOptions): Promise<Cache> {
  const { name, logger, maxBytes = MAX_BYTES, now = performance.now.bind(performance) } = options
  return createTieredCache({ name, logger, maxBytes, now })
}
