import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { serveHttp } from '#test/fixtures/http-server.ts'
import {
  ARTICLES,
  answerFor,
  articles,
  PUBLISHED,
  startArticlesGateway,
} from './fixtures/articles-gateway.ts'
import { startSubgraph } from './fixtures/subgraph.ts'
import { subscribe } from './fixtures/websocket-client.ts'

const QUICK = { connectMs: 300, outageMs: 1000, heartbeatMs: 100 }

let open = new AsyncDisposableStack()
afterEach(async () => {
  const closing = open
  open = new AsyncDisposableStack()
  await closing.disposeAsync()
})

type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** Starts a gateway whose articles come from a server that handles upgrades as the test says. */
async function startAt(upgrade: OnUpgrade, settings: object = QUICK) {
  const upgraded = new Set<Duplex>()
  const { server, port, [Symbol.asyncDispose]: close } = await serveHttp()
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => {})
    // An upgrade that arrives while the fixture closes would keep the server open without end.
    if (!server.listening) return void socket.destroy()
    upgraded.add(socket)
    upgrade(request, socket, head)
  })
  open.defer(async () => {
    const closed = close()
    for (const socket of upgraded) socket.destroy()
    await closed
  })
  const url = `ws://127.0.0.1:${port}/live`
  const gateway = open.use(
    await startArticlesGateway({ subscriptions: { ...settings, subgraphs: { articles: { url } } } }),
  )
  return { gateway, subscriber: open.use(subscribe(gateway.socket, PUBLISHED)) }
}

const UNAVAILABLE = [{ extensions: { code: 'UNAVAILABLE' } }]
const sockets = () =>
  new WebSocketServer({ noServer: true, autoPong: false, handleProtocols: () => 'graphql-transport-ws' })

/** Acknowledges connections and calls `upgraded` for each subscription. */
function talk(upgraded: (send: (message: object | string) => void, count: number) => void): OnUpgrade {
  const server = sockets()
  let count = 0
  return (request, socket, head) =>
    server.handleUpgrade(request, socket, head, ws => {
      const send = (message: object | string) =>
        ws.send(typeof message === 'string' ? message : JSON.stringify(message))
      ws.on('message', data => {
        const { type } = JSON.parse(String(data))
        if (type === 'connection_init') send({ type: 'connection_ack' })
        if (type === 'subscribe') upgraded(send, ++count)
      })
    })
}

const next = (published: unknown) => ({ id: '1', type: 'next', payload: { data: { published } } })
const ARTICLE = { __typename: 'Article', id: '7', author: { __typename: 'Author', id: 'a7' } }

