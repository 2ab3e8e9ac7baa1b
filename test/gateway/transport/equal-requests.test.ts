import { expect, test } from 'vitest'
import type { HttpResponse } from '#gateway/transport/connection.ts'
import { createSubgraph } from '#gateway/transport/subgraph.ts'
import { createPolicy } from '#platform/resilience/policy.ts'

const BODY = '{"query":"{ a { b } }"}'
const FORWARDED = { shared: {}, own: {}, key: '', incoming: {} }

function heldSubgraph() {
  const sent: PromiseWithResolvers<HttpResponse>[] = []
  const subgraph = createSubgraph({
    name: 'held',
    forward: forwarded => forwarded,
    policy: createPolicy({ name: 'held', timeoutMs: 5000, retries: 0, concurrency: 10, queue: 0 }),
    connection: {
      send() {
        const one = Promise.withResolvers<HttpResponse>()
        sent.push(one)
        return one.promise
      },
      async [Symbol.asyncDispose]() {},
    },
  })
  const ask = (body = BODY, key = '') =>
    subgraph.fetch({ service: 'held', body, operation: '{ a { b } }', kind: 'query' }, { ...FORWARDED, key })
  return { ask, sent }
}

const answer = (text: string): HttpResponse => ({ text, status: 200, headers: {} })

test('concurrent equal queries share one request, and each execution gets its own copy of the response', async () => {
  const { ask, sent } = heldSubgraph()
  const asked = [ask(), ask(), ask()]
  await Promise.resolve()
  expect(sent).toHaveLength(1)
  sent[0]?.resolve(answer('{"data":{"a":{"b":[1]}}}'))
  const replies = await Promise.all(asked)
  const parts = replies.flatMap(({ response: { data } }) => {
    const a = data?.a as { b: number[] }
    return [data, a, a.b]
  })
  expect(new Set(parts).size).toBe(9)
  for (const { response: given } of replies) expect(given.data).toEqual({ a: { b: [1] } })
})

test('queries that differ in body or forwarded headers are sent separately', async () => {
  const { ask, sent } = heldSubgraph()
  const asked = [ask(), ask('{"query":"{ c }"}'), ask(BODY, 'another caller')]
  await Promise.resolve()
  expect(sent).toHaveLength(3)
  for (const one of sent) one.resolve(answer('{"data":{}}'))
  await Promise.all(asked)
})

test('a response that is not GraphQL is an error for each execution that waits for it', async () => {
  const { ask, sent } = heldSubgraph()
  const asked = [ask(), ask()]
  await Promise.resolve()
  sent[0]?.resolve(answer('<html>'))
  for (const { response: given } of await Promise.all(asked)) expect(given.errors).toHaveLength(1)
})
