import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { Defer20220824Handler, GraphQL17Alpha9Handler } from '@apollo/client/incremental'
import { makeExecutableSchema } from '@graphql-tools/schema'
import { describe, expect, it } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { DEFER_SDL } from '#platform/graphql/incremental/defer-directive.ts'
import { createOverloadGuard } from '#platform/resilience/overload-guard.ts'
import { type ServeOptions, serveSchema } from '../served-schema.ts'
import { allOf, IDS, PATHS, postForParts, readParts } from './served-parts.ts'

const typeDefs = `
  type Query { order: Order }
  type Mutation { place: Order }
  type Order { id: ID! fast: String slow: String failing: String broken: String next: Order }
  type Subscription { order: Order }
`

/** `slow` resolves once the test opens the gate. */
async function serveOrders(options: ServeOptions = {}) {
  const gate = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const calls = { slow: 0 }
  const order = () => ({ id: '1', fast: 'fast', next: { id: '2', fast: 'next' } })
  const resolvers = {
    Query: { order },
    Mutation: { place: order },
    Order: {
      async slow(_order: unknown, _args: unknown, { consistency }: RequestContext) {
        calls.slow += 1
        asked.resolve()
        await gate.promise
        consistency.reached('orders', 7)
        return 'slow'
      },
      failing() {
        throw new CallerError('CONFLICT', 'not now')
      },
      broken() {
        throw new Error('the password is hunter2')
      },
    },
    Subscription: { order: { subscribe: () => Promise.reject(new Error('never')) } },
  }
  const served = await serveSchema(
    'orders',
    makeExecutableSchema({ typeDefs: [typeDefs, DEFER_SDL], resolvers }),
    options,
  )
  return { ...served, gate, asked: asked.promise, calls }
}

const QUERY = 'query Q { order { id fast ... @defer(label: "later") { slow } } }'
const FIRST = { data: { order: { id: '1', fast: 'fast' } } }

describe('a plain client that accepts parts', () => {
  it.each([
    ['multipart/mixed', 'incrementalSpec=v0.2'],
    [IDS, 'incrementalSpec=v0.2'],
    ['application/json, multipart/mixed; incrementalSpec="v0.2"; q=0.5', 'incrementalSpec=v0.2'],
    [
      'multipart/mixed;deferSpec=20220824;q=0.1, multipart/mixed;incrementalSpec=v0.2',
      'incrementalSpec=v0.2',
    ],
    [PATHS, 'deferSpec=20220824'],
  ])('and sends Accept: %s gets %s, its first part before the rest is there', async (accept, form) => {
    await using graph = await serveOrders()
    const response = await graph.post({ query: QUERY }, { accept })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe(`multipart/mixed; boundary="-"; ${form}`)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('x-request-id')).toBeTruthy()
    const parts = readParts(response)
    const isOlder = form.startsWith('defer')
    const pending = isOlder ? {} : { pending: [{ id: '0', path: ['order'], label: 'later' }] }
    expect((await parts.next()).value).toEqual({ ...FIRST, ...pending, hasNext: true })
    graph.gate.resolve()
    const data = { slow: 'slow' }
    expect((await parts.next()).value).toEqual({
      ...(isOlder
        ? { incremental: [{ data, path: ['order'], label: 'later' }] }
        : { incremental: [{ id: '0', data }], completed: [{ id: '0' }] }),
      hasNext: false,
      extensions: { 'waybill-consistency': 'orders=7' },
    })
    expect((await parts.next()).done).toBe(true)
  })

  it('may send the query by GET, with the header that other sites cannot send', async () => {
    await using graph = await serveOrders()
    graph.gate.resolve()
    const url = `${graph.url}?query=${encodeURIComponent(QUERY)}`
    expect((await fetch(url, { headers: { accept: IDS } })).status).toBe(400)
    const headers = { accept: IDS, 'apollo-require-preflight': '1' }
    expect(await allOf(readParts(await fetch(url, { headers })))).toHaveLength(2)
    const head = await fetch(url, { method: 'HEAD', headers })
    expect(head.headers.get('content-type')).toContain('application/json')
  })

  it('gets formatted errors with each part, and no details of faults', async () => {
    await using graph = await serveOrders()
    const { parts } = await postForParts(
      graph.url,
      { query: '{ order { id ... @defer { failing broken } } }' },
      { 'x-request-id': 'req-1' },
    )
    expect(parts[1]).toMatchObject({
      incremental: [
        {
          data: { failing: null, broken: null },
          errors: [
            { message: 'not now', path: ['order', 'failing'], extensions: { code: 'CONFLICT' } },
            { path: ['order', 'broken'], extensions: { code: 'INTERNAL', requestId: 'req-1' } },
          ],
        },
      ],
    })
    expect(JSON.stringify(parts)).not.toContain('hunter2')
  })

  it('gets a single result for what defers nothing, and for errors of the request', async () => {
    await using graph = await serveOrders({ limits: { defers: 2 } })
    const whole = await graph.post({ query: '{ order { fast } }' }, { accept: IDS })
    expect(whole.headers.get('content-type')).toContain('application/json')
    expect(await whole.json()).toEqual({ data: { order: { fast: 'fast' } } })
    for (const [query, message] of [
      ['mutation { ... @defer { place { id } } }', '@defer is not for the root of a mutation'],
      ['subscription { order { ... @defer { id } } }', 'A subscription has no deferred fragments'],
      [
        '{ order { ... @defer(label: "a") { id } ... @defer(label: "a") { fast } } }',
        'The label "a" of @defer is there twice',
      ],
      ['query ($l: String) { order { ... @defer(label: $l) { id } } }', 'should be a text, and no variable'],
      ['{ order { ...F ...F ...F } } fragment F on Order { ... @defer { id } }', 'defers 3 fragments'],
      ['{ order { next @stream { id } } }', 'Unknown directive "@stream".'],
    ] as const) {
      const refused = await graph.post({ query }, { accept: 'multipart/mixed' })
      expect(refused.status).toBe(400)
      expect(await refused.json()).toMatchObject({
        errors: [{ message: expect.stringContaining(message), extensions: { code: 'BAD_USER_INPUT' } }],
      })
    }
    const mutation = '{ id ... @defer { fast } }'
    const { parts } = await postForParts(graph.url, { query: `mutation { place ${mutation} }` })
    expect(parts).toHaveLength(2)
  })

  it('ends the work on further parts when it goes away', async () => {
    await using graph = await serveOrders()
    const closed = Promise.withResolvers<void>()
    graph.http.app.server.once('connection', socket => socket.once('close', () => closed.resolve()))
    const abort = new AbortController()
    const query = '{ order { id ... @defer { slow ... @defer { again: slow } } } }'
    const response = await fetch(graph.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: IDS },
      body: JSON.stringify({ query }),
      signal: abort.signal,
    })
    await readParts(response).next()
    await graph.asked
    abort.abort()
    await closed.promise
    graph.gate.resolve()
    await graph.post({ query: '{ order { id } }' }) // whatever goes on would have gone on by now
    expect(graph.calls.slow).toBe(1)
  })

  it('holds its place among those that the service works for until the last part', async () => {
    const bounds = { floor: 1, initial: 1, ceiling: 1 }
    await using graph = await serveOrders({ guard: createOverloadGuard('orders', { bounds }) })
    const parts = readParts(await graph.post({ query: QUERY }, { accept: IDS }))
    await parts.next()
    await graph.asked
    const ended: string[] = []
    const next = graph.post({ query: '{ order { id } }' }).then(response => {
      ended.push('next')
      return response.json()
    })
    // An answer would be there by the time that others of the server are, which need no place.
    for (const _ of [1, 2, 3]) await graph.metrics()
    graph.gate.resolve()
    await parts.next()
    ended.push('last part')
    expect(await next).toEqual({ data: { order: { id: '1' } } })
    expect(ended).toEqual(['last part', 'next'])
  })
})

