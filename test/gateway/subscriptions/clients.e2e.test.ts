import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { createClient as createUrql, subscriptionExchange, type Client as UrqlClient } from '@urql/core'
import { createClient } from 'graphql-sse'
import { createClient as createSocketClient } from 'graphql-ws'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { postJson } from '#test/fixtures/http-server.ts'
import { ofType, openAcknowledged } from '#test/platform/graphql/live-server/headline-server.ts'
import { startArticlesGateway } from './fixtures/articles-gateway.ts'
import { readParts } from './fixtures/multipart-reader.ts'
import { subscribe } from './fixtures/websocket-client.ts'

const PUBLISHED = 'subscription Published { published { id author { name viewer } } }'
const answerFor = (id: string, viewer: string | null = null) => ({
  data: { published: { id, author: { name: `Author a${id}`, viewer } } },
})
const PARTS = 'multipart/mixed;subscriptionSpec=1.0'

let open = new AsyncDisposableStack()
afterEach(async () => {
  await open.disposeAsync()
  open = new AsyncDisposableStack()
})

async function start(subscriptions: object = {}, options: Parameters<typeof startArticlesGateway>[1] = {}) {
  const gateway = open.use(await startArticlesGateway({ subscriptions }, options))
  const listening = (topic = 'published') => expect.poll(() => gateway.articles.topics.listening(topic))
  return { gateway, listening }
}

describe('a client that reads slowly', () => {
  const SIZE = 100_000
  const bulky = (index: number) => `${index} ${'x'.repeat(SIZE)}`
  const COUNT = 400

  it("slows the subgraph's stream down when it is alone, and then gets every event in order", async () => {
    const { gateway, listening } = await start({ maxBehindBytes: 1_000_000 })
    using raw = await openAcknowledged({ url: gateway.socket })
    raw.subscribe('1', 'subscription { bulky }')
    await listening('bulky').toBe(1)
    raw.socket.pause()
    for (let index = 0; index < COUNT; index++) gateway.articles.topics.publish('bulky', bulky(index))
    await expect.poll(() => isSettled(() => gateway.articles.topics.taken('bulky'))).toBe(true)
    expect(gateway.articles.topics.taken('bulky')).toBeLessThan(COUNT)
    raw.socket.resume()
    await raw.seen(({ payload }) => textIn(payload) === bulky(COUNT - 1))
    const texts = raw.messages.filter(ofType('next')).map(({ payload }) => textIn(payload))
    expect(texts).toEqual(Array.from({ length: COUNT }, (_, index) => bulky(index)))
  })

  it('is disconnected with the reason when others of the same subscription keep up', async () => {
    const { gateway, listening } = await start({ maxBehindBytes: 1_000_000 })
    using slow = await openAcknowledged({ url: gateway.socket })
    using fast = await openAcknowledged({ url: gateway.socket })
    for (const raw of [slow, fast]) raw.subscribe('1', 'subscription { bulky }')
    await expect.poll(() => gateway.readers()).toBe(2)
    await listening('bulky').toBe(1)
    slow.socket.pause()
    for (let index = 0; index < COUNT; index++) gateway.articles.topics.publish('bulky', bulky(index))
    await fast.seen(({ payload }) => textIn(payload) === bulky(COUNT - 1))
    expect(fast.messages.filter(ofType('next'))).toHaveLength(COUNT)
    slow.socket.resume()
    const { payload } = await slow.seen(ofType('error'))
    expect(payload).toMatchObject([
      { message: expect.stringContaining('subscribe again'), extensions: { code: 'UNAVAILABLE' } },
    ])
    expect(slow.messages.filter(ofType('next')).length).toBeLessThan(COUNT)
    await expect.poll(() => gateway.readers()).toBe(1)
  })
})

async function isSettled(count: () => number): Promise<boolean> {
  const before = count()
  await setTimeout(200)
  return before > 0 && count() === before
}

function textIn(payload: unknown): unknown {
  return (payload as { data?: { bulky?: unknown } } | undefined)?.data?.bulky
}

