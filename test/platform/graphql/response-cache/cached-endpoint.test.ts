import { makeExecutableSchema } from '@graphql-tools/schema'
import { describe, expect, it } from 'vitest'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { type ServeOptions, serveSchema } from '../served-schema.ts'

const typeDefs = `
  type Query {
    me: String
    language: String
    page(id: ID!, size: Int = 1): String
    fresh: Int
    past: Int
    failing: Int
    late: Int
  }
  type Mutation { place: Int }
`

type OwnLease = { at: PositionVector; current: boolean; freshUntil: number }

/** A graph whose `page` stands on a lease; how often it was really read is counted. */
async function servePages(options: ServeOptions = {}) {
  const state = { reads: 0, position: 5, leases: [] as OwnLease[] }
  /** Says how many reads there were with this one. */
  const lease = ({ sources }: RequestContext) => {
    const made = { at: { orders: state.position }, current: true, freshUntil: performance.now() + 60_000 }
    state.leases.push(made)
    sources.leases.push(made)
    state.reads++
    return state.reads
  }
  type Resolver<Args = object> = (_: unknown, args: Args, context: RequestContext) => unknown
  const page: Resolver<{ id: string; size: number }> = (_, { id, size }, context) =>
    `${'page '.repeat(size)}${id} read ${lease(context)} for ${context.viewer?.subject}`
  const me: Resolver = (_, __, context) => lease(context) && context.viewer?.subject
  const language: Resolver = (_, __, context) => lease(context) && context.language
  const past: Resolver = (_, __, context) => {
    context.sources.uncacheable = true
    return lease(context)
  }
  const fresh: Resolver = () => ++state.reads
  const failing: Resolver = (_, __, context) => {
    lease(context)
    throw new CallerError('UNAVAILABLE', 'away')
  }
  const late: Resolver = (_, __, context) => {
    context.consistency.stale.push('orders')
    return lease(context)
  }
  const place: Resolver = (_, __, context) => lease(context)
  const schema = makeExecutableSchema<RequestContext>({
    typeDefs,
    resolvers: { Query: { page, me, language, past, fresh, failing, late }, Mutation: { place } },
  })
  const served = await serveSchema('pages', schema, {
    responseCache: {
      required: (_viewer, header) => header,
      serves: ({ current, at }, required) => current && (at.orders ?? 0) >= (required.orders ?? 0),
    },
    ...options,
  })
  return {
    ...served,
    state,
    get: (query: string, headers: Record<string, string> = {}) =>
      fetch(`${served.url}?query=${encodeURIComponent(query)}`, {
        headers: { 'apollo-require-preflight': '1', ...headers },
      }),
  }
}

const PAGE = { query: 'query Page { page(id: "1") }' }

describe('a cached query', () => {
  it('gets the same bytes and headers again, and nothing is read', async () => {
    await using pages = await servePages()
    const authorization = `Bearer ${await pages.token('customer', 'ann')}`
    const first = await pages.post(PAGE, { authorization })
    const second = await pages.post(PAGE, { authorization })
    expect(await second.text()).toBe(await first.text())
    expect(pages.state.reads).toBe(1)
    const summary = ({ headers, status }: Response) =>
      [status, ...['content-type', 'etag', 'vary', 'cache-control'].map(name => headers.get(name))] as const
    expect(summary(second)).toEqual(summary(first))
    expect(second.headers.get('cache-control')).toBe('private, no-cache')
    expect(second.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'))
  })

  it('is read again after its lease ended', async () => {
    await using pages = await servePages()
    await pages.post(PAGE)
    for (const lease of pages.state.leases) lease.current = false
    expect(await (await pages.post(PAGE)).json()).toEqual({ data: { page: 'page 1 read 2 for undefined' } })
    await pages.post(PAGE)
    expect(pages.state.reads).toBe(2)
  })

  it('is read again for a caller that requires later positions, and the result then serves both', async () => {
    await using pages = await servePages()
    const ann = { authorization: `Bearer ${await pages.token('customer', 'ann')}` }
    await pages.post(PAGE, ann)
    pages.state.position = 8
    await pages.post(PAGE, { ...ann, 'waybill-consistency': 'orders=7' })
    expect(pages.state.reads).toBe(2)
    await pages.post(PAGE, { ...ann, 'waybill-consistency': 'orders=7' })
    expect(await (await pages.post(PAGE, ann)).json()).toEqual({ data: { page: 'page 1 read 2 for ann' } })
    expect(pages.state.reads).toBe(2)
  })

  it('is served to an anonymous caller, whatever position the header requires', async () => {
    await using pages = await servePages()
    await pages.post(PAGE)
    await pages.post(PAGE, { 'waybill-consistency': 'orders=999999999999' })
    expect(pages.state.reads).toBe(1)
  })

  it('is never served to another viewer, and is served to another token of the same viewer', async () => {
    await using pages = await servePages()
    const tokens = [
      await pages.token('customer', 'ann'),
      await pages.token('customer', 'bob'),
      await pages.token('support', 'ann'),
    ]
    const ask = async (token?: string) =>
      (await pages.post(PAGE, token ? { authorization: `Bearer ${token}` } : {})).text()
    const answers = await Promise.all([ask(), ...tokens.map(ask)])
    expect(new Set(answers).size).toBe(4)
    expect(await Promise.all([ask(), ...tokens.map(ask)])).toEqual(answers)
    expect(pages.state.reads).toBe(4)
    expect(await ask(await pages.token('customer', 'ann', 900))).toBe(answers[1])
  })

  it('is not served to a token that is no longer valid', async () => {
    await using pages = await servePages()
    await pages.post(PAGE, { authorization: `Bearer ${await pages.token('customer', 'ann')}` })
    for (const token of ['nonsense', await pages.token('customer', 'ann', -60)]) {
      const refused = await pages.post(PAGE, { authorization: `Bearer ${token}` })
      expect(refused.status).toBe(401)
      expect(await refused.json()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] })
    }
  })

  it('differs by language and by what the client accepts', async () => {
    await using pages = await servePages()
    const ask = async (headers: Record<string, string>) => {
      const answer = await pages.post({ query: '{ language }' }, headers)
      return [answer.headers.get('content-type'), await answer.json()]
    }
    const german = { 'accept-language': 'de' }
    const plain = 'application/json; charset=utf-8'
    const graphql = 'application/graphql-response+json; charset=utf-8'
    for (const _twice of [1, 2]) {
      expect(await ask(german)).toEqual([plain, { data: { language: 'de' } }])
      expect(await ask({ 'accept-language': 'en' })).toEqual([plain, { data: { language: 'en' } }])
      const accepted = await ask({ ...german, accept: 'application/graphql-response+json' })
      expect(accepted).toEqual([graphql, { data: { language: 'de' } }])
    }
    expect(pages.state.reads).toBe(3)
  })

  it('still counts as an operation of its name', async () => {
    await using pages = await servePages()
    for (let time = 0; time < 3; time++) await pages.post({ query: 'query Counted { page(id: "c") }' })
    const text = await pages.metrics()
    expect(text).toMatch(
      /operations_total\{service="pages",operation="Counted",kind="query",outcome="ok"\} 3/,
    )
    expect(text).toMatch(/waybill_answers_total\{service="pages",outcome="hit"\} \d+/)
  })
})

