// The settings that the gateway applies while it runs, in addition to those of every service.
import { z } from 'zod'
import { rateLimitSettings } from '#gateway/safety/settings.ts'
import { adjustmentSchema, liveSettingsShape } from '#platform/config/live-settings.ts'
import type { Settings } from '#platform/config/settings.ts'
import type { Adjustment } from '#platform/resilience/policy.ts'

/** Has the names of the settings file, which applies to what is left out. */
export const gatewayLiveSchema = z.strictObject({
  ...liveSettingsShape,
  /** Null turns rate limiting off. */
  rateLimit: rateLimitSettings.nullable().optional(),
  everySubgraph: adjustmentSchema.optional(),
  subgraphs: z.record(z.string(), adjustmentSchema).optional(),
})

export type GatewayLiveSettings = z.infer<typeof gatewayLiveSchema>

/** Returns the current adjustment of requests to the subgraph `name`: its own values before those of every subgraph. */
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
