import { describe, expect, test } from 'vitest'
import { type Behavior, respondJson, respondText } from '../faulty-subgraph.ts'
import { connectTo, NOBODY, query, sharedFaultySubgraph } from './subgraph-fixture.ts'

const faulty = await sharedFaultySubgraph()

const WELL = respondJson({ data: { newestQuote: 'A classic.' } })
const REFUSED = { errors: [{ message: 'no', extensions: { code: 'FORBIDDEN' } }] }

const FAILURES: [string, Behavior][] = [
  ["a proxy's error page", respondText('<html>Bad Gateway</html>', { status: 502, type: 'text/html' })],
  ['an HTML page with HTTP 200', respondText('<html>Welcome</html>', { type: 'text/html' })],
  ['a truncated response', respondText('{"data":{"newestQuote":"A cl')],
  ['HTTP 500 without GraphQL', respondText('{"error":"no"}', { status: 500 })],
  ['a connection that breaks', ({ socket }) => void socket.destroy()],
]

/** Responses of the subgraph itself, for which a retry would be useless. */
const WORDS: [string, Behavior][] = [
  ['HTTP 500 with GraphQL errors', respondJson(REFUSED, { status: 500 })],
  ['HTTP 401 without GraphQL', respondText('who are you?', { status: 401 })],
  ['HTTP 400 with GraphQL errors', respondJson(REFUSED, { status: 400 })],
  ['errors', respondJson(REFUSED)],
]

describe.each(FAILURES)('after %s', (_what, lie) => {
  test('a query is retried', async () => {
    await using subgraph = connectTo(faulty.url, { retries: 2 })
    let times = 0
    faulty.setBehavior(exchange => (times++ === 0 ? lie : WELL)(exchange))
    const { response } = await subgraph.fetch(query(), NOBODY)
    expect(response.errors).toBeUndefined()
    expect(faulty.requests).toHaveLength(2)
  })

  test('repeatedly, the circuit opens: the subgraph gets no requests and callers get an error at once', async () => {
    await using subgraph = connectTo(faulty.url, { retries: 0 })
    faulty.setBehavior(lie)
    for (let time = 0; time < 20; time++) await subgraph.fetch(query({ time }), NOBODY)
    expect(subgraph.policy.health()).toBe('open')
    const before = faulty.requests.length
    const { response } = await subgraph.fetch(query(), NOBODY)
    expect(response.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE', reason: 'CIRCUIT_OPEN' } }])
    expect(faulty.requests).toHaveLength(before)
  })
})

describe.each(WORDS)('after %s', (_what, lie) => {
  test('a query is not retried, and the circuit stays closed', async () => {
    await using subgraph = connectTo(faulty.url, { retries: 2 })
    faulty.setBehavior(lie)
    for (let time = 0; time < 20; time++) {
      const { response } = await subgraph.fetch(query({ time }), NOBODY)
      expect(response.errors).toHaveLength(1)
    }
    expect(faulty.requests).toHaveLength(20)
    expect(subgraph.policy.health()).toBe('closed')
  })
})

test('a query that timed out is not retried', async () => {
  await using subgraph = connectTo(faulty.url, { timeoutMs: 50, retries: 2 })
  faulty.setBehavior(() => {})
  const { response } = await subgraph.fetch(query(), NOBODY)
  expect(response.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE', reason: 'TIMED_OUT' } }])
  expect(faulty.requests).toHaveLength(1)
})

test('requests beyond the concurrency and the queue fail at once', async () => {
  await using subgraph = connectTo(faulty.url, { timeoutMs: 2000, concurrency: 2, queue: 1 })
  const held: (() => void)[] = []
  faulty.setBehavior(exchange => void held.push(() => WELL(exchange)))
  const asks = [1, 2, 3, 4].map(time => subgraph.fetch(query({ time }), NOBODY))
  const { response } = await Promise.race(asks)
  expect(response.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE', reason: 'OVERLOADED' } }])
  faulty.setBehavior(WELL)
  while (faulty.requests.length < 2) await new Promise(resolve => setImmediate(resolve))
  for (const release of held) release()
  const errors = (await Promise.all(asks)).map(one => one.response.errors?.length ?? 0)
  expect(errors).toEqual([0, 0, 0, 1])
})
