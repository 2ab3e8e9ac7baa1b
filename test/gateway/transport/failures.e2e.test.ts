import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Liar, type Lie, says, saysJson, startLiar } from '../faulty-subgraph.ts'
import { connectTo, NOBODY, query } from './subgraph-fixture.ts'

let liar: Liar
beforeAll(async () => {
  liar = await startLiar()
})
afterAll(() => liar?.[Symbol.asyncDispose]())
beforeEach(() => {
  liar.asked.length = 0
})

const WELL = saysJson({ data: { newestQuote: 'A classic.' } })
const REFUSED = { errors: [{ message: 'no', extensions: { code: 'FORBIDDEN' } }] }

const FAILURES: [string, Lie][] = [
  ['a page of a proxy', says('<html>Bad Gateway</html>', { status: 502, type: 'text/html' })],
  ['a page with HTTP 200', says('<html>Welcome</html>', { type: 'text/html' })],
  ['an answer that ends too soon', says('{"data":{"newestQuote":"A cl')],
  ['HTTP 500 without GraphQL', says('{"error":"no"}', { status: 500 })],
  ['a connection that breaks', ({ socket }) => void socket.destroy()],
]

/** The subgraph's own word, of which there is no use in asking for another. */
const WORDS: [string, Lie][] = [
  ['HTTP 500 with GraphQL errors', saysJson(REFUSED, { status: 500 })],
  ['HTTP 401 without GraphQL', says('who are you?', { status: 401 })],
  ['HTTP 400 with GraphQL errors', saysJson(REFUSED, { status: 400 })],
  ['errors', saysJson(REFUSED)],
]

describe.each(FAILURES)('after %s', (_what, lie) => {
  test('a query is made again', async () => {
    await using subgraph = connectTo(liar.url, { retries: 2 })
    let times = 0
    liar.lie(exchange => (times++ === 0 ? lie : WELL)(exchange))
    const { response } = await subgraph.fetch(query(), NOBODY)
    expect(response.errors).toBeUndefined()
    expect(liar.asked).toHaveLength(2)
  })

  test('time after time the circuit opens: the subgraph is left alone, and callers know at once', async () => {
    await using subgraph = connectTo(liar.url, { retries: 0 })
    liar.lie(lie)
    for (let time = 0; time < 20; time++) await subgraph.fetch(query({ time }), NOBODY)
    expect(subgraph.policy.health()).toBe('open')
    const before = liar.asked.length
    const { response } = await subgraph.fetch(query(), NOBODY)
    expect(response.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE', reason: 'CIRCUIT_OPEN' } }])
    expect(liar.asked).toHaveLength(before)
  })
})

describe.each(WORDS)('after %s', (_what, lie) => {
  test('a query is not made again, and the circuit stays closed', async () => {
    await using subgraph = connectTo(liar.url, { retries: 2 })
    liar.lie(lie)
    for (let time = 0; time < 20; time++) {
      const { response } = await subgraph.fetch(query({ time }), NOBODY)
      expect(response.errors).toHaveLength(1)
    }
    expect(liar.asked).toHaveLength(20)
    expect(subgraph.policy.health()).toBe('closed')
  })
})

test('a query that ran out of time is not made again', async () => {
  await using subgraph = connectTo(liar.url, { timeoutMs: 50, retries: 2 })
  liar.lie(() => {})
  const { response } = await subgraph.fetch(query(), NOBODY)
  expect(response.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE', reason: 'TIMED_OUT' } }])
  expect(liar.asked).toHaveLength(1)
})

test('requests past those that may run or wait are told so at once', async () => {
  await using subgraph = connectTo(liar.url, { timeoutMs: 2000, concurrency: 2, queue: 1 })
  const held: (() => void)[] = []
  liar.lie(exchange => void held.push(() => WELL(exchange)))
  const asks = [1, 2, 3, 4].map(time => subgraph.fetch(query({ time }), NOBODY))
  const { response } = await Promise.race(asks)
  expect(response.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE', reason: 'OVERLOADED' } }])
  liar.lie(WELL)
  while (liar.asked.length < 2) await new Promise(resolve => setImmediate(resolve))
  for (const release of held) release()
  const errors = (await Promise.all(asks)).map(one => one.response.errors?.length ?? 0)
  expect(errors).toEqual([0, 0, 0, 1])
})
