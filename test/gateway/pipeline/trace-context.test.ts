import { expect, test } from 'vitest'
import { forwardedHeaders } from '#gateway/pipeline/request-context.ts'

const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
const OTHER = `00-${'c'.repeat(32)}-${'d'.repeat(16)}-01`

/** Returns the trace headers that go to subgraphs; `own` is the trace context of one operation in a batch. */
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

test('a trace is forwarded with its state', () => {
  expect(passedOn({ traceparent: TRACE })).toEqual({ traceparent: TRACE })
  const both = { traceparent: TRACE, tracestate: 'vendor=1' }
  expect(passedOn(both)).toEqual(both)
})

test('a trace state is not forwarded without its own trace, or when it has more than 512 characters', () => {
  expect(passedOn({ tracestate: 'vendor=1' })).toEqual({})
  expect(passedOn({ traceparent: 'nonsense', tracestate: 'vendor=1' })).toEqual({})
  expect(passedOn({ traceparent: TRACE, tracestate: 'vendor=1' }, OTHER)).toEqual({ traceparent: OTHER })
  expect(passedOn({ traceparent: TRACE, tracestate: 'x'.repeat(513) })).toEqual({ traceparent: TRACE })
})
