import { expect, test } from 'vitest'
import { forwardedHeaders } from '#gateway/pipeline/request-context.ts'

const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
const OTHER = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`

/** What of the trace goes on to subgraphs; `own` is what an operation of a batch says itself. */
function passedOn(headers: Record<string, string>, own?: string) {
  const sender = {
    headers,
    requestId: 'req-1',
    token: undefined,
    claims: undefined,
    required: '',
    address: '',
  }
  const { 'x-request-id': _id, ...trace } = forwardedHeaders(sender, own).own
  return trace
}

test('a trace goes on with its state', () => {
  expect(passedOn({ traceparent: TRACE })).toEqual({ traceparent: TRACE })
  const both = { traceparent: TRACE, tracestate: 'vendor=1' }
  expect(passedOn(both)).toEqual(both)
})

test('a state without a trace, of another trace, or of more than 512 characters does not', () => {
  expect(passedOn({ tracestate: 'vendor=1' })).toEqual({})
  expect(passedOn({ traceparent: 'nonsense', tracestate: 'vendor=1' })).toEqual({})
  expect(passedOn({ traceparent: TRACE, tracestate: 'vendor=1' }, OTHER)).toEqual({ traceparent: OTHER })
  expect(passedOn({ traceparent: TRACE, tracestate: 'x'.repeat(513) })).toEqual({ traceparent: TRACE })
})
