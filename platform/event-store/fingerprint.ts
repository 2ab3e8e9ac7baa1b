// A digest of a command's body, by which the reuse of its key for another body is noticed. Free of I/O.
import { createHash } from 'node:crypto'
import type { Json } from '#platform/domain/json.ts'

/** SHA-256, in hex, of `body` as JSON with sorted keys: the same for equal values however they were put together. */
export function fingerprint(body: Json): string {
  return createHash('sha256').update(canonical(body)).digest('hex')
}

function canonical(body: Json): string {
  return JSON.stringify(body, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}
