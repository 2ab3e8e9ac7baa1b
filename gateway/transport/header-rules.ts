// Compiles the rules that say which headers of a client's request go on to a subgraph, and which are set or removed.
import type { IncomingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { END_CLIENT_HEADER, FORWARDER_HEADER } from '#platform/graphql/end-client.ts'

/** Headers while rules are applied to them; see ForwardedHeaders. */
type Draft = {
  readonly incoming: IncomingHttpHeaders
  readonly shared: Record<string, string>
  readonly own: Record<string, string>
}

type Apply = (draft: Draft) => void

/** Headers about this connection, for the gateway alone, or written by it: no rule may touch them. */
const RESERVED: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  END_CLIENT_HEADER,
  FORWARDER_HEADER, // it holds a service's token
])

/** No response depends on these, so equal queries that differ in nothing else are still sent once. */
const TRACING: ReadonlySet<string> = new Set([
  'b3',
  'baggage',
  'traceparent',
  'tracestate',
  'x-amzn-trace-id',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-spanid',
  'x-b3-traceid',
  'x-cloud-trace-context',
  'x-correlation-id',
  'x-request-id',
])

export const headerName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~\w-]+$/, 'should be the name of a header')
  .transform(name => name.toLowerCase())
  .refine(name => !RESERVED.has(name), 'is a header that the gateway alone decides about')
const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'should be the value of a header')
const pattern = z
  .string()
  .max(200)
  .transform((text, context) => {
    try {
      return new RegExp(text, 'i')
    } catch {
      context.addIssue('should be a regular expression')
      return z.NEVER
    }
  })

export const headerRule = z.union([
  /** `default` goes out when the client did not send the header. */
  z.strictObject({ propagate: headerName, as: headerName.optional(), default: headerValue.optional() }),
  z.strictObject({ propagateMatching: pattern }),
  z.strictObject({ set: headerName, value: headerValue }),
  z.strictObject({ remove: headerName }),
  z.strictObject({ removeMatching: pattern }),
])

type HeaderRule = z.infer<typeof headerRule>

/** The headers that go out with the requests to subgraphs. */
export type ForwardedHeaders = {
  /** Headers that a response may depend on: equal queries with equal ones are sent once. */
  readonly shared: Readonly<Record<string, string>>
  /** Headers that only identify the request: of deduplicated queries, those of the first go out. */
  readonly own: Readonly<Record<string, string>>
  /** `shared` as one text. */
  readonly key: string
  /** The client's headers: none goes out unless a rule says so. */
  readonly incoming: IncomingHttpHeaders
}

/** Rules apply in order, on top of what the gateway forwards by default. Without rules that is returned as it is. */
export function compileHeaderRules(
  rules: readonly HeaderRule[],
): (forwarded: ForwardedHeaders) => ForwardedHeaders {
  if (rules.length === 0) return forwarded => forwarded
  const steps = rules.map(compileRule)
  return forwarded => {
    const { incoming } = forwarded
    const draft: Draft = { incoming, shared: { ...forwarded.shared }, own: { ...forwarded.own } }
    for (const apply of steps) apply(draft)
    return { ...forwarded, shared: draft.shared, own: draft.own, key: JSON.stringify(draft.shared) }
  }
}

function compileRule(rule: HeaderRule): Apply {
  if ('propagate' in rule) return propagate(rule.propagate, rule.as ?? rule.propagate, rule.default)
  if ('propagateMatching' in rule) return propagateMatching(rule.propagateMatching)
  if ('set' in rule) return draft => put(draft, rule.set, rule.value)
  if ('remove' in rule) return draft => remove(draft, rule.remove)
  return removeMatching(rule.removeMatching)
}

function propagate(name: string, as: string, fallback: string | undefined): Apply {
  return draft => {
    const value = sentValue(draft.incoming[name]) ?? fallback
    if (value !== undefined) put(draft, as, value)
  }
}

function propagateMatching(names: RegExp): Apply {
  return draft => {
    for (const [name, given] of Object.entries(draft.incoming)) {
      const value = sentValue(given)
      if (value !== undefined && !RESERVED.has(name) && names.test(name)) put(draft, name, value)
    }
  }
}

function removeMatching(names: RegExp): Apply {
  return draft => {
    for (const name of [...Object.keys(draft.shared), ...Object.keys(draft.own)])
      if (names.test(name)) remove(draft, name)
  }
}

function put({ shared, own }: Draft, name: string, value: string): void {
  if (TRACING.has(name)) own[name] = value
  else shared[name] = value
}

function remove({ shared, own }: Draft, name: string): void {
  delete shared[name]
  delete own[name]
}

function sentValue(given: string | string[] | undefined): string | undefined {
  return Array.isArray(given) ? given.join(', ') : given
}
