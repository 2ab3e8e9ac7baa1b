import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readSettings } from '#gateway/settings.ts'
import {
  type Behavior,
  type FaultySubgraph,
  respondEntities,
  respondJson,
  respondText,
  startFaultySubgraph,
} from '../faulty-subgraph.ts'
import { startLibraryGateway } from '../gateway-fixture.ts'

const TIMEOUT_MS = 300
const MAX_BYTES = 100_000
/** Stands for the internals of a subgraph, which no response may contain. */
const INTERNAL = 'at db-7.internal:5432'
const NEVER_OPENS = { minimumPerSecond: 1_000_000 }

let faulty: FaultySubgraph
let library: Awaited<ReturnType<typeof startLibraryGateway>>
beforeAll(async () => {
  faulty = await startFaultySubgraph()
  library = await startLibraryGateway({
    subgraphUrls: { reviews: faulty.url },
    settings: readSettings({
      subgraphs: {
        reviews: { timeoutMs: TIMEOUT_MS, retries: 1, maxResponseBytes: MAX_BYTES, breaker: NEVER_OPENS },
      },
    }),
  })
})
afterAll(async () => {
  await library?.[Symbol.asyncDispose]()
  await faulty?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  faulty.requests.length = 0
})

const STARS = '{ books { title stars } }'
const QUOTES = '{ book(isbn: "0") { title quotes } viewer }'
const ROOT = '{ newestQuote books { title } }'
const TITLES = ['Emma', 'Dracula', 'Ulysses']

const ask = (query: string) => library.send<unknown>(query)

const LIES: [string, Behavior][] = [
  ['never responds', () => {}],
  ['begins to respond and stops', ({ response }) => void response.writeHead(200).write('{"data":{')],
  ['sends a byte now and then without end', drip],
  ['responds with HTML', respondText(`<html>${INTERNAL}</html>`, { type: 'text/html' })],
  [
    'responds with HTML and status 502',
    respondText(`<html>${INTERNAL}</html>`, { type: 'text/html', status: 502 }),
  ],
  ['responds with an empty body', respondText('')],
  ['responds with invalid JSON', respondText(`{"data":{"newestQuote": ${INTERNAL}`)],
  ['responds with truncated JSON', respondText('{"data":{"newestQuote":"A"')],
  ['responds with JSON and trailing characters', respondText('{"data":{"newestQuote":"A"}}}')],
  ['responds with bytes that are not UTF-8', ({ response }) => response.end(Buffer.alloc(500, 0xff))],
  ['responds with too many bytes', respondText(`{"data":{"newestQuote":"${'x'.repeat(MAX_BYTES)}"}}`)],
  ['never stops responding', flood],
  ['responds with status 500 without GraphQL', respondText('{"error":"no"}', { status: 500 })],
  ['responds with status 401 without GraphQL', respondText('{"error":"no"}', { status: 401 })],
  ['responds with status 204', ({ response }) => response.writeHead(204).end()],
  ['redirects the client', ({ response }) => response.writeHead(302, { location: '/else' }).end()],
  ['responds with a list', respondJson([{ data: { newestQuote: 'A' } }])],
  ['responds with a number', respondText('5')],
  ['responds with null', respondText('null')],
  ['responds with neither data nor errors', respondJson({})],
  ['responds with null data without errors', respondJson({ data: null })],
  ['responds with null data and an empty list of errors', respondJson({ data: null, errors: [] })],
  ['responds with data that is a list', respondJson({ data: [] })],
  ['responds with data that is a string', respondJson({ data: 'A' })],
  ['closes the connection at once', ({ socket }) => void socket.destroy()],
  [
    'closes the connection half way through a body of known length',
    ({ response, socket }) => {
      response
        .writeHead(200, { 'content-length': 500 })
        .write('{"data":{"newestQuote":', () => socket.destroy())
    },
  ],
  [
    'closes the connection half way through a chunked body',
    ({ response, socket }) => void response.writeHead(200).write('{"data":{', () => socket.destroy()),
  ],
  [
    'closes the connection half way through the head',
    ({ socket }) => void socket.write('HTTP/1.1 200 OK\r\ncontent-ty', () => socket.destroy()),
  ],
  ['does not speak HTTP', ({ socket }) => void socket.end('220 mail.example ESMTP\r\n')],
  ['sends a head without end', endlessHead],
]

function drip({ response }: Parameters<Behavior>[0]): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  const timer = setInterval(() => response.write(' '), 20)
  response.once('close', () => clearInterval(timer))
}

function flood({ response }: Parameters<Behavior>[0]): void {
  response.writeHead(200, { 'content-type': 'application/json' }).write('{"data":{"newestQuote":"')
  const more = () => {
    while (!response.destroyed && response.write('x'.repeat(16_384)));
  }
  response.on('drain', more)
  more()
}

