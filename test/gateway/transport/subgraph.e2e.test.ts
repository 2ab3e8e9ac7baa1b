import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { readSettings } from '#gateway/settings.ts'
import { type Behavior, respondJson } from '../faulty-subgraph.ts'
import { startLibraryGateway } from '../gateway-fixture.ts'
import { connectTo, from, NOBODY, query, sharedFaultySubgraph } from './subgraph-fixture.ts'

const faulty = await sharedFaultySubgraph()
beforeEach(() => {
  faulty.setBehavior(respondJson({ data: { newestQuote: 'A classic.' } }))
})

describe('header rules', () => {
  const RULES = {
    headers: [{ propagate: 'x-tenant' }, { propagate: 'baggage' }, { set: 'x-from', value: 'gateway' }],
  }

  test('decide which headers a subgraph gets', async () => {
    await using subgraph = connectTo(faulty.url, RULES)
    await subgraph.fetch(query(), from({ 'x-tenant': 'acme', cookie: 'a=b' }))
    expect(faulty.requests[0]?.headers).toMatchObject({ 'x-tenant': 'acme', 'x-from': 'gateway' })
    expect(faulty.requests[0]?.headers).not.toHaveProperty('cookie')
  })

  test('separate equal queries only when their forwarded headers differ', async () => {
    await using subgraph = connectTo(faulty.url, RULES)
    const ask = (tenant: string, baggage: string) =>
      subgraph.fetch(query(), from({ 'x-tenant': tenant, baggage }))
    await Promise.all([ask('a', '1'), ask('a', '2'), ask('b', '1')])
    expect(faulty.requests.map(({ headers }) => headers['x-tenant'])).toEqual(['a', 'b'])
  })
})

describe('response headers', () => {
  const bringing =
    (headers: Record<string, string | string[]>): Behavior =>
    ({ response }) =>
      void response.writeHead(200, headers).end('{"data":{"newestQuote":"A classic."}}')
  const startWith = (replyHeaders: readonly object[]) =>
    startLibraryGateway({
      settings: readSettings({ subgraphs: { reviews: { replyHeaders } } }),
      subgraphUrls: { reviews: faulty.url },
    })

  test('go back to the client only as the rules say', async () => {
    faulty.setBehavior(bringing({ 'x-served-by': ['a', 'b'], 'x-other': 'c', 'set-cookie': 'd=e' }))
    await using library = await startWith([
      { propagate: 'X-Served-By' },
      { propagate: 'x-none', as: 'x-other' },
    ])
    const { headers } = await library.send('{ newestQuote }')
    expect(headers.get('x-served-by')).toBe('a, b')
    for (const name of ['x-other', 'x-none', 'set-cookie']) expect(headers.get(name)).toBeNull()
  })

  test.each([
    ['first', 'one'],
    ['last', 'three'],
    ['all', 'one, two, three'],
  ])('of several requests are merged by the rule `%s`', async (merge, expected) => {
    let times = 0
    faulty.setBehavior(exchange =>
      bringing({ 'x-served-by': ['one', 'two', 'one', 'three'][times++] ?? '' })(exchange),
    )
    await using library = await startWith([{ propagate: 'x-served-by', as: 'x-quotes-by', merge }])
    const review = (name: string) => `${name}: review(isbn: "0", stars: 1) { isbn }`
    const shelve = (name: string) => `${name}: shelve(isbn: "0") { isbn }`
    const mutations = ['a', 'b', 'c', 'd'].map(name => `${review(name)} ${shelve(`${name}2`)}`).join(' ')
    const { headers } = await library.send(`mutation { ${mutations} }`)
    expect(faulty.requests).toHaveLength(4)
    expect(headers.get('x-quotes-by')).toBe(expected)
  })

  test.each(['set-cookie', 'Cache-Control', 'content-length'])(
    'cannot be configured to include %s',
    propagate => {
      expect(() => readSettings({ everySubgraph: { replyHeaders: [{ propagate }] } })).toThrow(
        /replyHeaders\.0/,
      )
    },
  )
})

describe('a compressed response', () => {
  const TEXT = '{"data":{"newestQuote":"A classic."}}'
  const packed =
    (encoding: string, bytes: Uint8Array): Behavior =>
    ({ response }) =>
      void response.writeHead(200, { 'content-encoding': encoding }).end(bytes)

  test.each([
    ['br', brotliCompressSync(TEXT)],
    ['gzip', gzipSync(TEXT)],
    ['GZIP', gzipSync(TEXT)],
    ['deflate', deflateSync(TEXT)],
    ['deflate', deflateRawSync(TEXT)],
    ['identity', Buffer.from(TEXT)],
    ['gzip, br', brotliCompressSync(gzipSync(TEXT))],
  ])('is decompressed: %s', async (encoding, bytes) => {
    await using subgraph = connectTo(faulty.url, { compression: true })
    faulty.setBehavior(packed(encoding, bytes))
    const { response } = await subgraph.fetch(query(), NOBODY)
    expect(response).toEqual({ data: { newestQuote: 'A classic.' } })
    expect(faulty.requests[0]?.headers['accept-encoding']).toBe('br, gzip, deflate')
  })

  test('is requested when the settings say so, and decompressed even when they do not', async () => {
    await using subgraph = connectTo(faulty.url)
    faulty.setBehavior(packed('gzip', gzipSync(TEXT)))
    expect((await subgraph.fetch(query(), NOBODY)).response.errors).toBeUndefined()
    expect(faulty.requests[0]?.headers).not.toHaveProperty('accept-encoding')
  })

  test.each([
    ['in an unknown encoding', packed('snappy', Buffer.from(TEXT))],
    ['in an encoding named like a property of every object', packed('constructor', Buffer.from(TEXT))],
    ['not in the encoding that its header names', packed('gzip', Buffer.from(TEXT))],
    ['too short', packed('gzip', gzipSync(TEXT).subarray(0, 20))],
    ['compressed several times', packed('gzip, gzip, gzip, gzip', Buffer.from(TEXT))],
  ])('fails the request when it is %s', async (_what, lie) => {
    await using subgraph = connectTo(faulty.url, { retries: 0 })
    faulty.setBehavior(lie)
    const { response } = await subgraph.fetch(query(), NOBODY)
    expect(response.errors).toMatchObject([{ path: ['newestQuote'], extensions: { code: 'UNAVAILABLE' } }])
  })

  test.each([
    ['br', brotliCompressSync],
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('that would become too large is not decompressed in full: %s', async (encoding, pack) => {
    await using subgraph = connectTo(faulty.url, { retries: 0, maxResponseBytes: 1_000_000 })
    const bytes = pack(Buffer.alloc(16 * 1024 * 1024, 120))
    expect(bytes.length).toBeLessThan(100_000)
    faulty.setBehavior(packed(encoding, bytes))
    const before = process.memoryUsage().arrayBuffers
    const { response } = await subgraph.fetch(query(), NOBODY)
    expect(response.errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024)
  })
})
