import { createClient } from 'graphql-ws'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { serveGraph } from '../graph-server.ts'

type Served = Awaited<ReturnType<typeof serveGraph>>

function clientOf(graph: Served, connectionParams: Record<string, unknown> = {}) {
  const client = createClient({
    url: graph.liveUrl,
    webSocketImpl: WebSocket,
    connectionParams,
    lazy: true,
    retryAttempts: 0,
  })
  return Object.assign(client, {
    all: async (query: string, variables: Record<string, unknown> = {}) => {
      const results: unknown[] = []
      for await (const result of client.iterate({ query, variables })) results.push(result)
      return results
    },
  })
}

/** A bare connection, to see its close code and to send what a well-behaved client would not. */
async function openRawSocket(graph: Served, init?: Record<string, unknown>) {
  const socket = new WebSocket(graph.liveUrl, 'graphql-transport-ws')
  const closed = new Promise<{ code: number; reason: string }>(resolve =>
    socket.once('close', (code, reason) => resolve({ code, reason: String(reason) })),
  )
  const messages: Record<string, unknown>[] = []
  const waiting: (() => void)[] = []
  socket.on('message', data => {
    messages.push(JSON.parse(String(data)))
    for (const wake of waiting.splice(0)) wake()
  })
  const message = async (type: string): Promise<Record<string, unknown>> => {
    const found = messages.find(candidate => candidate.type === type)
    if (found) return found
    await new Promise<void>(resolve => waiting.push(resolve))
    return message(type)
  }
  const send = (value: object) => socket.send(JSON.stringify(value))
  await new Promise(resolve => socket.once('open', resolve))
  if (init) send({ type: 'connection_init', payload: init })
  return { socket, closed, send, message, [Symbol.dispose]: () => socket.terminate() }
}

const bearer = async (graph: Served, subject: string, ttlSeconds?: number) => ({
  authorization: `Bearer ${await graph.token('customer', subject, ttlSeconds)}`,
})

describe('live operations', () => {
  it('yield their values and complete', async () => {
    await using graph = await serveGraph()
    const client = clientOf(graph)
    expect(await client.all('subscription ($to: Int!) { count(to: $to) }', { to: 3 })).toEqual([
      { data: { count: 1 } },
      { data: { count: 2 } },
      { data: { count: 3 } },
    ])
    expect(await client.all('{ twice(x: 4) }')).toEqual([{ data: { twice: 8 } }])
    await client.dispose()
  })

  it("run as the viewer of the connection's token", async () => {
    await using graph = await serveGraph()
    const client = clientOf(graph, await bearer(graph, 'cus_1'))
    expect(await client.all('subscription { me }')).toEqual([{ data: { me: 'cus_1' } }])
    await client.dispose()
  })

  it('have their errors formatted as over HTTP', async () => {
    await using graph = await serveGraph()
    const client = clientOf(graph)
    expect(await client.all('subscription { refused }')).toMatchObject([
      { errors: [{ message: 'not yours', extensions: { code: 'FORBIDDEN' } }] },
    ])
    expect(await client.all('{ broken }')).toMatchObject([
      { errors: [{ extensions: { code: 'INTERNAL', requestId: expect.any(String) } }] },
    ])
    await expect(client.all('subscription { nobody }')).rejects.toMatchObject([
      { extensions: { code: 'BAD_USER_INPUT' } },
    ])
    await client.dispose()
  })

  it('are subject to the limits of every operation', async () => {
    await using graph = await serveGraph({ live: { limits: { depth: 2 } } })
    const client = clientOf(graph)
    await expect(client.all('{ order(id: 1) { next { id } } }')).rejects.toMatchObject([
      { message: expect.stringContaining('3 levels deep'), extensions: { code: 'BAD_USER_INPUT' } },
    ])
    await expect(client.all('{ __schema { queryType { name } } }')).rejects.toMatchObject([
      { message: expect.stringContaining('introspection'), extensions: { code: 'BAD_USER_INPUT' } },
    ])
    await client.dispose()
  })

  it('are limited in number on one connection', async () => {
    await using graph = await serveGraph()
    using raw = await openRawSocket(graph, {})
    await raw.message('connection_ack')
    for (let id = 0; id <= 50; id++)
      raw.send({ id: `s${id}`, type: 'subscribe', payload: { query: 'subscription { silence }' } })
    expect(await raw.message('error')).toMatchObject({
      id: 's50',
      payload: [{ extensions: { code: 'RATE_LIMITED' } }],
    })
  })
})