function endlessHead({ socket }: Parameters<Behavior>[0]): void {
  socket.on('error', () => {})
  socket.write('HTTP/1.1 200 OK\r\n')
  const more = () => {
    while (!socket.destroyed && socket.write(`x-${'y'.repeat(1000)}: z\r\n`));
  }
  socket.on('drain', more)
  more()
}

describe.each(LIES)('a subgraph that %s', (_what, lie) => {
  beforeEach(() => faulty.setBehavior(lie))

  test('nulls its nullable fields, reports each, and leaves the rest as it is', async () => {
    const { data, errors, status } = await ask(STARS)
    expect(status).toBe(200)
    expect(data).toEqual({ books: TITLES.map(title => ({ title, stars: null })) })
    expect(errors).toMatchObject(
      TITLES.map((_, index) => ({ path: ['books', index, 'stars'], extensions: { code: 'UNAVAILABLE' } })),
    )
    expect(JSON.stringify(errors)).not.toContain(INTERNAL)
  })

  test('nulls the parent of a non-null field and reports it once', async () => {
    const { data, errors } = await ask(QUOTES)
    expect(data).toEqual({ book: null, viewer: null })
    expect(errors).toMatchObject([{ path: ['book', 'quotes'], extensions: { code: 'UNAVAILABLE' } }])
    expect(errors).toHaveLength(1)
  })

  test('fails its own root field and no other', async () => {
    const { data, errors } = await ask(ROOT)
    expect(data).toEqual({ newestQuote: null, books: TITLES.map(title => ({ title })) })
    expect(errors).toMatchObject([{ path: ['newestQuote'], extensions: { code: 'UNAVAILABLE' } }])
    expect(errors).toHaveLength(1)
  })

  test('gets a mutation once, which is reported as failed', async () => {
    const { data, errors } = await ask('mutation { review(isbn: "1", stars: 1) { isbn } }')
    expect(data).toBeNull()
    expect(errors).toMatchObject([{ path: ['review'], extensions: { code: 'UNAVAILABLE' } }])
    expect(faulty.requests).toHaveLength(1)
  })

  test('keeps no connection open after the gateway has given up', async () => {
    await ask(ROOT)
    await faulty.idle()
  })
})

const WRONG_ENTITIES: [string, unknown][] = [
  ['null', null],
  ['one entity and no list', { stars: 1 }],
  ['nothing', undefined],
  ['an empty list', []],
  ['a list of texts', ['five', 'five', 'five']],
  ['a list of lists', [[], [], []]],
]

describe.each(WRONG_ENTITIES)('a subgraph that returns %s for entities', (_what, _entities) => {
  test('nulls their fields with an error at each, and leaves the rest as it is', async () => {
    faulty.setBehavior(respondJson({ data: { _entities } }))
    const { data, errors } = await ask(STARS)
    expect(data).toEqual({ books: TITLES.map(title => ({ title, stars: null })) })
    expect(errors).toMatchObject(
      TITLES.map((_, index) => ({ path: ['books', index], extensions: { code: 'UNAVAILABLE' } })),
    )
  })
})

test('missing entities are reported at their paths, and surplus entities are ignored', async () => {
  faulty.setBehavior(respondJson({ data: { _entities: [{ stars: 1 }] } }))
  const { data, errors } = await ask(STARS)
  expect(data).toMatchObject({ books: [{ stars: 1 }, { stars: null }, { stars: null }] })
  expect(errors?.map(({ path }) => path)).toEqual([
    ['books', 1],
    ['books', 2],
  ])
  faulty.setBehavior(respondJson({ data: { _entities: [1, 2, 3, 4, 5].map(stars => ({ stars })) } }))
  expect((await ask(STARS)).errors).toBeUndefined()
})

test('an entity that does not exist is null without an error where null is allowed', async () => {
  faulty.setBehavior(respondEntities(() => null))
  const { data, errors } = await ask(STARS)
  expect(data).toEqual({ books: TITLES.map(title => ({ title, stars: null })) })
  expect(errors).toBeUndefined()
})

test.each([
  ['text', 'five'],
  ['an object', { value: 5 }],
  ['a list', [5]],
  ['a number with a fraction', 4.5],
  ['a number that is too large', 3e9],
])('%s in place of an integer is null with an error at its path', async (_what, stars) => {
  faulty.setBehavior(respondEntities(() => ({ stars })))
  const { data, errors } = await ask(STARS)
  expect(data).toEqual({ books: TITLES.map(title => ({ title, stars: null })) })
  expect(errors?.map(({ path }) => path)).toEqual(TITLES.map((_, index) => ['books', index, 'stars']))
})

