// Opens admission control and persisted operations as the settings say.
import { pathToFileURL } from 'node:url'
import { type Admission, createAdmission, createLiveAdmission } from '#gateway/pipeline/admission.ts'
import type { PersistedSettings } from '#gateway/pipeline/persisted-operations.ts'
import type { CostSettings } from '#gateway/safety/cost/settings.ts'
import {
  type LiveRateLimitSettings,
  openLiveRateLimit,
  openRateLimit,
} from '#gateway/safety/rate-limit/open.ts'
import type { RateLimitSettings } from '#gateway/safety/rate-limit/settings.ts'
import {
  createPersistedOperations,
  type PersistedOperations,
  readManifest,
} from '#platform/graphql/endpoint/persisted-operations.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type OperationControls = AsyncDisposable & {
  /** Undefined when every operation is admitted and nothing is reported. */
  readonly admission: Admission | undefined
  readonly persisted: PersistedOperations
}

type OperationControlOptions = {
  readonly settings: {
    readonly cost: CostSettings
    readonly persisted: PersistedSettings
    readonly rateLimit?: RateLimitSettings | undefined
  }
  /** The Redis through which processes share rate limits; left out, they do not. */
  readonly cacheUrl?: string | undefined
  /** Rate limits that change while the gateway runs; left out, they do not. */
  readonly live?: LiveRateLimitSettings | undefined
  readonly logger: Logger
}

/** Throws OperatorError MANIFEST_INVALID for a manifest that cannot be used. */
export async function openOperationControls({
  settings,
  cacheUrl,
  live,
  logger,
}: OperationControlOptions): Promise<OperationControls> {
  const persisted = await openPersistedOperations(settings.persisted)
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

async function openPersistedOperations({
  automatic,
  manifest,
  mode,
}: PersistedSettings): Promise<PersistedOperations> {
  return createPersistedOperations({
    ...(manifest !== undefined && { manifest: await readManifest(pathToFileURL(manifest)) }),
    automatic,
    only: mode === 'only',
  })
}
