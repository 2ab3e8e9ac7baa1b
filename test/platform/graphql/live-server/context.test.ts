import { afterAll, beforeAll, expect, test } from 'vitest'
import { subscribe } from '#test/fixtures/subscription-client.ts'
import { serveGraph } from '../graph-server.ts'

let graph: Awaited<ReturnType<typeof serveGraph>>
beforeAll(async () => {
  graph = await serveGraph()
})
afterAll(() => graph?.[Symbol.asyncDispose]())

async function traceOf(traceparent: string): Promise<unknown> {
  await using client = subscribe<{ meta: { traceparent: string | null } }>({
    url: graph.url.replace('/graphql', ''),
    token: await graph.token('customer', 'cus_1'),
    query: '{ meta { traceparent } }',
    extensions: { traceparent },
  })
  return (await client.next()).meta.traceparent
}

test('the trace of a live operation is recorded with the events that it causes', async () => {
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  expect(await traceOf(traceparent)).toBe(traceparent)
})

test.each(['junk', 'x'.repeat(10_000), ''])('an invalid trace is not recorded: %.10s', async traceparent => {
  expect(await traceOf(traceparent)).toBeNull()
})
