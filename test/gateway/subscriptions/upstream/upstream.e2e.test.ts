import { afterEach, describe, expect, it } from 'vitest'
import { answerFor, article, PUBLISHED, startArticlesGateway } from '../fixtures/articles-gateway.ts'
import { subscribe } from '../fixtures/websocket-client.ts'

const SOURCES = [
  ['graphql-transport-ws', {}],
  ['server-sent events', { subgraphs: { articles: { protocol: 'sse', path: '/graphql/stream' } } }],
] as const

const open = new AsyncDisposableStack()
let current = open
afterEach(async () => {
  await current.disposeAsync()
})

async function start(subscriptions: object = {}, options: Parameters<typeof startArticlesGateway>[1] = {}) {
  current = new AsyncDisposableStack()
  const gateway = current.use(await startArticlesGateway({ subscriptions }, options))
  const listening = () => expect.poll(() => gateway.articles.topics.listening('published'))
  /** Resolves when `work` has cut the gateway's connection and the gateway has subscribed again. */
  const resubscribed = async (work: () => void) => {
    const { subscriptions } = gateway.articles.seen
    const before = subscriptions.length
    work()
    await expect.poll(() => subscriptions.length).toBe(before + 1)
    await listening().toBe(1)
  }
  return { gateway, listening, resubscribed }
}

