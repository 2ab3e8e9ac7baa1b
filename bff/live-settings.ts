// The settings that a BFF takes on while it runs, on top of those of every service.
import { z } from 'zod'
import { liveSettingsSchema, optionalKeys } from '#platform/config/live-settings.ts'

const DAY_MS = 86_400_000
const milliseconds = z.number().int().max(DAY_MS, `should be ${DAY_MS} at most`)

const lifetime = z.strictObject({
  /** How long a page that is loaded from now on counts as current. */
  ttlMs: milliseconds.positive().optional(),
  /** How long after that it may be served while it is loaded anew. */
  staleMs: milliseconds.min(0).optional(),
})

/** Returns the schema of the live settings of a BFF that caches `pages`. */
export function bffLiveSchema(pages: readonly string[]) {
  return liveSettingsSchema(['gateway']).extend({
    /** By page. A value that is left out is the page's own. */
    cache: optionalKeys(pages, lifetime).optional(),
  })
}
