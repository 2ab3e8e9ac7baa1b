// What the gateway takes on while it runs, beside what every service does. Free of where it is kept.
import { z } from 'zod'
import { rateLimitSettings } from '#gateway/safety/rate-limit/settings.ts'
import { adjustmentSchema, liveSettingsShape } from '#platform/config/live-settings.ts'
import type { Settings } from '#platform/config/settings.ts'
import type { Adjustment } from '#platform/resilience/policy.ts'

/** Names as in the settings file; what is left out is as that file says. */
export const gatewayLiveSchema = z.strictObject({
  ...liveSettingsShape,
  /** Null for none. */
  rateLimit: rateLimitSettings.nullable().optional(),
  everySubgraph: adjustmentSchema.optional(),
  subgraphs: z.record(z.string(), adjustmentSchema).optional(),
})

export type GatewayLiveSettings = z.infer<typeof gatewayLiveSchema>

/** What is adjusted of the requests to the subgraph called `name` now: its own before that of every subgraph. */
export function subgraphAdjustment(
  settings: Settings<GatewayLiveSettings>,
  name: string,
): () => Adjustment | undefined {
  let seen: GatewayLiveSettings | undefined
  let adjustment: Adjustment | undefined
  return () => {
    const now = settings.current()
    if (now !== seen) adjustment = merged(now, name)
    seen = now
    return adjustment
  }
}

function merged(
  { everySubgraph: every, subgraphs }: GatewayLiveSettings,
  name: string,
): Adjustment | undefined {
  const own = subgraphs?.[name]
  if (own === undefined || every === undefined) return own ?? every
  return { ...every, ...own, breaker: { ...every.breaker, ...own.breaker } }
}
