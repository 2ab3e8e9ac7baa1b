// What a BFF takes on while it runs, beside what every service does. Free of where it is kept.
import { z } from 'zod'
import { adjustmentSchema, liveSettingsShape, optionalKeys } from '#platform/config/live-settings.ts'

const DAY_MS = 86_400_000
const milliseconds = z.number().int().max(DAY_MS, `should be ${DAY_MS} at most`)

const lifetime = z.strictObject({
  /** How long a page that is read from now on counts as current. */
  ttlMs: milliseconds.positive().optional(),
  /** How long after that it may be shown while it is read anew. */
  staleMs: milliseconds.min(0).optional(),
})

/** `pages` are those that the BFF keeps in its cache. */
export function bffLiveSchema(pages: readonly string[]) {
  return z.strictObject({
    ...liveSettingsShape,
    dependencies: optionalKeys(['gateway'], adjustmentSchema).optional(),
    /** By page; what is left out is as the page says itself. */
    cache: optionalKeys(pages, lifetime).optional(),
  })
}
