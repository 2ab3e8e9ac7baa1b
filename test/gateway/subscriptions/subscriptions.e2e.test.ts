import { createClient } from 'graphql-sse'
import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest'
import { type ArticlesGateway, startArticlesGateway } from './fixtures/articles-gateway.ts'
import { type Part, readParts } from './fixtures/multipart-reader.ts'
import { subscribe } from './fixtures/websocket-client.ts'

const PUBLISHED = 'subscription Published { published { id headline: title author { name } byline } }'
const answerFor = (id: string) => ({
  data: {
    published: {
      id,
      headline: `Title ${id}`,
      author: { name: `Author a${id}` },
      byline: `Title ${id} by a${id}`,
    },
  },
})

let gateway: ArticlesGateway
beforeAll(async () => {
  gateway = await startArticlesGateway()
})
afterAll(() => gateway?.[Symbol.asyncDispose]())
beforeEach(async () => {
  await listeners().toBe(0)
  gateway.authors.seen.queries.length = 0
  gateway.articles.seen.subscriptions.length = 0
  gateway.articles.seen.upgrades.length = 0
})

const listeners = (topic = 'published') => expect.poll(() => gateway.articles.topics.listening(topic))

function post(body: object, accept: string, signal?: AbortSignal): Promise<Response> {
  return fetch(gateway.graphql, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  })
}

const PARTS = 'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json'

describe('a subscription over two subgraphs', () => {
  it("completes each event with the other subgraph's fields, in the order of the events", async () => {
    await using subscriber = subscribe(gateway.socket, PUBLISHED)
    const first = subscriber.next()
    await listeners().toBe(1)
    for (const id of ['1', '2', '3']) gateway.publish(id)
    expect(await first).toEqual(answerFor('1'))
    expect(await subscriber.next()).toEqual(answerFor('2'))
    expect(await subscriber.next()).toEqual(answerFor('3'))
    expect(gateway.authors.seen.queries).toHaveLength(3)
    expect(gateway.articles.seen.subscriptions).toEqual([
      expect.stringMatching(/^subscription Published__articles__0/),
    ])
  })

  it('keeps the order of the events, however long each takes to complete', async () => {
    await using subscriber = subscribe(gateway.socket, PUBLISHED)
    const first = subscriber.next()
    await listeners().toBe(1)
    const released = Promise.withResolvers<void>()
    let asked = 0
    gateway.authors.behaviour.delay = () => (asked++ === 0 ? released.promise : Promise.resolve())
    for (const id of ['1', '2', '3']) gateway.publish(id)
    await expect.poll(() => asked).toBe(3)
    released.resolve()
    expect(await first).toEqual(answerFor('1'))
    expect(await subscriber.next()).toEqual(answerFor('2'))
    expect(await subscriber.next()).toEqual(answerFor('3'))
    delete gateway.authors.behaviour.delay
  })

  it('reports an error of one event at its path, and continues with the next', async () => {
    await using subscriber = subscribe(gateway.socket, PUBLISHED)
    const first = subscriber.next()
    await listeners().toBe(1)
    gateway.publish('13')
    gateway.publish('14')
    expect(await first).toMatchObject({
      data: { published: { id: '13', author: { name: null } } },
      errors: [{ path: ['published', 'author', 'name'] }],
    })
    expect(await subscriber.next()).toEqual(answerFor('14'))
  })

  it('supports variables, conditions and null events', async () => {
    await using subscriber = subscribe(
      gateway.socket,
      'subscription ($s: String, $without: Boolean!) { published(section: $s) { id byline @skip(if: $without) } }',
      { variables: { s: 'sport', without: true } },
    )
    const first = subscriber.next()
    await listeners('sport').toBe(1)
    gateway.articles.topics.publish('sport', { id: '1', title: 't' })
    gateway.articles.topics.publish('sport', null)
    expect(await first).toEqual({ data: { published: { id: '1' } } })
    expect(await subscriber.next()).toEqual({ data: { published: null } })
    expect(gateway.authors.seen.queries).toEqual([])
  })

  it('ends when the subgraph completes it', async () => {
    await using subscriber = subscribe(gateway.socket, 'subscription { countdown(from: 2) }')
    expect(await subscriber.next()).toEqual({ data: { countdown: 2 } })
    expect(await subscriber.next()).toEqual({ data: { countdown: 1 } })
    expect(await subscriber.next()).toBeUndefined()
  })

  it('reveals nothing about an internal error of a subgraph', async () => {
    await using subscriber = subscribe(gateway.socket, 'subscription { broken }')
    expect(await subscriber.next()).toMatchObject({
      data: { broken: null },
      errors: [{ path: ['broken'], message: expect.not.stringContaining('presses') }],
    })
    expect(await subscriber.next()).toBeUndefined()
  })

  it("forwards a subgraph's error as the settings allow", async () => {
    await using open = await startArticlesGateway({ errors: { messages: 'all', subgraphs: true } })
    await using subscriber = subscribe(open.socket, 'subscription { broken }')
    expect(await subscriber.next()).toMatchObject({
      errors: [{ message: 'the presses have stopped', extensions: { serviceName: 'articles' } }],
    })
    await using refused = subscribe(open.socket, PUBLISHED)
    const first = refused.next()
    await expect.poll(() => open.articles.topics.listening('published')).toBe(1)
    open.articles.closeSockets(4400, 'too odd')
    await expect(first).rejects.toMatchObject([
      { message: expect.stringContaining('too odd'), extensions: { serviceName: 'articles' } },
    ])
  })

  it('is closed at the subgraph once its last reader has left', async () => {
    const subscriber = subscribe(gateway.socket, PUBLISHED)
    void subscriber.next()
    await listeners().toBe(1)
    await subscriber[Symbol.asyncDispose]()
    await listeners().toBe(0)
  })
})