describe('a live connection', () => {
  it('is closed with 4401 when the token is invalid', async () => {
    await using graph = await serveGraph()
    using raw = await openRawSocket(graph, { authorization: 'Bearer nonsense' })
    expect(await raw.closed).toMatchObject({ code: 4401, reason: expect.stringContaining('malformed') })
  })

  it('is closed with 4401 when its token expires, or the token that replaced it', async () => {
    await using graph = await serveGraph()
    using expiring = await openRawSocket(graph, await bearer(graph, 'cus_1', 1))
    using refreshed = await openRawSocket(graph, await bearer(graph, 'cus_1', 1))
    await refreshed.message('connection_ack')
    refreshed.send({ type: 'ping', payload: await bearer(graph, 'cus_1', 3) })
    await refreshed.message('pong')
    expect(await expiring.closed).toEqual({ code: 4401, reason: 'the token has expired' })
    refreshed.send({ id: '1', type: 'subscribe', payload: { query: 'subscription { me }' } })
    expect(await refreshed.message('next')).toMatchObject({ payload: { data: { me: 'cus_1' } } })
    expect(await refreshed.closed).toMatchObject({ code: 4401 })
  })

  it('cannot change to another subject', async () => {
    await using graph = await serveGraph()
    using raw = await openRawSocket(graph, await bearer(graph, 'cus_1'))
    await raw.message('connection_ack')
    raw.send({ type: 'ping', payload: await bearer(graph, 'cus_2') })
    expect(await raw.closed).toMatchObject({ code: 4401, reason: expect.stringContaining('another subject') })
  })

  it('is one of a limited number of its subject', async () => {
    await using graph = await serveGraph({ live: { connectionsPerSubject: 1 } })
    using first = await openRawSocket(graph, await bearer(graph, 'cus_1'))
    await first.message('connection_ack')
    using second = await openRawSocket(graph, await bearer(graph, 'cus_1'))
    expect(await second.closed).toMatchObject({ code: 4429 })
    using other = await openRawSocket(graph, await bearer(graph, 'cus_2'))
    await other.message('connection_ack')
    first.socket.close()
    await first.closed
    await expect
      .poll(async () => {
        using again = await openRawSocket(graph, await bearer(graph, 'cus_1'))
        return await Promise.race([
          again.message('connection_ack').then(() => 'open'),
          again.closed.then(() => 'closed'),
        ])
      })
      .toBe('open')
  })

  it('is one of a limited number of all connections', async () => {
    await using graph = await serveGraph({ live: { connections: 1 } })
    using _first = await openRawSocket(graph, {})
    const refused = new WebSocket(graph.liveUrl, 'graphql-transport-ws')
    const message = await new Promise<string>(resolve =>
      refused.once('error', error => resolve(error.message)),
    )
    expect(message).toContain('503')
  })

  it('is closed when it sends no connection_init, and when a message is too large', async () => {
    await using graph = await serveGraph({ live: { initTimeoutMs: 20 } })
    using silent = await openRawSocket(graph)
    expect(await silent.closed).toMatchObject({ code: 4408 })
    using loud = await openRawSocket(graph, { padding: 'x'.repeat(70_000) })
    expect(await loud.closed).toMatchObject({ code: 1009 })
  })

  it('is terminated when it does not respond to pings', async () => {
    await using graph = await serveGraph({ live: { heartbeatMs: 30 } })
    using raw = await openRawSocket(graph, {})
    raw.socket.pause()
    const ended = new Promise(resolve => raw.socket.once('close', resolve))
    await expect
      .poll(async () =>
        (await (await fetch(graph.url.replace('/graphql', '/metrics'))).text()).includes(
          'waybill_live_connections{service="orders"} 0',
        ),
      )
      .toBe(true)
    raw.socket.resume()
    await ended
  })

  it('is asked to reconnect with 1012 when the server stops', async () => {
    await using graph = await serveGraph()
    using raw = await openRawSocket(graph, {})
    await raw.message('connection_ack')
    await graph.http[Symbol.asyncDispose]()
    expect(await raw.closed).toEqual({ code: 1012, reason: 'Service Restart' })
  })
})
