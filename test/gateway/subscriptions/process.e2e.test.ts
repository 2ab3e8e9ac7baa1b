import { rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { startOtlpReceiver } from '#test/fixtures/otlp-receiver.ts'
import { composeSupergraph } from '#test/gateway/composed-gateway.ts'
import { runGateway } from '#test/gateway/gateway-process.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'
import { openAcknowledged } from '#test/platform/graphql/live-server/headline-server.ts'
import {
  ARTICLES,
  AUTHORS,
  answerFor,
  article,
  articles,
  authors,
  PUBLISHED,
} from './fixtures/articles-gateway.ts'
import { startSubgraph } from './fixtures/subgraph.ts'
import { subscribe } from './fixtures/websocket-client.ts'

let open = new AsyncDisposableStack()
afterEach(async () => {
  await open.disposeAsync()
  open = new AsyncDisposableStack()
})

/** Starts the gateway as a process of its own, over subgraphs in the test's process. */
async function start({ settings = {}, env = {} }: { settings?: object; env?: Record<string, string> } = {}) {
  const folder = open.use(await temporaryFolder())
  const file = path.join(folder.path, 'supergraph.graphql')
  const news = open.use(await startSubgraph(ARTICLES, articles))
  const people = open.use(await startSubgraph(AUTHORS, authors))
  const services = {
    articles: { sdl: ARTICLES, url: news.url },
    authors: { sdl: AUTHORS, url: people.url },
  }
  await writeFile(file, composeSupergraph(services))
  const settingsFile = path.join(folder.path, 'settings.json')
  await writeFile(settingsFile, JSON.stringify(settings))
  const gateway = open.use(runGateway({ ...env, SUPERGRAPH: file, GATEWAY_SETTINGS: settingsFile }))
  const url = await gateway.url
  return {
    gateway,
    url,
    socket: `${url.replace('http', 'ws')}/graphql`,
    news,
    services,
    listening: (topic = 'published') => expect.poll(() => news.topics.listening(topic)),
    /** Replaces the supergraph by renaming a new file over it. */
    async serve(sdl: string) {
      await writeFile(`${file}.next`, sdl)
      await rename(`${file}.next`, file)
      gateway.signal('SIGHUP')
      await gateway.logged('a new supergraph is served')
    },
  }
}

/** Reads the metrics into a map by name and labels. */
async function metrics(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return new Map(
    [...text.matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm)].map(([, name = '', value]) => [name, Number(value)]),
  )
}

describe('a gateway in a process of its own', () => {
  it('keeps subscriptions while its supergraph file is replaced, and continues them on the new one', async () => {
    const { socket, news, services, listening, serve } = await start()
    const { Query, Author, Article } = authors()
    const renamed = { Query, Article, Author: { ...Author, name: () => 'Anonymous' } }
    const others = open.use(await startSubgraph(AUTHORS, () => renamed))
    await using subscriber = subscribe(socket, PUBLISHED)
    const first = subscriber.next()
    await listening().toBe(1)
    news.topics.publish('published', article('1'))
    expect(await first).toEqual(answerFor('1'))
    await serve(composeSupergraph({ ...services, authors: { sdl: AUTHORS, url: others.url } }))
    news.topics.publish('published', article('2'))
    expect(await subscriber.next()).toEqual(answerFor('2', 'Anonymous'))
    expect(news.seen.upgrades).toHaveLength(1)
  })

  it('does not use more memory for events that slow clients have not read', async () => {
    const { url, socket, news, listening } = await start()
    const SIZE = 250_000
    const clients = await Promise.all(Array.from({ length: 5 }, () => openAcknowledged({ url: socket })))
    for (const client of clients) open.defer(() => client.socket.terminate())
    for (const [index, client] of clients.entries())
      client.subscribe('1', `subscription { bulky${index}: bulky }`)
    await listening('bulky').toBe(clients.length)
    const resident = async () => (await metrics(url)).get('process_resident_memory_bytes') ?? 0
    const before = await resident()
    for (const { socket: slow } of clients) slow.pause()
    const sent = 300
    for (let index = 0; index < sent; index++) news.topics.publish('bulky', `${index} ${'x'.repeat(SIZE)}`)
    let taken = -1
    await expect
      .poll(
        () => {
          const last = taken
          taken = news.topics.taken('bulky')
          return taken > 0 && taken === last
        },
        { interval: 500 },
      )
      .toBe(true)
    expect(taken).toBeLessThan(sent * clients.length)
    // All of it would be 375 MB.
    expect((await resident()) - before).toBeLessThan(150_000_000)
  })

  it('records a span for the start of a subscription, and for each event with its requests', async () => {
    const receiver = open.use(await startOtlpReceiver())
    const { gateway, socket, news, listening } = await start({
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint },
    })
    const trace = 'a'.repeat(32)
    const client = await openAcknowledged({ url: socket })
    client.subscribe('1', PUBLISHED, { extensions: { traceparent: `00-${trace}-${'b'.repeat(16)}-01` } })
    await listening().toBe(1)
    news.topics.publish('published', article('1'))
    await client.seen(({ type }) => type === 'next')
    gateway.signal('SIGTERM')
    await gateway.ended // sends the spans that it still has
    const find = (name: string) => receiver.spans.find(span => span.traceId === trace && span.name === name)
    const event = find('subscription event')
    for (const span of [find('subscription Published'), event]) expect(span?.parentId).toBe('b'.repeat(16))
    expect(find('subgraph authors')?.parentId).toBe(event?.spanId)
  })

  it('closes its connections to subgraphs and notifies its clients when it stops', async () => {
    const { gateway, socket, news, listening } = await start()
    const client = await openAcknowledged({ url: socket })
    client.subscribe('1', PUBLISHED)
    await listening().toBe(1)
    gateway.signal('SIGTERM')
    expect((await client.closed).code).toBe(1012)
    await gateway.ended
    await expect.poll(() => news.topics.listening('published')).toBe(0)
  })
})
