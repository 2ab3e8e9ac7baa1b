import { afterEach, describe, expect, it } from 'vitest'
import { article, startArticlesGateway } from '../fixtures/articles-gateway.ts'
import { eventually } from '../fixtures/eventually.ts'
import { subscribe } from '../fixtures/websocket-client.ts'

const PUBLISHED = 'subscription Published { published { id author { name } } }'
const answerFor = (id: string) => ({ data: { published: { id, author: { name: `Author a${id}` } } } })

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
  const press = current.use(await startArticlesGateway({ subscriptions }, options))
  const listening = () => eventually(() => press.articles.topics.listening('published'))
  /** Once `work` has cost the gateway its connection, and it has subscribed again. */
  const resubscribed = async (work: () => void) => {
    const { subscriptions } = press.articles.seen
    const before = subscriptions.length
    work()
    await eventually(() => subscriptions.length).toBe(before + 1)
    await listening().toBe(1)
  }
  return { press, listening, resubscribed }
}

describe.each(SOURCES)('a subgraph with %s', (_, sources) => {
  it('is subscribed to, and told when nobody reads any more', async () => {
    const { press, listening } = await start(sources)
    const subscriber = subscribe(press.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    press.publish('1')
    expect(await first).toEqual(answerFor('1'))
    await subscriber[Symbol.asyncDispose]()
    await listening().toBe(0)
  })

  it('may be restarted: its subscribers see no end, and get what comes afterwards', async () => {
    const { press, listening } = await start(sources)
    await using subscriber = subscribe(press.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    press.publish('1')
    expect(await first).toEqual(answerFor('1'))
    const second = subscriber.next()
    await press.articles.stop()
    await listening().toBe(0)
    await press.articles.start()
    await listening().toBe(1)
    press.publish('2')
    expect(await second).toEqual(answerFor('2'))
  })

  it('may lose its connections', async () => {
    const { press, listening, resubscribed } = await start(sources)
    await using subscriber = subscribe(press.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    for (const id of ['1', '2', '3']) {
      await resubscribed(press.articles.cutConnections)
      press.publish(id)
      expect(await (id === '1' ? first : subscriber.next())).toEqual(answerFor(id))
    }
  })

  it('may start after its first subscriber came', async () => {
    const { press, listening } = await start(sources)
    await press.articles.stop()
    await using subscriber = subscribe(press.socket, PUBLISHED)
    const first = subscriber.next()
    await eventually(() => press.readers()).toBe(1)
    await press.articles.start()
    await listening().toBe(1)
    press.publish('1')
    expect(await first).toEqual(answerFor('1'))
  })

  it('ends its subscriptions as unavailable when it stays away', async () => {
    const { press, listening } = await start({ ...sources, connectMs: 300, outageMs: 300 })
    await using subscriber = subscribe(press.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    await press.articles.stop()
    const unavailable = [
      { extensions: { code: 'UNAVAILABLE' }, message: expect.stringContaining('not available') },
    ]
    await expect(first).rejects.toMatchObject(unavailable)
    await using late = subscribe(press.socket, PUBLISHED)
    await expect(late.next()).rejects.toMatchObject(unavailable)
    expect(await press.readers()).toBe(0)
  })

  it('ends a subscription when it does not accept the token', async () => {
    const { press } = await start(sources)
    press.articles.behaviour.refuses = () => true
    await using subscriber = subscribe(press.socket, PUBLISHED)
    await expect(subscriber.next()).rejects.toMatchObject([
      { extensions: { code: expect.stringMatching(/^(UNAUTHENTICATED|FORBIDDEN)$/) } },
    ])
  })

  it('gets the token and the request id of the caller, and nothing else that is the callers own affair', async () => {
    const { press, listening } = await start(sources, { auth: true })
    const token = await press.token('ann')
    await using subscriber = subscribe(press.socket, PUBLISHED, { token, headers: { cookie: 'secret=1' } })
    const first = subscriber.next()
    await listening().toBe(1)
    const { upgrades, streams, inits } = press.articles.seen
    const [headers] = [...upgrades, ...streams]
    expect(headers).toMatchObject({ authorization: `Bearer ${token}`, 'x-request-id': expect.any(String) })
    expect(headers).not.toHaveProperty('cookie')
    if (inits.length > 0)
      expect(inits).toEqual([expect.objectContaining({ authorization: `Bearer ${token}` })])
    press.publish('1')
    expect(await first).toEqual(answerFor('1'))
    expect(press.authors.seen.queries[0]?.headers).toMatchObject({ authorization: `Bearer ${token}` })
  })

  it('gets headers by the rules that hold for its queries', async () => {
    current = new AsyncDisposableStack()
    const press = current.use(
      await startArticlesGateway({
        subscriptions: sources,
        subgraphs: {
          articles: { headers: [{ propagate: 'x-tenant' }, { set: 'x-from', value: 'gateway' }] },
        },
      }),
    )
    await using one = subscribe(press.socket, PUBLISHED, { headers: { 'x-tenant': 'acme' } })
    await using other = subscribe(press.socket, PUBLISHED, { headers: { 'x-tenant': 'umbrella' } })
    void one.next()
    void other.next()
    await eventually(() => press.articles.topics.listening('published')).toBe(2)
    const { upgrades, streams } = press.articles.seen
    const tenants = [...upgrades, ...streams].map(headers => headers['x-tenant'])
    expect(tenants.sort()).toEqual(['acme', 'umbrella'])
    expect([...upgrades, ...streams][0]).toMatchObject({ 'x-from': 'gateway' })
  })

  it('sends at most so many bytes an event', async () => {
    const { press } = await start({ ...sources, maxEventBytes: 10_000 })
    await using subscriber = subscribe(press.socket, 'subscription { bulky }')
    const first = subscriber.next()
    await eventually(() => press.articles.topics.listening('bulky')).toBe(1)
    press.articles.topics.publish('bulky', 'x'.repeat(20_000))
    await eventually(() => press.articles.seen.subscriptions.length).toBe(2)
    await eventually(() => press.articles.topics.listening('bulky')).toBe(1)
    press.articles.topics.publish('bulky', 'small')
    expect(await first).toEqual({ data: { bulky: 'small' } })
  })
})

describe('close codes of a WebSocket', () => {
  it.each([1000, 1001, 1011, 1012, 4408, 4429, 4500])('%i is no end', async code => {
    const { press, listening, resubscribed } = await start()
    await using subscriber = subscribe(press.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    await resubscribed(() => press.articles.closeSockets(code, 'bye'))
    press.publish('1')
    expect(await first).toEqual(answerFor('1'))
  })

  it.each([
    [4400, 'INTERNAL'],
    [4401, 'UNAUTHENTICATED'],
    [4403, 'FORBIDDEN'],
  ])('%i is one', async (code, told) => {
    const { press, listening } = await start()
    await using subscriber = subscribe(press.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    press.articles.closeSockets(code, 'no')
    await expect(first).rejects.toMatchObject([{ extensions: { code: told } }])
    expect(press.articles.seen.upgrades).toHaveLength(1)
  })
})

describe('the subgraph that only the rest is asked of', () => {
  it('may be away: events go on, with errors in place', async () => {
    const { press, listening } = await start()
    await using subscriber = subscribe(press.socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    await press.authors.stop()
    press.publish('1')
    expect(await first).toMatchObject({
      data: { published: { id: '1', author: { name: null } } },
      errors: [{ path: ['published', 'author', 'name'], extensions: { code: 'UNAVAILABLE' } }],
    })
    await press.authors.start()
    const again = async () => {
      press.articles.topics.publish('published', article('2'))
      return subscriber.next()
    }
    await eventually(again, { interval: 500 }).toEqual(answerFor('2'))
  })
})
