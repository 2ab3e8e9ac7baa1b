// Compiles the rules that say which headers of subgraph responses go back to the client, and how several are merged.
import { z } from 'zod'
import type { HttpResponse } from '#gateway/transport/connection.ts'
import { headerName } from '#gateway/transport/header-rules.ts'

/** Headers that the gateway sets itself, or that belong to one caller where several may share a response. */
const RESERVED: ReadonlySet<string> = new Set([
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
    name => !RESERVED.has(name),
    'is a header that the gateway alone decides about',
  ),
  as: headerName
    .refine(name => !RESERVED.has(name), 'is a header that the gateway alone decides about')
    .optional(),
  /** Which value is used when several responses have the header. */
  merge: z.enum(['first', 'last', 'all']).default('first'),
})

type ReplyHeaderRule = z.infer<typeof replyHeaderRule>

/** The headers that go back to one client, by name. */
export type ReplyHeaders = Map<string, string>
/** Adds the headers of one response to `into`. */
export type CollectReplyHeaders = (headers: HttpResponse['headers'], into: ReplyHeaders) => void

/** The most different values of one header that go back. */
const MAX_VALUES = 20

/** Returns undefined for no rules. */
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
