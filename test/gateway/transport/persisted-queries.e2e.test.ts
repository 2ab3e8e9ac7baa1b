import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readSettings } from '#gateway/settings.ts'
import { withPersistedQueries } from '#gateway/transport/persisted-queries.ts'
import { isObject } from '#platform/domain/json.ts'
import { type Asked, type Liar, type Lie, saysJson, startLiar } from '../faulty-subgraph.ts'
import { startLibrary } from '../gateway-fixture.ts'
import { connectTo, NOBODY, query } from './subgraph-fixture.ts'

let liar: Liar
beforeAll(async () => {
  liar = await startLiar()
})
afterAll(() => liar?.[Symbol.asyncDispose]())
beforeEach(() => {
  liar.asked.length = 0
  liar.lie(persisting())
})

const WELL = { data: { newestQuote: 'A classic.' } }
const refusal = (message: string, code: string) => ({ errors: [{ message, extensions: { code } }] })
const NOT_FOUND = refusal('PersistedQueryNotFound', 'PERSISTED_QUERY_NOT_FOUND')
const NOT_SUPPORTED = refusal('PersistedQueryNotSupported', 'PERSISTED_QUERY_NOT_SUPPORTED')

/** A subgraph that keeps documents by their hashes, as Apollo Server does. */
function persisting(): Lie {
  const kept = new Map<unknown, string>()
  return exchange => {
    const { asked } = exchange
    const hash = hashIn(asked)
    if (asked.query !== undefined && hash !== undefined) {
      expect(createHash('sha256').update(asked.query).digest('hex')).toBe(hash)
      kept.set(hash, asked.query)
    }
    saysJson(asked.query === undefined && !kept.has(hash) ? NOT_FOUND : WELL)(exchange)
  }
}

function hashIn({ text }: Asked): unknown {
  const { extensions } = JSON.parse(text)
  return isObject(extensions) && isObject(extensions.persistedQuery)
    ? extensions.persistedQuery.sha256Hash
    : undefined
}

/** What each request had: the document's text, its hash, or both. */
const kinds = () => liar.asked.map(one => [one.query ? 'text' : '', hashIn(one) ? 'hash' : ''].join('+'))

test('a document goes out once, and from then on its hash, with variables of the day', async () => {
  await using subgraph = connectTo(liar.url, { persistedQueries: true })
  for (let day = 1; day <= 3; day++) {
    const { response } = await subgraph.fetch(query({ day }), NOBODY)
    expect(response).toEqual(WELL)
  }
  expect(kinds()).toEqual(['+hash', 'text+hash', '+hash', '+hash'])
  expect(liar.asked.map(({ variables }) => variables.day)).toEqual([1, 1, 2, 3])
})

test('a subgraph that forgot what it kept is told again, mutations included', async () => {
  await using subgraph = connectTo(liar.url, { persistedQueries: true })
  await subgraph.fetch(query({ time: 1 }), NOBODY)
  liar.lie(persisting())
  const { response } = await subgraph.fetch({ ...query({ time: 2 }), kind: 'mutation' }, NOBODY)
  expect(response).toEqual(WELL)
  expect(kinds()).toEqual(['+hash', 'text+hash', '+hash', 'text+hash'])
})

test('a subgraph that does not take hashes gets texts for a minute', async () => {
  let now = 0
  const sent: string[] = []
  const connection = {
    send: async ({ body }: { readonly body: string }) => {
      sent.push(body.startsWith('{"query"') ? 'text' : 'hash')
      const answer = body.startsWith('{"query"') ? WELL : NOT_SUPPORTED
      return { text: JSON.stringify(answer), status: 200, headers: {} }
    },
    check: async () => true,
    [Symbol.asyncDispose]: async () => {},
  }
  const hashing = withPersistedQueries(connection, () => now)
  const send = async () => {
    const { signal } = new AbortController()
    const { text } = await hashing.send({ ...query(), headers: {}, signal })
    expect(JSON.parse(text)).toEqual(WELL)
  }
  await send()
  await send()
  now = 60_000
  await send()
  expect(sent).toEqual(['hash', 'text', 'text', 'hash', 'text'])
})

test('no hash goes out where the settings do not say so', async () => {
  await using subgraph = connectTo(liar.url)
  await subgraph.fetch(query(), NOBODY)
  expect(kinds()).toEqual(['text+'])
})

test('an answer that only speaks of such a refusal is an answer', async () => {
  const data = { newestQuote: 'PersistedQueryNotFound' }
  liar.lie(saysJson({ data }))
  await using subgraph = connectTo(liar.url, { persistedQueries: true })
  expect((await subgraph.fetch(query(), NOBODY)).response).toEqual({ data })
  expect(kinds()).toEqual(['+hash'])
})

test('operations of a whole graph run by hashes', async () => {
  liar.lie(exchange => {
    const { asked } = exchange
    if (asked.query === undefined) saysJson(NOT_FOUND)(exchange)
    else saysJson({ data: { _entities: [{ stars: 1 }, { stars: 2 }, { stars: 3 }] } })(exchange)
  })
  const settings = readSettings({ subgraphs: { reviews: { persistedQueries: true } } })
  await using library = await startLibrary({ settings, subgraphUrls: { reviews: liar.url } })
  const { data, errors } = await library.send<object>('query Stars { books { stars } }')
  expect(errors).toBeUndefined()
  expect(data).toEqual({ books: [{ stars: 1 }, { stars: 2 }, { stars: 3 }] })
  expect(kinds()).toEqual(['+hash', 'text+hash'])
})