describe('an operation that is not a valid subscription', () => {
  test.each([
    ['is invalid', 'subscription { nothing }', 'BAD_USER_INPUT'],
    ['has invalid variables', 'subscription ($n: Int!) { countdown(from: $n) }', 'BAD_USER_INPUT'],
    ['uses @defer', 'subscription { published { id ... @defer { byline } } }', 'BAD_USER_INPUT'],
  ])('is refused when it %s', async (_, query, code) => {
    await using subscriber = subscribe(gateway.socket, query)
    await expect(subscriber.next()).rejects.toMatchObject([{ extensions: { code } }])
    expect(gateway.articles.seen.subscriptions).toEqual([])
  })
})

describe('queries and mutations', () => {
  it('run over WebSocket as over HTTP', async () => {
    await using query = subscribe(gateway.socket, '{ article(id: "1") { title byline } }')
    expect(await query.next()).toEqual({ data: { article: { title: 'Title 1', byline: 'Title 1 by a1' } } })
    expect(await query.next()).toBeUndefined()
    await using mutation = subscribe(gateway.socket, 'mutation { publish(id: "5") { id } }')
    expect(await mutation.next()).toEqual({ data: { publish: { id: '5' } } })
    await using invalid = subscribe(gateway.socket, '{ nothing }')
    await expect(invalid.next()).rejects.toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
  })
})

describe('an event stream', () => {
  it('works with the graphql-sse client', async () => {
    const client = createClient({ url: gateway.stream, retryAttempts: 0 })
    const results = client.iterate({ query: PUBLISHED })
    const first = results.next()
    await listeners().toBe(1)
    gateway.publish('1')
    gateway.publish('2')
    expect((await first).value).toEqual(answerFor('1'))
    expect((await results.next()).value).toEqual(answerFor('2'))
    client.dispose()
    await listeners().toBe(0)
  })

  it('ends with the subscription, and reports an invalid one', async () => {
    const client = createClient({ url: gateway.stream, retryAttempts: 0 })
    const all = async (query: string) => {
      const seen: unknown[] = []
      for await (const result of client.iterate({ query })) seen.push(result)
      return seen
    }
    expect(await all('subscription { countdown(from: 1) }')).toEqual([{ data: { countdown: 1 } }])
    expect(await all('subscription { nothing }')).toMatchObject([
      { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] },
    ])
    client.dispose()
  })
})

