import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { GOOD_CONDUCT, librarySupergraph, startLibraryGateway } from './gateway-fixture.ts'

type Library = Awaited<ReturnType<typeof startLibraryGateway>>

let library: Library
beforeAll(async () => {
  library = await startLibraryGateway()
})
afterAll(() => library?.[Symbol.asyncDispose]())
beforeEach(() => {
  for (const { seen, conduct } of [library.catalogue, library.reviews]) {
    seen.length = 0
    Object.assign(conduct, GOOD_CONDUCT)
  }
})

const WHOLE = '{ viewer books { title stars } }'

describe('a query over two subgraphs', () => {
  test('is answered in full with one request to each subgraph', async () => {
    const { data, errors } = await library.send<object>(WHOLE)
    expect(errors).toBeUndefined()
    expect(data).toEqual({
      viewer: null,
      books: [
        { title: 'Emma', stars: 1 },
        { title: 'Dracula', stars: 2 },
        { title: 'Ulysses', stars: 3 },
      ],
    })
    expect(library.catalogue.seen).toHaveLength(1)
    expect(library.reviews.seen).toHaveLength(1)
  })

  test('forwards the token, the request id and the required positions to each subgraph', async () => {
    const token = await library.token('cus_1')
    const headers = { 'x-request-id': 'req-1', 'waybill-consistency': 'catalogue=3,reviews=4' }
    const reply = await library.send<{ viewer: string }>(WHOLE, headers, token)
    expect(reply.data.viewer).toBe('cus_1')
    expect(reply.headers.get('x-request-id')).toBe('req-1')
    for (const { seen } of [library.catalogue, library.reviews])
      expect(seen[0]?.headers).toMatchObject({ ...headers, authorization: `Bearer ${token}` })
  })

  test('forwards no token for an anonymous caller, and none of the headers that only concern the gateway', async () => {
    await library.send(WHOLE, { cookie: 'session=1', 'x-forwarded-user': 'root' })
    for (const { seen } of [library.catalogue, library.reviews])
      for (const name of ['authorization', 'cookie', 'x-forwarded-user'])
        expect(seen[0]?.headers).not.toHaveProperty(name)
  })

  test('reaches no subgraph when the token is invalid', async () => {
    const reply = await library.send(WHOLE, {}, 'nonsense')
    expect(reply.status).toBe(401)
    expect(reply.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])
    expect(library.catalogue.seen).toEqual([])
  })

  test('reports which subgraphs lagged behind what the caller has seen', async () => {
    library.reviews.conduct.behind = true
    const headers = { 'waybill-consistency': 'catalogue=1,reviews=9' }
    const reply = await library.send(WHOLE, headers, await library.token('ann'))
    expect(reply.errors).toBeUndefined()
    expect(reply.headers.get('waybill-stale')).toBe('reviews')
    library.catalogue.seen.length = 0
    expect((await library.send(WHOLE, headers)).headers.get('waybill-stale')).toBeNull()
    for (const { headers: sent } of library.catalogue.seen)
      expect(sent).not.toHaveProperty('waybill-consistency')
  })
})

describe('a mutation', () => {
  test('reports the positions that all subgraphs reached in one header', async () => {
    library.catalogue.conduct.position = 7
    library.reviews.conduct.position = 12
    const reply = await library.send(
      'mutation { shelve(isbn: "0") { title } review(isbn: "1", stars: 5) { title stars } }',
    )
    expect(reply.errors).toBeUndefined()
    expect(reply.headers.get('waybill-consistency')).toBe('catalogue=7,reviews=12')
  })

  test("keeps the code, message and path of a subgraph's error", async () => {
    const { errors } = await library.send('mutation { review(isbn: "1", stars: 6) { isbn } }')
    expect(errors).toEqual([
      {
        message: 'stars is 6; it should be 0 to 5',
        path: ['review'],
        extensions: { code: 'BAD_USER_INPUT' },
      },
    ])
  })
})

describe.each([
  ['over HTTP', 'localhost'],
  ['within the process', '127.0.0.1'],
])('a request %s that is given up', (_way, host) => {
  test('is retried when it is a query', async () => {
    await using own = await startLibraryGateway({ host })
    own.reviews.conduct.hangUps = 1
    const { data, errors } = await own.send<object>('{ newestQuote }')
    expect(errors).toBeUndefined()
    expect(data).toEqual({ newestQuote: 'A classic.' })
    expect(own.reviews.seen).toHaveLength(2)
  })

  test('is not retried when it is a mutation, which may have taken effect', async () => {
    await using own = await startLibraryGateway({ host })
    own.reviews.conduct.hangUps = 1
    const { data, errors } = await own.send<object>('mutation { review(isbn: "1", stars: 1) { isbn } }')
    expect(data).toBeNull()
    expect(errors).toMatchObject([{ path: ['review'], extensions: { code: 'UNAVAILABLE' } }])
    expect(own.reviews.seen).toHaveLength(1)
  })
})

