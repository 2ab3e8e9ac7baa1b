// Opens rate limits: in this process or shared through Redis, fixed by the settings file or changed by live settings.
import { isDeepStrictEqual } from 'node:util'
import { createMemoryBuckets } from '#gateway/safety/rate-limit/buckets.memory.ts'
import { type Buckets, withFallback } from '#gateway/safety/rate-limit/buckets.ts'
import { createRateLimit, type RateLimit } from '#gateway/safety/rate-limit/rate-limit.ts'
import type { RateLimitSettings } from '#gateway/safety/settings.ts'
import type { Settings } from '#platform/config/settings.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type RateLimitOptions = {
  /** The limit of the settings file, which applies while the live settings name none. */
  readonly settings: RateLimitSettings | undefined
  readonly live: Pick<
    Settings<{ readonly rateLimit?: RateLimitSettings | null | undefined }>,
    'current' | 'onChange'
  >
  /** CACHE_URL: processes with the same one share their limits. Left out, each process limits on its own. */
  readonly url?: string | undefined
  readonly logger: Logger
}

type CurrentRateLimit = AsyncDisposable & {
  /** Returns the limit that applies now; undefined for none. */
  current(): RateLimit | undefined
}

/** A new limit begins with full buckets. Requests that are being charged finish on the limit before it. */
export async function openRateLimit({
  settings,
  live,
  url,
  logger,
}: RateLimitOptions): Promise<CurrentRateLimit> {
  const wanted = () => {
    const { rateLimit = settings } = live.current()
    return rateLimit ?? undefined
  }
  let applied: RateLimitSettings | undefined
  let current: RateLimit | undefined

  async function apply(): Promise<void> {
    const next = wanted()
    if (isDeepStrictEqual(next, applied)) return
    const before = current
    current = next && createRateLimit({ settings: next, buckets: await openBuckets(next, url, logger) })
    applied = next
    await before?.[Symbol.asyncDispose]()
  }

  await apply()
  let applying = Promise.resolve()
  const stop = live.onChange(() => {
    const failed = (err: unknown) =>
      logger.error({ err }, 'rate limit change failed, the limit before it stays in force')
    applying = applying.then(apply).catch(failed)
  })
  return {
    current: () => current,
    async [Symbol.asyncDispose]() {
      stop()
      await applying
      await current?.[Symbol.asyncDispose]()
    },
  }
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