describe('a multipart response', () => {
  it('sends each event at once as a part, between heartbeats', async () => {
    const left = new AbortController()
    const response = await post({ query: PUBLISHED }, PARTS, left.signal)
    expect(response.headers.get('content-type')).toBe(
      'multipart/mixed;boundary="graphql";subscriptionSpec=1.0',
    )
    const parts = readParts(response)
    expect((await parts.next()).value).toEqual({})
    await listeners().toBe(1)
    gateway.publish('1')
    expect((await parts.next()).value).toEqual({ payload: answerFor('1') })
    gateway.publish('2')
    expect((await parts.next()).value).toEqual({ payload: answerFor('2') })
    left.abort()
    await listeners().toBe(0)
  })

  it('ends with the closing delimiter when the subscription is complete', async () => {
    const response = await post({ query: 'subscription { countdown(from: 2) }' }, PARTS)
    const parts: Part[] = []
    for await (const part of readParts(response)) parts.push(part)
    expect(parts).toEqual([
      {},
      { payload: { data: { countdown: 2 } } },
      { payload: { data: { countdown: 1 } } },
    ])
  })

  it('is plain JSON for a query or an invalid subscription', async () => {
    const query = await post({ query: '{ article(id: "1") { title } }' }, PARTS)
    expect(query.headers.get('content-type')).toMatch(/^application\/json/)
    expect(await query.json()).toEqual({ data: { article: { title: 'Title 1' } } })
    const wrong = await post({ query: 'subscription { nothing }' }, PARTS)
    expect(await wrong.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
  })

  it('is not sent to a client that does not accept it, whose subscription is refused', async () => {
    const response = await post({ query: PUBLISHED }, 'application/graphql-response+json')
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      errors: [{ message: expect.stringContaining('multipart/mixed;subscriptionSpec=1.0') }],
    })
  })
})

describe('equal subscriptions', () => {
  it('share one source and one execution, over every transport', async () => {
    await using one = subscribe(gateway.socket, PUBLISHED)
    await using other = subscribe(gateway.socket, PUBLISHED)
    const left = new AbortController()
    const response = await post({ query: PUBLISHED }, PARTS, left.signal)
    const parts = readParts(response)
    expect((await parts.next()).value).toEqual({})
    const firsts = [one.next(), other.next(), parts.next()]
    await listeners().toBe(1)
    await expect.poll(() => gateway.readers()).toBe(3)
    gateway.publish('1')
    const [first, second, third] = await Promise.all(firsts)
    expect(first).toEqual(answerFor('1'))
    expect(second).toEqual(answerFor('1'))
    expect(third).toEqual({ done: false, value: { payload: answerFor('1') } })
    expect(gateway.articles.seen.upgrades).toHaveLength(1)
    expect(gateway.authors.seen.queries).toHaveLength(1)
    left.abort()
  })

  it('continue for the others when one client leaves', async () => {
    const one = subscribe(gateway.socket, PUBLISHED)
    await using other = subscribe(gateway.socket, PUBLISHED)
    void one.next()
    const second = other.next()
    await expect.poll(() => gateway.readers()).toBe(2)
    await listeners().toBe(1)
    await one[Symbol.asyncDispose]()
    await expect.poll(() => gateway.readers()).toBe(1)
    gateway.publish('7')
    expect(await second).toEqual(answerFor('7'))
  })

  it('are separate when a variable or the text differs', async () => {
    const withSection = 'subscription ($s: String) { published(section: $s) { id } }'
    await using one = subscribe(gateway.socket, withSection, { variables: { s: 'a' } })
    await using other = subscribe(gateway.socket, withSection, { variables: { s: 'b' } })
    void one.next()
    void other.next()
    await listeners('a').toBe(1)
    await listeners('b').toBe(1)
  })
})