describe('a response is not cached', () => {
  it.each([
    ['of a field read past the cache', '{ page(id: "1") past }', 2],
    ['without a lease', '{ fresh }', 1],
    ['with an error', '{ page(id: "1") failing }', 2],
    ['that a service had not caught up for', '{ page(id: "1") late }', 2],
    ['of a mutation', 'mutation { place }', 1],
  ])('%s', async (_what, query, reads) => {
    await using pages = await servePages()
    await pages.post({ query })
    await pages.post({ query })
    expect(pages.state.reads).toBe(2 * reads)
  })

  it('for a client that does not accept JSON, whose operation is not executed', async () => {
    await using pages = await servePages()
    for (const _twice of [1, 2]) {
      const refused = await pages.post(PAGE, { accept: 'text/csv' })
      expect(refused.status).toBe(406)
    }
    expect(pages.state.reads).toBe(0)
  })

  it('of a batch', async () => {
    await using pages = await servePages()
    for (const _twice of [1, 2]) await pages.post([PAGE, PAGE])
    expect(pages.state.reads).toBe(4)
  })
})

describe('a GET', () => {
  it('gets 304 when the client sends the ETag of the current response', async () => {
    await using pages = await servePages()
    const first = await pages.get('{ page(id: "1") }')
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toMatch(/^W\/"[\w-]{27}"$/)
    for (const known of [etag, `"other", ${etag}`, etag.slice(2), '*']) {
      const again = await pages.get('{ page(id: "1") }', { 'if-none-match': known })
      expect(again.status).toBe(304)
      expect(again.headers.get('etag')).toBe(etag)
      expect(await again.text()).toBe('')
    }
    expect(pages.state.reads).toBe(1)
    expect((await pages.get('{ page(id: "1") }', { 'if-none-match': 'W/"other"' })).status).toBe(200)
  })

  it('gets 304 as well when the response was made again and is the same', async () => {
    await using pages = await servePages()
    const first = await pages.get('{ me }')
    for (const lease of pages.state.leases) lease.current = false
    const again = await pages.get('{ me }', { 'if-none-match': first.headers.get('etag') ?? '' })
    expect([again.status, pages.state.reads]).toEqual([304, 2])
  })

  it('that a page of another site could send is refused, though the response is cached', async () => {
    await using pages = await servePages()
    await pages.get('{ me }')
    const simple = await fetch(`${pages.url}?query=${encodeURIComponent('{ me }')}`)
    expect(simple.status).toBe(400)
  })
})

describe('compression', () => {
  const LARGE = { query: '{ page(id: "1", size: 1000) }' }

  it.each([
    ['br', 'gzip, deflate, br'],
    ['gzip', 'gzip, deflate'],
    ['gzip', 'br;q=0, gzip'],
  ])('is %s for a client that sends Accept-Encoding: %s', async (encoding, accepted) => {
    await using pages = await servePages()
    for (const _twice of [1, 2]) {
      const answer = await pages.post(LARGE, { 'accept-encoding': accepted })
      expect(answer.headers.get('content-encoding')).toBe(encoding)
      expect(Number(answer.headers.get('content-length'))).toBeLessThan(200)
      expect(((await answer.json()) as { data: { page: string } }).data.page).toHaveLength(5000 + 22)
    }
    expect(pages.state.reads).toBe(1)
  })

  it('is omitted for small responses and for clients that do not accept it', async () => {
    await using pages = await servePages()
    expect((await pages.post(PAGE)).headers.has('content-encoding')).toBe(false)
    const plain = await pages.post(LARGE, { 'accept-encoding': 'identity' })
    expect(plain.headers.has('content-encoding')).toBe(false)
  })

  it('applies to responses that are not cached, including batches', async () => {
    await using pages = await servePages()
    const unkept = { query: '{ page(id: "1", size: 1000) past }' }
    const headers = { 'accept-encoding': 'br' }
    expect((await pages.post(unkept, headers)).headers.get('content-encoding')).toBe('br')
    const batch = await pages.post([LARGE, unkept], headers)
    expect(batch.headers.get('content-encoding')).toBe('br')
    expect(await batch.json()).toHaveLength(2)
  })
})