describe.each(SOURCES)('a subgraph with %s', (_, sources) => {
  it('gets a subscription, which ends when its last reader leaves', async () => {
    const { gateway, listening } = await start(sources)
    const subscriber = subscribe(gateway.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    gateway.publish('1')
    expect(await first).toEqual(answerFor('1'))
    await subscriber[Symbol.asyncDispose]()
    await listening().toBe(0)
  })

  it('may restart without ending its subscriptions, which continue with later events', async () => {
    const { gateway, listening } = await start(sources)
    await using subscriber = subscribe(gateway.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    gateway.publish('1')
    expect(await first).toEqual(answerFor('1'))
    const second = subscriber.next()
    await gateway.articles.stop()
    await listening().toBe(0)
    await gateway.articles.start()
    await listening().toBe(1)
    gateway.publish('2')
    expect(await second).toEqual(answerFor('2'))
  })

  it('may lose its connections without ending its subscriptions', async () => {
    const { gateway, listening, resubscribed } = await start(sources)
    await using subscriber = subscribe(gateway.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    for (const id of ['1', '2', '3']) {
      await resubscribed(gateway.articles.cutConnections)
      gateway.publish(id)
      expect(await (id === '1' ? first : subscriber.next())).toEqual(answerFor(id))
    }
  })

  it('may start after its first subscriber', async () => {
    const { gateway, listening } = await start(sources)
    await gateway.articles.stop()
    await using subscriber = subscribe(gateway.socket, PUBLISHED)
    const first = subscriber.next()
    await expect.poll(() => gateway.readers()).toBe(1)
    await gateway.articles.start()
    await listening().toBe(1)
    gateway.publish('1')
    expect(await first).toEqual(answerFor('1'))
  })

  it('ends its subscriptions as unavailable when it stays down', async () => {
    const { gateway, listening } = await start({ ...sources, connectMs: 300, outageMs: 300 })
    await using subscriber = subscribe(gateway.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    await gateway.articles.stop()
    const unavailable = [
      { extensions: { code: 'UNAVAILABLE' }, message: expect.stringContaining('not available') },
    ]
    await expect(first).rejects.toMatchObject(unavailable)
    await using late = subscribe(gateway.socket, PUBLISHED)
    await expect(late.next()).rejects.toMatchObject(unavailable)
    expect(await gateway.readers()).toBe(0)
  })

  it('ends a subscription when it refuses the token', async () => {
    const { gateway } = await start(sources)
    gateway.articles.behaviour.refuses = () => true
    await using subscriber = subscribe(gateway.socket, PUBLISHED)
    await expect(subscriber.next()).rejects.toMatchObject([
      { extensions: { code: expect.stringMatching(/^(UNAUTHENTICATED|FORBIDDEN)$/) } },
    ])
  })

  it('gets the token and the request id of the caller, and no other header of the caller', async () => {
    const { gateway, listening } = await start(sources, { auth: true })
    const token = await gateway.token('ann')
    await using subscriber = subscribe(gateway.socket, PUBLISHED, { token, headers: { cookie: 'secret=1' } })
    const first = subscriber.next()
    await listening().toBe(1)
    const { upgrades, streams, inits } = gateway.articles.seen
    const [headers] = [...upgrades, ...streams]
    expect(headers).toMatchObject({ authorization: `Bearer ${token}`, 'x-request-id': expect.any(String) })
    expect(headers).not.toHaveProperty('cookie')
    if (inits.length > 0)
      expect(inits).toEqual([expect.objectContaining({ authorization: `Bearer ${token}` })])
    gateway.publish('1')
    expect(await first).toEqual(answerFor('1'))
    expect(gateway.authors.seen.queries[0]?.headers).toMatchObject({ authorization: `Bearer ${token}` })
  })

  it('gets headers by the same rules as its queries', async () => {
    current = new AsyncDisposableStack()
    const gateway = current.use(
      await startArticlesGateway({
        subscriptions: sources,
        subgraphs: {
          articles: { headers: [{ propagate: 'x-tenant' }, { set: 'x-from', value: 'gateway' }] },
        },
      }),
    )
    await using one = subscribe(gateway.socket, PUBLISHED, { headers: { 'x-tenant': 'acme' } })
    await using other = subscribe(gateway.socket, PUBLISHED, { headers: { 'x-tenant': 'umbrella' } })
    void one.next()
    void other.next()
    await expect.poll(() => gateway.articles.topics.listening('published')).toBe(2)
    const { upgrades, streams } = gateway.articles.seen
    const tenants = [...upgrades, ...streams].map(headers => headers['x-tenant'])
    expect(tenants.sort()).toEqual(['acme', 'umbrella'])
    expect([...upgrades, ...streams][0]).toMatchObject({ 'x-from': 'gateway' })
  })

  it('loses its connection when an event has too many bytes', async () => {
    const { gateway } = await start({ ...sources, maxEventBytes: 10_000 })
    await using subscriber = subscribe(gateway.socket, 'subscription { bulky }')
    const first = subscriber.next()
    await expect.poll(() => gateway.articles.topics.listening('bulky')).toBe(1)
    gateway.articles.topics.publish('bulky', 'x'.repeat(20_000))
    await expect.poll(() => gateway.articles.seen.subscriptions.length).toBe(2)
    await expect.poll(() => gateway.articles.topics.listening('bulky')).toBe(1)
    gateway.articles.topics.publish('bulky', 'small')
    expect(await first).toEqual({ data: { bulky: 'small' } })
  })
})

describe('the WebSocket close code', () => {
  it.each([1000, 1001, 1011, 1012, 4408, 4429, 4500])('%i makes the gateway reconnect', async code => {
    const { gateway, listening, resubscribed } = await start()
    await using subscriber = subscribe(gateway.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    await resubscribed(() => gateway.articles.closeSockets(code, 'bye'))
    gateway.publish('1')
    expect(await first).toEqual(answerFor('1'))
  })

  it.each([
    [4400, 'INTERNAL'],
    [4401, 'UNAUTHENTICATED'],
    [4403, 'FORBIDDEN'],
  ])('%i ends the subscription with %s', async (code, told) => {
    const { gateway, listening } = await start()
    await using subscriber = subscribe(gateway.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    gateway.articles.closeSockets(code, 'no')
    await expect(first).rejects.toMatchObject([{ extensions: { code: told } }])
    expect(gateway.articles.seen.upgrades).toHaveLength(1)
  })
})

describe('a subgraph that only completes events', () => {
  it('may be down: events continue, with errors at its fields', async () => {
    const { gateway, listening } = await start()
    await using subscriber = subscribe(gateway.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    await gateway.authors.stop()
    gateway.publish('1')
    expect(await first).toMatchObject({
      data: { published: { id: '1', author: { name: null } } },
      errors: [{ path: ['published', 'author', 'name'], extensions: { code: 'UNAVAILABLE' } }],
    })
    await gateway.authors.start()
    const again = async () => {
      gateway.articles.topics.publish('published', article('2'))
      return subscriber.next()
    }
    await expect.poll(again, { interval: 500 }).toEqual(answerFor('2'))
  })
})
