// Opens what stands between clients and their operations, by the settings. Free of requests.
import { pathToFileURL } from 'node:url'
import { type Admission, createAdmission, createLiveAdmission } from '#gateway/pipeline/admission.ts'
import type { PersistedSettings } from '#gateway/pipeline/persisted-operations.ts'
import { openPersistedOperations } from '#gateway/pipeline/persisted-operations.ts'
import type { CostSettings } from '#gateway/safety/cost/settings.ts'
import {
  type LiveRateLimitSettings,
  openLiveRateLimit,
  openRateLimit,
} from '#gateway/safety/rate-limit/open.ts'
import type { RateLimitSettings } from '#gateway/safety/rate-limit/settings.ts'
import type { PersistedOperations } from '#platform/graphql/endpoint/persisted-operations.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type OperationControls = AsyncDisposable & {
  /** Undefined when everything may be run and nothing is told. */
  readonly admission: Admission | undefined
  readonly persisted: PersistedOperations
}

export type OperationControlOptions = {
  readonly settings: {
    readonly cost: CostSettings
    readonly persisted: PersistedSettings
    readonly rateLimit?: RateLimitSettings | undefined
  }
  /** Where processes share rate limits; nowhere when left out. */
  readonly cacheUrl?: string | undefined
  /** What changes while the gateway runs; nothing does when left out. */
  readonly live?: LiveRateLimitSettings | undefined
  readonly logger: Logger
}

/** Throws OperatorError MANIFEST_INVALID. */
export async function openOperationControls({
  settings,
  cacheUrl,
  live,
  logger,
}: OperationControlOptions): Promise<OperationControls> {
  const persisted = await openPersistedOperations(settings.persisted, file => pathToFileURL(file))
  if (live) {
    const limit = await openLiveRateLimit({ settings: settings.rateLimit, live, url: cacheUrl, logger })
    const admission = createLiveAdmission(settings.cost, limit.current)
    return { persisted, admission, [Symbol.asyncDispose]: () => limit[Symbol.asyncDispose]() }
  }
  const limit =
    settings.rateLimit && (await openRateLimit({ settings: settings.rateLimit, url: cacheUrl, logger }))
  return {
    persisted,
    admission: createAdmission(settings.cost, limit),
    async [Symbol.asyncDispose]() {
      await limit?.[Symbol.asyncDispose]()
    },
  }
}
