// Opens rate limits: in this process, or shared by a URL. Free of any driver until one is chosen.

import { createMemoryBuckets } from '#gateway/safety/rate-limit/buckets.memory.ts'
import { type Buckets, withFallback } from '#gateway/safety/rate-limit/buckets.ts'
import { createRateLimit, type RateLimit } from '#gateway/safety/rate-limit/rate-limit.ts'
import type { RateLimitSettings } from '#gateway/safety/rate-limit/settings.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type OpenRateLimit = {
  readonly settings: RateLimitSettings
  /** As CACHE_URL: processes that name the same one limit together. Each for itself when left out. */
  readonly url?: string | undefined
  readonly logger: Logger
}

export async function openRateLimit({ settings, url, logger }: OpenRateLimit): Promise<RateLimit> {
  return createRateLimit({ settings, buckets: await openBuckets(settings, url, logger) })
}

async function openBuckets(
  policy: RateLimitSettings,
  url: string | undefined,
  logger: Logger,
): Promise<Buckets> {
  const own = createMemoryBuckets({ policy })
  if (url === undefined) return own
  const { createRedisBuckets } = await import('#gateway/safety/rate-limit/buckets.redis.ts')
  const urls = url.split(',').map(one => one.trim())
  return withFallback(createRedisBuckets({ policy, urls }), own, { logger })
}
