// The rate limit as live settings say, in place of the settings file's. Free of requests.
import { isDeepStrictEqual } from 'node:util'
import { type OpenRateLimit, openRateLimit } from '#gateway/safety/rate-limit/open.ts'
import type { RateLimit } from '#gateway/safety/rate-limit/rate-limit.ts'
import type { RateLimitSettings } from '#gateway/safety/rate-limit/settings.ts'
import type { Settings } from '#platform/config/settings.ts'

export type LiveRateLimit = AsyncDisposable & {
  /** What holds now; undefined for none. */
  current(): RateLimit | undefined
}

export type OpenLiveRateLimit = Omit<OpenRateLimit, 'settings'> & {
  /** Of the settings file: holds where the live settings say nothing. */
  readonly settings: RateLimitSettings | undefined
  readonly live: Settings<{ readonly rateLimit?: RateLimitSettings | null | undefined }>
}

/** A new limit begins with full buckets. Requests that are being charged go on with the one before. */
export async function openLiveRateLimit({
  settings,
  live,
  ...shared
}: OpenLiveRateLimit): Promise<LiveRateLimit> {
  const wanted = () => {
    const { rateLimit = settings } = live.current()
    return rateLimit ?? undefined
  }
  let held: RateLimitSettings | undefined
  let current: RateLimit | undefined

  async function take(): Promise<void> {
    const next = wanted()
    if (isDeepStrictEqual(next, held)) return
    const before = current
    current = next && (await openRateLimit({ ...shared, settings: next }))
    held = next
    await before?.[Symbol.asyncDispose]()
  }

  await take()
  let taking = Promise.resolve()
  const stop = live.onChange(() => {
    const failed = (err: unknown) => shared.logger.error({ err }, 'the rate limit could not be changed')
    taking = taking.then(take).catch(failed)
  })
  return {
    current: () => current,
    async [Symbol.asyncDispose]() {
      stop()
      await taking
      await current?.[Symbol.asyncDispose]()
    },
  }
}