describe('a subgraph that', () => {
  it.each([
    [401, 'UNAUTHENTICATED'],
    [403, 'FORBIDDEN'],
    [404, 'UNAVAILABLE'],
    [500, 'UNAVAILABLE'],
  ])('responds to an upgrade with HTTP %i ends the subscription with %s', async (status, code) => {
    const { subscriber } = await startAt((_request, socket) =>
      socket.end(`HTTP/1.1 ${status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`),
    )
    await expect(subscriber.next()).rejects.toMatchObject([{ extensions: { code } }])
  })

  it('never responds to an upgrade ends the subscription after the connection timeout', async () => {
    const { subscriber } = await startAt(() => {})
    await expect(subscriber.next()).rejects.toMatchObject(UNAVAILABLE)
  })

  it('never acknowledges a connection ends the subscription after the connection timeout', async () => {
    const server = sockets()
    const { subscriber } = await startAt((request, socket, head) =>
      server.handleUpgrade(request, socket, head, () => {}),
    )
    await expect(subscriber.next()).rejects.toMatchObject(UNAVAILABLE)
  })

  it('falls silent without closing is reconnected', async () => {
    const { subscriber } = await startAt(talk((send, count) => count > 1 && send(next(ARTICLE))))
    expect(await subscriber.next()).toEqual(answerFor('7'))
  })

  it.each([
    ['invalid JSON', 'nonsense'],
    ['JSON that is not an object', '[]'],
    ['an event that is not a response', { id: '1', type: 'next', payload: 7 }],
    ['an event without data or errors', { id: '1', type: 'next', payload: { fine: true } }],
  ])('sends %s is reconnected', async (_, message) => {
    const { subscriber } = await startAt(talk((send, count) => send(count > 1 ? next(ARTICLE) : message)))
    expect(await subscriber.next()).toEqual(answerFor('7'))
  })

  it.each([
    ['a string in place of an object', 'text'],
    ['a list in place of an object', [ARTICLE]],
    ['an object without a non-null field', { __typename: 'Article' }],
  ])('sends %s causes an error at its path, and the next event is delivered', async (_, value) => {
    const { subscriber } = await startAt(
      talk(send => {
        send(next(value))
        send(next(ARTICLE))
      }),
    )
    expect(await subscriber.next()).toMatchObject({
      data: { published: null },
      errors: [{ path: expect.arrayContaining(['published']), extensions: { code: 'INTERNAL' } }],
    })
    expect(await subscriber.next()).toEqual(answerFor('7'))
  })

  it('refuses with errors ends the subscription with them, masked like those of queries', async () => {
    const { subscriber } = await startAt(
      talk(send =>
        send({
          id: '1',
          type: 'error',
          payload: [
            { message: 'not for you', extensions: { code: 'FORBIDDEN' } },
            { message: 'select * from secrets' },
          ],
        }),
      ),
    )
    await expect(subscriber.next()).rejects.toMatchObject([
      { message: 'not for you', extensions: { code: 'FORBIDDEN' } },
      { message: expect.not.stringContaining('secrets'), extensions: { code: 'INTERNAL' } },
    ])
  })
})

describe('a subgraph whose event stream gives its events ids', () => {
  it('resumes after the last event, also for clients that reconnect', async () => {
    const asked: unknown[] = []
    const { url } = open.use(
      await serveHttp((request, response) => {
        asked.push(request.headers['last-event-id'])
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        const id = Number(request.headers['last-event-id'] ?? 0) + 1
        response.write(`event: next\nid: ${id}\ndata: ${JSON.stringify(next(ARTICLE).payload)}\n\n`)
        if (id < 3) setImmediate(() => response.destroy())
        else response.end('event: complete\ndata:\n\n')
      }),
    )
    const gateway = open.use(
      await startArticlesGateway({ subscriptions: { subgraphs: { articles: { protocol: 'sse', url } } } }),
    )
    const response = await fetch(`${gateway.stream}?${new URLSearchParams({ query: PUBLISHED })}`, {
      headers: { accept: 'text/event-stream' },
    })
    const text = await response.text()
    expect([...text.matchAll(/^id: (\d)$/gm)].map(([, id]) => id)).toEqual(['1', '2', '3'])
    expect(text).toContain(`data: ${JSON.stringify(answerFor('7'))}`)
    expect(asked).toEqual([undefined, '1', '2'])
  })
})

describe('a subgraph of several instances', () => {
  it('continues a subscription on another instance when the first one fails', async () => {
    const instances = [
      open.use(await startSubgraph(ARTICLES, articles)),
      open.use(await startSubgraph(ARTICLES, articles)),
    ]
    const gateway = open.use(
      await startArticlesGateway({ subgraphs: { articles: { urls: instances.map(({ url }) => url) } } }),
    )
    await using subscriber = subscribe(gateway.socket, PUBLISHED)
    const first = subscriber.next()
    const followed = () => instances.filter(({ topics }) => topics.listening('published') > 0)
    await expect.poll(() => followed().length).toBe(1)
    const [before] = followed()
    await before?.stop()
    const other = instances.find(instance => instance !== before)
    await expect.poll(() => other?.topics.listening('published')).toBe(1)
    other?.topics.publish('published', ARTICLE)
    expect(await first).toEqual(answerFor('7'))
  })
})