describe('a client that does not accept parts', () => {
  it.each([
    'application/json',
    '*/*',
    'multipart/mixed;q=0, */*',
    'multipart/mixed;subscriptionSpec=1.0, */*',
  ])('but %s gets everything in one result', async accept => {
    await using graph = await serveOrders()
    graph.gate.resolve()
    const response = await graph.post({ query: QUERY }, { accept })
    expect(response.headers.get('content-type')).toContain('application/json')
    expect(await response.json()).toEqual({ data: { order: { id: '1', fast: 'fast', slow: 'slow' } } })
  })

  it('gets one result for each operation of a batch, and over a live connection', async () => {
    await using graph = await serveOrders()
    graph.gate.resolve()
    const whole = { data: { order: { id: '1', fast: 'fast', slow: 'slow' } } }
    const batch = await graph.post([{ query: QUERY }, { query: QUERY }], { accept: IDS })
    expect(await batch.json()).toEqual([whole, whole])
    const stream = await fetch(graph.streamUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: QUERY }),
    })
    expect(await stream.text()).toContain('"slow":"slow"')
  })
})

describe('Apollo Client', () => {
  it.each([
    ['Defer20220824Handler', (): object => new Defer20220824Handler()],
    ['GraphQL17Alpha9Handler', (): object => new GraphQL17Alpha9Handler()],
  ])('with its %s shows the first part before the rest, and then all', async (_name, handler) => {
    await using graph = await serveOrders()
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: new HttpLink({ uri: graph.url }),
      incrementalHandler: handler() as Defer20220824Handler, // the type of the other has an optional member less
    })
    const query = gql`query Q { order { id fast ... @defer(label: "later") { slow } next { id ...F @defer(label: "next") } } }
      fragment F on Order { fast }`
    const seen: unknown[] = []
    const complete = Promise.withResolvers<void>()
    client.watchQuery({ query, returnPartialData: true }).subscribe(({ data, dataState, error }) => {
      if (error) complete.reject(error)
      if (dataState === 'empty') return
      seen.push(JSON.parse(JSON.stringify(data)))
      if (dataState === 'streaming') graph.gate.resolve()
      if (dataState === 'complete') complete.resolve()
    })
    await complete.promise
    expect(seen[0]).toMatchObject({ order: { id: '1', fast: 'fast', next: { id: '2' } } })
    expect(seen[0]).not.toHaveProperty('order.slow')
    expect(seen.at(-1)).toMatchObject({
      order: { id: '1', fast: 'fast', slow: 'slow', next: { id: '2', fast: 'next' } },
    })
    client.stop()
  })
})
