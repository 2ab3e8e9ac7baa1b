import { afterEach, describe, expect, it } from 'vitest'
import {
  ARTICLES,
  AUTHORS,
  article,
  articles,
  authors,
  compose,
  startArticlesGateway,
} from './fixtures/articles-gateway.ts'
import { eventually } from './fixtures/eventually.ts'
import { startSubgraph, type Topics } from './fixtures/subgraph.ts'
import { subscribe } from './fixtures/websocket-client.ts'

const PUBLISHED = 'subscription Published { published { id author { name } } }'
const answerFor = (id: string, name = `Author a${id}`) => ({ data: { published: { id, author: { name } } } })

let open = new AsyncDisposableStack()
afterEach(async () => {
  await open.disposeAsync()
  open = new AsyncDisposableStack()
})

async function start() {
  const press = open.use(await startArticlesGateway())
  const subscriber = open.use(subscribe(press.socket, PUBLISHED))
  const first = subscriber.next()
  await listening(press.articles.topics).toBe(1)
  press.publish('1')
  expect(await first).toEqual(answerFor('1'))
  return { press, subscriber }
}

const listening = (topics: Topics) => eventually(() => topics.listening('published'))

/** Another subgraph of the same schema, whose authors are called something else. */
async function startOtherAuthors() {
  const { Query, Author, Article } = authors()
  const other = { Query, Article, Author: { ...Author, name: () => 'Anonymous' } }
  return open.use(await startSubgraph(AUTHORS, () => other))
}

describe('a subscription, when another supergraph is served', () => {
  it('continues on the new one, on its existing connection', async () => {
    const { press, subscriber } = await start()
    const before = press.current.get()
    const other = await startOtherAuthors()
    await press.replace(compose({ ...press.services, authors: { sdl: AUTHORS, url: other.url } }))
    await eventually(() => press.closedGraphs).toEqual([before])
    press.publish('2')
    expect(await subscriber.next()).toEqual(answerFor('2', 'Anonymous'))
    expect(press.articles.seen.upgrades).toHaveLength(1)
  })

  it('moves to the new address of its subgraph, and leaves the old one once the new one is open', async () => {
    const { press, subscriber } = await start()
    const before = press.current.get()
    const moved = open.use(await startSubgraph(ARTICLES, articles))
    await moved.stop()
    await press.replace(compose({ ...press.services, articles: { sdl: ARTICLES, url: moved.url } }))
    press.publish('2')
    expect(await subscriber.next()).toEqual(answerFor('2'))
    expect(press.closedGraphs).toEqual([])
    await moved.start()
    await listening(moved.topics).toBe(1)
    await listening(press.articles.topics).toBe(0)
    await eventually(() => press.closedGraphs).toEqual([before])
    moved.topics.publish('published', article('3'))
    expect(await subscriber.next()).toEqual(answerFor('3'))
  })

  it('continues on the old one when it is no longer valid, and the old graph closes with it', async () => {
    const { press, subscriber } = await start()
    const before = press.current.get()
    const sdl = AUTHORS.replace('name: String ', '')
    await press.replace(compose({ ...press.services, authors: { sdl, url: press.authors.url } }))
    press.publish('2')
    expect(await subscriber.next()).toEqual(answerFor('2'))
    expect(press.closedGraphs).toEqual([])
    await using late = subscribe(press.socket, PUBLISHED)
    await expect(late.next()).rejects.toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
    await subscriber[Symbol.asyncDispose]()
    await eventually(() => press.closedGraphs).toEqual([before])
  })

  it('returns to the newest one in which it is valid', async () => {
    const { press, subscriber } = await start()
    const sdl = AUTHORS.replace('name: String ', '')
    await press.replace(compose({ ...press.services, authors: { sdl, url: press.authors.url } }))
    const other = await startOtherAuthors()
    await press.replace(compose({ ...press.services, authors: { sdl: AUTHORS, url: other.url } }))
    await eventually(() => press.closedGraphs.length).toBe(2)
    press.publish('2')
    expect(await subscriber.next()).toEqual(answerFor('2', 'Anonymous'))
  })

  it('neither loses nor repeats an event, however often it is replaced', async () => {
    const { press, subscriber } = await start()
    const ids = Array.from({ length: 60 }, (_, index) => `${index + 100}`)
    const replacing = (async () => {
      for (let round = 0; round < 6; round++) await press.replace(compose(press.services))
    })()
    const published = (async () => {
      for (const id of ids) {
        press.publish(id)
        await new Promise(resolve => setImmediate(resolve))
      }
    })()
    for (const id of ids) expect(await subscriber.next()).toEqual(answerFor(id))
    await Promise.all([replacing, published])
    await eventually(() => press.closedGraphs.length).toBe(6)
    expect(press.articles.seen.upgrades).toHaveLength(1)
  })

  it('stays at the old address when the new one refuses it', async () => {
    const { press, subscriber } = await start()
    const moved = open.use(await startSubgraph(ARTICLES, articles))
    moved.behaviour.refuses = () => true
    await press.replace(compose({ ...press.services, articles: { sdl: ARTICLES, url: moved.url } }))
    await eventually(() => moved.seen.inits.length).toBe(1)
    press.publish('2')
    expect(await subscriber.next()).toEqual(answerFor('2'))
  })

  it('is replanned together with all others that are running', async () => {
    const { press } = await start()
    const queries = Array.from(
      { length: 20 },
      (_, index) => `subscription { a${index}: published { author { name } } }`,
    )
    const subscribers = queries.map(query => open.use(subscribe(press.socket, query)))
    const firsts = subscribers.map(subscriber => subscriber.next())
    await listening(press.articles.topics).toBe(21)
    const other = await startOtherAuthors()
    const before = press.current.get()
    await press.replace(compose({ ...press.services, authors: { sdl: AUTHORS, url: other.url } }))
    await eventually(() => press.closedGraphs).toEqual([before])
    press.publish('2')
    expect(await Promise.all(firsts)).toEqual(
      queries.map((_, index) => ({ data: { [`a${index}`]: { author: { name: 'Anonymous' } } } })),
    )
    expect(press.articles.seen.upgrades).toHaveLength(21)
  })

  it('shares its source with subscribers who join later', async () => {
    const { press, subscriber } = await start()
    await press.replace(compose(press.services))
    await using late = subscribe(press.socket, PUBLISHED)
    const second = late.next()
    await eventually(() => press.readers()).toBe(2)
    press.publish('2')
    expect(await subscriber.next()).toEqual(answerFor('2'))
    expect(await second).toEqual(answerFor('2'))
    expect(press.articles.seen.upgrades).toHaveLength(1)
  })
})
