import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import {
  inSpan,
  isTracing,
  openSpan,
  parseTraceparent,
  startTracing,
  traceparent,
} from '#platform/telemetry/tracing.ts'
import { type ReceivedSpan, startOtlpReceiver } from '#test/fixtures/otlp-receiver.ts'

const TRACE = 'a'.repeat(32)
const PARENT = 'b'.repeat(16)

describe('tracing without an endpoint', () => {
  it('does nothing, and passes results and errors through', async () => {
    await using _tracing = await startTracing({ service: 'orders' })
    expect(isTracing()).toBe(false)
    expect(await inSpan('work', {}, async () => traceparent() ?? 'no trace')).toBe('no trace')
    await expect(inSpan('work', {}, () => Promise.reject(new Error('fault')))).rejects.toThrow('fault')
    expect(openSpan('work')).toBeUndefined()
  })
})

describe('parseTraceparent', () => {
  it('reads the W3C form', () => {
    expect(parseTraceparent(`00-${TRACE}-${PARENT}-01`)).toEqual({
      traceId: TRACE,
      spanId: PARENT,
      traceFlags: 1,
    })
  })

  it.each([
    '',
    'junk',
    `00-${TRACE}-${PARENT}`,
    `00-${'0'.repeat(32)}-${PARENT}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
  ])('refuses %j', header => {
    expect(parseTraceparent(header)).toBeUndefined()
  })
})

describe('tracing with an endpoint', () => {
  it('joins the spans of all services that a request crosses, GraphQL included, also through a batch', async () => {
    await using receiver = await startOtlpReceiver()
    const program = fileURLToPath(new URL('traced-service.ts', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [program], {
      env: {
        PATH: process.env.PATH,
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
        TRACEPARENT: `00-${TRACE}-${PARENT}-01`,
      },
    })
    expect(JSON.parse(stdout)).toEqual({ data: { answer: 42 } })

    const find = (service: string, name: string) =>
      receiver.spans.filter(span => span.service === service && span.name === name)
    const ofRequest = receiver.spans.filter(span => span.name !== 'graphql.parseSchema')
    expect(ofRequest.filter(span => span.traceId !== TRACE)).toEqual([])
    const [entry] = find('orders', 'POST /graphql')
    expect(entry).toMatchObject({ traceId: TRACE, parentId: PARENT })
    expect(find('orders', 'graphql.parse')).toMatchObject([{ parentId: entry?.spanId }])
    const [execute] = find('orders', 'query Answer')
    expect(execute).toMatchObject({ parentId: entry?.spanId })
    const calls = find('orders', 'call payment')
    expect(calls).toMatchObject([{ parentId: execute?.spanId }, { parentId: execute?.spanId }])
    const answered = find('payment', 'graphql.operation')
    expect(parents(answered)).toEqual(ids(calls))
  })
})

const ids = (spans: readonly ReceivedSpan[]) => spans.map(span => span.spanId).sort()
const parents = (spans: readonly ReceivedSpan[]) => spans.map(span => span.parentId).sort()
