import { afterEach, describe, expect, it } from 'vitest'
import { composeSupergraph } from '#test/gateway/composed-gateway.ts'
import {
  ARTICLES,
  AUTHORS,
  answerFor,
  article,
  articles,
  authors,
  PUBLISHED,
  startArticlesGateway,
} from './fixtures/articles-gateway.ts'
import { startSubgraph, type Topics } from './fixtures/subgraph.ts'
import { subscribe } from './fixtures/websocket-client.ts'

let open = new AsyncDisposableStack()
afterEach(async () => {
  await open.disposeAsync()
  open = new AsyncDisposableStack()
})

async function start() {
  const gateway = open.use(await startArticlesGateway())
  const subscriber = open.use(subscribe(gateway.socket, PUBLISHED))
  const first = subscriber.next()
  await listening(gateway.articles.topics).toBe(1)
  gateway.publish('1')
  expect(await first).toEqual(answerFor('1'))
  return { gateway, subscriber }
}

const listening = (topics: Topics) => expect.poll(() => topics.listening('published'))

/** Starts another subgraph with the same schema, whose authors have other names. */
async function startOtherAuthors() {
  const { Query, Author, Article } = authors()
  const other = { Query, Article, Author: { ...Author, name: () => 'Anonymous' } }
  return open.use(await startSubgraph(AUTHORS, () => other))
}

describe('a subscription, when another supergraph is served', () => {
  it('continues on the new one, on its existing connection', async () => {
    const { gateway, subscriber } = await start()
    const before = gateway.current.get()
    const other = await startOtherAuthors()
    await gateway.replace(
      composeSupergraph({ ...gateway.services, authors: { sdl: AUTHORS, url: other.url } }),
    )
    await expect.poll(() => gateway.closedGraphs).toEqual([before])
    gateway.publish('2')
    expect(await subscriber.next()).toEqual(answerFor('2', 'Anonymous'))
    expect(gateway.articles.seen.upgrades).toHaveLength(1)
  })

  it('moves to the new address of its subgraph, and leaves the old one once the new one is open', async () => {
    const { gateway, subscriber } = await start()
    const before = gateway.current.get()
    const moved = open.use(await startSubgraph(ARTICLES, articles))
    await moved.stop()
    await gateway.replace(
      composeSupergraph({ ...gateway.services, articles: { sdl: ARTICLES, url: moved.url } }),
    )
    gateway.publish('2')
    expect(await subscriber.next()).toEqual(answerFor('2'))
    expect(gateway.closedGraphs).toEqual([])
    await moved.start()
    await listening(moved.topics).toBe(1)
    await listening(gateway.articles.topics).toBe(0)
    await expect.poll(() => gateway.closedGraphs).toEqual([before])
    moved.topics.publish('published', article('3'))
    expect(await subscriber.next()).toEqual(answerFor('3'))
  })

  it('continues on the old one when it is no longer valid, and the old graph closes with it', async () => {
    const { gateway, subscriber } = await start()
    const before = gateway.current.get()
    const sdl = AUTHORS.replace('name: String ', '')
    await gateway.replace(
      composeSupergraph({ ...gateway.services, authors: { sdl, url: gateway.authors.url } }),
    )
    gateway.publish('2')
    expect(await subscriber.next()).toEqual(answerFor('2'))
    expect(gateway.closedGraphs).toEqual([])
    await using late = subscribe(gateway.socket, PUBLISHED)
    await expect(late.next()).rejects.toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
    await subscriber[Symbol.asyncDispose]()
    await expect.poll(() => gateway.closedGraphs).toEqual([before])
  })

  it('returns to the newest one in which it is valid', async () => {
    const { gateway, subscriber } = await start()
    const sdl = AUTHORS.replace('name: String ', '')
    await gateway.replace(
      composeSupergraph({ ...gateway.services, authors: { sdl, url: gateway.authors.url } }),
    )
    const other = await startOtherAuthors()
    await gateway.replace(
      composeSupergraph({ ...gateway.services, authors: { sdl: AUTHORS, url: other.url } }),
    )
    await expect.poll(() => gateway.closedGraphs.length).toBe(2)
    gateway.publish('2')
    expect(await subscriber.next()).toEqual(answerFor('2', 'Anonymous'))
  })

  it('neither loses nor repeats an event, however often it is replaced', async () => {
    const { gateway, subscriber } = await start()
    const ids = Array.from({ length: 60 }, (_, index) => `${index + 100}`)
    const replacing = (async () => {
      for (let round = 0; round < 6; round++) await gateway.replace(composeSupergraph(gateway.services))
    })()
    const published = (async () => {
      for (const id of ids) {
        gateway.publish(id)
        await new Promise(resolve => setImmediate(resolve))
      }
    })()
    for (const id of ids) expect(await subscriber.next()).toEqual(answerFor(id))
    await Promise.all([replacing, published])
    await expect.poll(() => gateway.closedGraphs.length).toBe(6)
    expect(gateway.articles.seen.upgrades).toHaveLength(1)
  })

  it('stays at the old address when the new one refuses it', async () => {
    const { gateway, subscriber } = await start()
    const moved = open.use(await startSubgraph(ARTICLES, articles))
    moved.behaviour.refuses = () => true
    await gateway.replace(
      composeSupergraph({ ...gateway.services, articles: { sdl: ARTICLES, url: moved.url } }),
    )
    await expect.poll(() => moved.seen.inits.length).toBe(1)
    gateway.publish('2')
    expect(await subscriber.next()).toEqual(answerFor('2'))
  })

  it('is replanned together with all others that are running', async () => {
    const { gateway } = await start()
    const queries = Array.from(
      { length: 20 },
      (_, index) => `subscription { a${index}: published { author { name } } }`,
    )
    const subscribers = queries.map(query => open.use(subscribe(gateway.socket, query)))
    const firsts = subscribers.map(subscriber => subscriber.next())
    await listening(gateway.articles.topics).toBe(21)
    const other = await startOtherAuthors()
    const before = gateway.current.get()
    await gateway.replace(
      composeSupergraph({ ...gateway.services, authors: { sdl: AUTHORS, url: other.url } }),
    )
    await expect.poll(() => gateway.closedGraphs).toEqual([before])
    gateway.publish('2')
    expect(await Promise.all(firsts)).toEqual(
      queries.map((_, index) => ({ data: { [`a${index}`]: { author: { name: 'Anonymous' } } } })),
    )
    expect(gateway.articles.seen.upgrades).toHaveLength(21)
  })

  it('shares its source with subscribers who join later', async () => {
    const { gateway, subscriber } = await start()
    await gateway.replace(composeSupergraph(gateway.services))
    await using late = subscribe(gateway.socket, PUBLISHED)
    const second = late.next()
    await expect.poll(() => gateway.readers()).toBe(2)
    gateway.publish('2')
    expect(await subscriber.next()).toEqual(answerFor('2'))
    expect(await second).toEqual(answerFor('2'))
    expect(gateway.articles.seen.upgrades).toHaveLength(1)
  })
})