describe('a null in a non-null position', () => {
  test.each([
    ['a null list', null],
    ['a null item of a list', ['Fine.', null]],
    ['a string in place of a list', 'Fine.'],
  ])('nulls the nearest nullable parent: %s', async (_what, quotes) => {
    faulty.setBehavior(respondEntities(() => ({ quotes })))
    const { data, errors } = await ask(QUOTES)
    expect(data).toEqual({ book: null, viewer: null })
    expect(errors).toHaveLength(1)
    expect(errors?.[0]?.path?.slice(0, 2)).toEqual(['book', 'quotes'])
  })
})

const WRONG_ERRORS: [string, unknown][] = [
  ['not a list', { message: INTERNAL }],
  ['a list of arbitrary values', [null, 5, 'five', [], {}]],
  ['of the wrong types', [{ message: 5, path: 'newestQuote', extensions: [INTERNAL] }]],
  ['at paths that do not exist', [{ message: INTERNAL, path: ['nothing', 99, 'here'] }]],
  ['at paths that are not valid', [{ message: INTERNAL, path: [{}, null, 1.5] }]],
  ['very many', Array.from({ length: 500 }, () => ({ message: INTERNAL, path: ['newestQuote'] }))],
]

describe.each(WRONG_ERRORS)('errors of a subgraph that are %s', (_what, errors) => {
  test('are reported as far as possible, next to the data', async () => {
    faulty.setBehavior(respondJson({ data: { newestQuote: 'A classic.' }, errors }))
    const { data, errors: told, status } = await ask(ROOT)
    expect(status).toBe(200)
    expect(data).toEqual({ newestQuote: 'A classic.', books: TITLES.map(title => ({ title })) })
    expect(told?.length ?? 0).toBeLessThanOrEqual(100)
    expect(JSON.stringify(told ?? [])).not.toContain(INTERNAL)
  })

  test('leave an error at a field that is null', async () => {
    faulty.setBehavior(respondJson({ data: { newestQuote: null }, errors }))
    const { data, status } = await ask(ROOT)
    expect(status).toBe(200)
    expect(data).toEqual({ newestQuote: null, books: TITLES.map(title => ({ title })) })
  })
})

test.each([200, 400, 500, 503])('a GraphQL response is used whatever its status: HTTP %i', async status => {
  const message = 'the shelf is empty'
  faulty.setBehavior(
    respondJson(
      { data: null, errors: [{ message, path: ['newestQuote'], extensions: { code: 'NOT_FOUND' } }] },
      { status },
    ),
  )
  const { data, errors } = await ask(ROOT)
  expect(data).toMatchObject({ newestQuote: null })
  expect(errors).toEqual([{ message, path: ['newestQuote'], extensions: { code: 'NOT_FOUND' } }])
  expect(faulty.requests).toHaveLength(1)
})

test("the text of a subgraph's internal error is not forwarded", async () => {
  const extensions = { code: 'ECONNREFUSED', stacktrace: [INTERNAL], exception: { host: INTERNAL } }
  faulty.setBehavior(
    respondJson({ data: null, errors: [{ message: INTERNAL, path: ['newestQuote'], extensions }] }),
  )
  const { errors } = await ask(ROOT)
  expect(errors).toMatchObject([{ path: ['newestQuote'], extensions: { code: 'INTERNAL' } }])
  expect(JSON.stringify(errors)).not.toContain(INTERNAL)
})

test('fields that were not requested are left out', async () => {
  faulty.setBehavior(respondEntities(() => ({ __proto__: { a: 1 }, stars: 2, password: 'x' })))
  const { data, errors } = await ask(STARS)
  expect(errors).toBeUndefined()
  expect(data).toEqual({ books: TITLES.map(title => ({ title, stars: 2 })) })
})

test.each(['{"a":', '['])('endless nesting fails the fetch and not the gateway: %s', async open => {
  faulty.setBehavior(({ response }) => response.end(`{"data":{"newestQuote":${open.repeat(18_000)}`))
  const { data, errors } = await ask(ROOT)
  expect(data).toMatchObject({ newestQuote: null, books: [{}, {}, {}] })
  expect(errors).toMatchObject([{ path: ['newestQuote'] }])
})

test('a hundred endless responses at once take no more memory than their limits', async () => {
  faulty.setBehavior(flood)
  const before = process.memoryUsage().rss
  const asks = Array.from({ length: 100 }, (_, index) => ask(`{ quote${index}: newestQuote }`))
  for (const { errors } of await Promise.all(asks)) expect(errors).toHaveLength(1)
  expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000)
  await faulty.idle()
})

test('the gateway still answers correctly after all of the above', async () => {
  faulty.setBehavior(respondEntities(index => ({ stars: index })))
  const { data, errors } = await ask(STARS)
  expect(errors).toBeUndefined()
  expect(data).toEqual({ books: TITLES.map((title, index) => ({ title, stars: index })) })
})