describe('a token', () => {
  it('is refused when it is invalid', async () => {
    const { gateway } = await start({}, { auth: true })
    const socket = subscribe(gateway.socket, PUBLISHED, { token: 'nonsense' })
    await expect(socket.next()).rejects.toMatchObject({ code: 4401 })
    for (const [url, accept] of [
      [gateway.graphql, PARTS],
      [gateway.stream, 'text/event-stream'],
    ] as const) {
      const headers = { accept, authorization: 'Bearer nonsense' }
      const response = await postJson(url, { query: PUBLISHED }, headers)
      expect(response.status).toBe(401)
    }
    expect(gateway.articles.seen.upgrades).toEqual([])
  })

  it('ends a socket and its subscriptions when it expires', async () => {
    const { gateway, listening } = await start({}, { auth: true })
    const subscriber = subscribe(gateway.socket, PUBLISHED, { token: await gateway.token('ann', 2) })
    const ended = subscriber.next()
    await listening().toBe(1)
    await expect(ended).rejects.toMatchObject({ code: 4401, reason: 'the token has expired' })
    await listening().toBe(0)
  })

  it('ends event streams and multipart responses when it expires', async () => {
    const { gateway, listening } = await start({}, { auth: true })
    const authorization = `Bearer ${await gateway.token('ann', 2)}`
    const expired = { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] }
    const response = await postJson(gateway.graphql, { query: PUBLISHED }, { accept: PARTS, authorization })
    const client = createClient({ url: gateway.stream, headers: { authorization }, retryAttempts: 0 })
    const results = client.iterate({ query: PUBLISHED })
    const told = results.next()
    await listening().toBe(1)
    const parts = readParts(response)
    expect((await parts.next()).value).toEqual({})
    expect((await parts.next()).value).toMatchObject({ payload: null, ...expired })
    expect(await parts.next()).toMatchObject({ done: true })
    expect((await told).value).toMatchObject(expired)
    expect(await results.next()).toMatchObject({ done: true })
    await listening().toBe(0)
    client.dispose()
  })

  it('is used for later events and reconnections once it has been refreshed', async () => {
    const { gateway, listening } = await start({}, { auth: true })
    const [before, after] = [await gateway.token('ann', 600), await gateway.token('ann', 900)]
    using raw = await openAcknowledged({ url: gateway.socket }, { authorization: `Bearer ${before}` })
    raw.subscribe('1', PUBLISHED)
    await listening().toBe(1)
    gateway.publish('1')
    expect(await raw.seen(ofType('next'))).toMatchObject({ payload: answerFor('1', `Bearer ${before}`) })
    raw.send({ type: 'ping', payload: { authorization: `Bearer ${after}` } })
    await raw.seen(ofType('pong'))
    await gateway.articles.stop()
    await gateway.articles.start()
    await expect.poll(() => gateway.articles.seen.upgrades.length).toBe(2)
    await listening().toBe(1)
    expect(gateway.articles.seen.upgrades.map(({ authorization }) => authorization)).toEqual([
      `Bearer ${before}`,
      `Bearer ${after}`,
    ])
    gateway.publish('2')
    const { payload } = await raw.seen(({ payload: seen }) => JSON.stringify(seen ?? '').includes('"2"'))
    expect(payload).toEqual(answerFor('2', `Bearer ${after}`))
  })

  it('separates equal subscriptions of two subjects', async () => {
    const { gateway, listening } = await start({}, { auth: true })
    const tokens = [await gateway.token('ann'), await gateway.token('bob')]
    const subscribers = tokens.map(token => open.use(subscribe(gateway.socket, PUBLISHED, { token })))
    const firsts = subscribers.map(subscriber => subscriber.next())
    await listening().toBe(2)
    gateway.publish('1')
    expect(await Promise.all(firsts)).toEqual(tokens.map(token => answerFor('1', `Bearer ${token}`)))
  })
})

describe('a front end', () => {
  it('subscribes with Apollo Client over multipart HTTP', async () => {
    const { gateway, listening } = await start()
    const client = new ApolloClient({
      cache: new InMemoryCache(),
      link: new HttpLink({ uri: gateway.graphql }),
    })
    const seen: unknown[] = []
    const subscription = client
      .subscribe({ query: gql(PUBLISHED) })
      .subscribe({ next: ({ data }) => seen.push(data) })
    await listening().toBe(1)
    gateway.publish('1')
    await expect.poll(() => seen).toMatchObject([{ published: { id: '1', author: { name: 'Author a1' } } }])
    gateway.publish('2')
    await expect.poll(() => seen.length).toBe(2)
    subscription.unsubscribe()
    client.stop()
    await listening().toBe(0)
  })

  it('subscribes with urql over graphql-ws', async () => {
    const { gateway, listening } = await start()
    const socket = createSocketClient({ url: gateway.socket, webSocketImpl: WebSocket })
    const client: UrqlClient = createUrql({
      url: gateway.graphql,
      preferGetMethod: false,
      exchanges: [
        subscriptionExchange({
          forwardSubscription: ({ query = '', variables }) => ({
            subscribe: sink => ({
              unsubscribe: socket.subscribe(
                { query, variables: { ...variables } },
                { ...sink, next: ({ data = null }) => sink.next({ data }) },
              ),
            }),
          }),
        }),
      ],
    })
    const seen: unknown[] = []
    const { unsubscribe } = client.subscription(PUBLISHED, {}).subscribe(({ data }) => void seen.push(data))
    await listening().toBe(1)
    gateway.publish('1')
    await expect.poll(() => seen).toMatchObject([{ published: { id: '1' } }])
    unsubscribe()
    await listening().toBe(0)
    await socket.dispose()
  })
})

describe('a gateway that stops', () => {
  it('closes its clients with a code that makes them reconnect, and leaves its subgraphs', async () => {
    const { gateway, listening } = await start()
    const raw = await openAcknowledged({ url: gateway.socket })
    raw.subscribe('1', PUBLISHED)
    await listening().toBe(1)
    const closed = once(raw.socket, 'close')
    const stopped = gateway[Symbol.asyncDispose]()
    expect((await closed)[0]).toBe(1012)
    await stopped
  })
})
