import { createHash } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { readSettings } from '#gateway/settings.ts'
import { withPersistedQueries } from '#gateway/transport/persisted-queries.ts'
import { isObject } from '#platform/domain/json.ts'
import { type Behavior, type RecordedRequest, respondJson } from '../faulty-subgraph.ts'
import { startLibraryGateway } from '../gateway-fixture.ts'
import { connectTo, NOBODY, query, sharedFaultySubgraph } from './subgraph-fixture.ts'

const faulty = await sharedFaultySubgraph()
beforeEach(() => {
  faulty.setBehavior(persisting())
})

const WELL = { data: { newestQuote: 'A classic.' } }
const refusal = (message: string, code: string) => ({ errors: [{ message, extensions: { code } }] })
const NOT_FOUND = refusal('PersistedQueryNotFound', 'PERSISTED_QUERY_NOT_FOUND')
const NOT_SUPPORTED = refusal('PersistedQueryNotSupported', 'PERSISTED_QUERY_NOT_SUPPORTED')

/** Behaves like a subgraph that stores documents by their hashes, as Apollo Server does. */
function persisting(): Behavior {
  const kept = new Map<unknown, string>()
  return exchange => {
    const { request } = exchange
    const hash = hashIn(request)
    if (request.query !== undefined && hash !== undefined) {
      expect(createHash('sha256').update(request.query).digest('hex')).toBe(hash)
      kept.set(hash, request.query)
    }
    respondJson(request.query === undefined && !kept.has(hash) ? NOT_FOUND : WELL)(exchange)
  }
}

function hashIn({ text }: RecordedRequest): unknown {
  const { extensions } = JSON.parse(text)
  return isObject(extensions) && isObject(extensions.persistedQuery)
    ? extensions.persistedQuery.sha256Hash
    : undefined
}

/** Lists what each request contained: the document's text, its hash, or both. */
const kinds = () => faulty.requests.map(one => [one.query ? 'text' : '', hashIn(one) ? 'hash' : ''].join('+'))

test('a document is sent once, and later requests send its hash with their own variables', async () => {
  await using subgraph = connectTo(faulty.url, { persistedQueries: true })
  for (let day = 1; day <= 3; day++) {
    const { response } = await subgraph.fetch(query({ day }), NOBODY)
    expect(response).toEqual(WELL)
  }
  expect(kinds()).toEqual(['+hash', 'text+hash', '+hash', '+hash'])
  expect(faulty.requests.map(({ variables }) => variables.day)).toEqual([1, 1, 2, 3])
})

test('a subgraph that lost a document gets it again, also for mutations', async () => {
  await using subgraph = connectTo(faulty.url, { persistedQueries: true })
  await subgraph.fetch(query({ time: 1 }), NOBODY)
  faulty.setBehavior(persisting())
  const { response } = await subgraph.fetch({ ...query({ time: 2 }), kind: 'mutation' }, NOBODY)
  expect(response).toEqual(WELL)
  expect(kinds()).toEqual(['+hash', 'text+hash', '+hash', 'text+hash'])
})

test('a subgraph that does not support hashes gets full texts for a minute', async () => {
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

test('no hash is sent unless the settings enable it', async () => {
  await using subgraph = connectTo(faulty.url)
  await subgraph.fetch(query(), NOBODY)
  expect(kinds()).toEqual(['text+'])
})

test('a response that only mentions such a refusal is used as it is', async () => {
  const data = { newestQuote: 'PersistedQueryNotFound' }
  faulty.setBehavior(respondJson({ data }))
  await using subgraph = connectTo(faulty.url, { persistedQueries: true })
  expect((await subgraph.fetch(query(), NOBODY)).response).toEqual({ data })
  expect(kinds()).toEqual(['+hash'])
})

test('operations over several subgraphs run by hashes', async () => {
  faulty.setBehavior(exchange => {
    const { request } = exchange
    if (request.query === undefined) respondJson(NOT_FOUND)(exchange)
    else respondJson({ data: { _entities: [{ stars: 1 }, { stars: 2 }, { stars: 3 }] } })(exchange)
  })
  const settings = readSettings({ subgraphs: { reviews: { persistedQueries: true } } })
  await using library = await startLibraryGateway({ settings, subgraphUrls: { reviews: faulty.url } })
  const { data, errors } = await library.send<object>('query Stars { books { stars } }')
  expect(errors).toBeUndefined()
  expect(data).toEqual({ books: [{ stars: 1 }, { stars: 2 }, { stars: 3 }] })
  expect(kinds()).toEqual(['+hash', 'text+hash'])
})
