// Which headers of subgraphs' answers go back to the client, and what becomes of one that several sent. Pure.
import { z } from 'zod'
import type { HttpResponse } from '#gateway/transport/connection.ts'
import { headerName } from '#gateway/transport/header-rules.ts'

/** Of the gateway's own answer, or of one caller's alone where several may share an answer. */
const KEPT_BACK: ReadonlySet<string> = new Set([
  'age',
  'cache-control',
  'date',
  'etag',
  'set-cookie',
  'vary',
  'waybill-consistency',
  'waybill-stale',
  'x-request-id',
])

export const replyHeaderRule = z.strictObject({
  propagate: headerName.refine(
    name => !KEPT_BACK.has(name),
    'is a header that the gateway alone decides about',
  ),
  as: headerName
    .refine(name => !KEPT_BACK.has(name), 'is a header that the gateway alone decides about')
    .optional(),
  /** Of values that several requests brought. */
  merge: z.enum(['first', 'last', 'all']).default('first'),
})

export type ReplyHeaderRule = z.infer<typeof replyHeaderRule>

/** What goes back to one client, by name. */
export type ReplyHeaders = Map<string, string>
/** Adds what `headers` brought to `into`. */
export type CollectReplyHeaders = (headers: HttpResponse['headers'], into: ReplyHeaders) => void

/** Different values of a header that are passed back, at most. */
const MAX_VALUES = 20

/** Undefined for no rules. */
export function compileReplyHeaders(rules: readonly ReplyHeaderRule[]): CollectReplyHeaders | undefined {
  if (rules.length === 0) return undefined
  const steps = rules.map(({ propagate, as = propagate, merge }) => ({ from: propagate, to: as, merge }))
  return (headers, into) => {
    for (const { from, to, merge } of steps) {
      const given = headers[from]
      if (given === undefined) continue
      const value = Array.isArray(given) ? given.join(', ') : given
      const present = into.get(to)
      if (present === undefined || merge === 'last') into.set(to, value)
      else if (merge === 'all') into.set(to, joined(present, value))
    }
  }
}

function joined(present: string, value: string): string {
  const values = present.split(', ')
  return values.includes(value) || values.length >= MAX_VALUES ? present : `${present}, ${value}`
}