describe('the public graph', () => {
  test.each(['{ books { shelf } }', 'mutation { burn(isbn: "0") }'])(
    'has nothing that is @inaccessible: %s',
    async query => {
      const reply = await library.send(query, {}, await library.token('cus_1'))
      expect(reply.errors).toMatchObject([
        { message: expect.stringMatching(/Cannot query field/), extensions: { code: 'BAD_USER_INPUT' } },
      ])
      expect(library.catalogue.seen).toEqual([])
    },
  )

  test('cannot be introspected, except in development', async () => {
    const query = '{ __schema { mutationType { fields { name } } } }'
    const refused = await library.send(query)
    expect(refused.errors).toMatchObject([
      { message: expect.stringContaining('introspection'), extensions: { code: 'BAD_USER_INPUT' } },
    ])
    await using open = await startLibraryGateway({ development: true })
    const { data } = await open.send<object>(query)
    expect(data).toEqual({
      __schema: { mutationType: { fields: [{ name: 'shelve' }, { name: 'review' }] } },
    })
  })
})

describe('an unavailable subgraph', () => {
  let crippled: Library
  beforeAll(async () => {
    crippled = await startLibraryGateway()
    await crippled.reviews.stop()
  })
  afterAll(() => crippled?.[Symbol.asyncDispose]())

  test('turns its nullable fields to null, each with an UNAVAILABLE error at its path, and leaves the rest as it is', async () => {
    const { data, errors } = await crippled.send<object>('{ books { title stars } }')
    expect(data).toEqual({
      books: ['Emma', 'Dracula', 'Ulysses'].map(title => ({ title, stars: null })),
    })
    const message = 'A service behind this graph is not available at the moment: try again.'
    const extensions = { code: 'UNAVAILABLE' }
    expect(errors).toEqual([
      { message, path: ['books', 0, 'stars'], extensions },
      { message, path: ['books', 1, 'stars'], extensions },
      { message, path: ['books', 2, 'stars'], extensions },
    ])
  })

  test('nulls the parent of a non-null field', async () => {
    const { data, errors } = await crippled.send<object>('{ book(isbn: "0") { title quotes } viewer }')
    expect(data).toEqual({ book: null, viewer: null })
    expect(errors).toMatchObject([{ path: ['book', 'quotes'], extensions: { code: 'UNAVAILABLE' } }])
  })

  test('fails its own root fields and no others', async () => {
    const { data, errors } = await crippled.send<object>('{ newestQuote books { title } }')
    expect(data).toMatchObject({ newestQuote: null, books: [{ title: 'Emma' }, {}, {}] })
    expect(errors).toMatchObject([{ path: ['newestQuote'], extensions: { code: 'UNAVAILABLE' } }])
  })

  test('is reported by readiness, which stays successful', async () => {
    const ready = await fetch(`${crippled.url}/health/ready`)
    expect(ready.status).toBe(200)
    expect(JSON.stringify(await ready.json())).toContain('subgraph-reviews')
  })
})

describe('a subgraph whose response is too large', () => {
  test('is treated as unavailable', async () => {
    await using remote = await startLibraryGateway({ host: 'localhost' })
    remote.reviews.conduct.longRead = 17 * 1024 * 1024
    const { data, errors } = await remote.send<object>('{ book(isbn: "0") { title longRead } }')
    expect(data).toEqual({ book: { title: 'Emma', longRead: null } })
    expect(errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }])
  })
})

describe('a gateway', () => {
  test.each([
    ['that is no SDL', 'type Query {'],
    ['that is the SDL of no supergraph', 'type Query { a: Int }'],
    ['with nothing in it', ''],
    ['that is cut short', librarySupergraph().slice(0, -200)],
  ])('does not start with a supergraph %s', async (_what, supergraph) => {
    await expect(startLibraryGateway({ supergraph })).rejects.toMatchObject({
      name: 'OperatorError',
      code: 'SUPERGRAPH_INVALID',
      message: expect.stringContaining('supergraph.graphql'),
    })
  })
})
