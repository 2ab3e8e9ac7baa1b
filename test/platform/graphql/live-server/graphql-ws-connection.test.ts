import { once } from 'node:events'
import { connect } from 'node:net'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { WebSocket } from 'ws'
import { type LiveGraph, ofType, openAcknowledged, openRawSocket, serveLive } from './headline-server.ts'

let graph: LiveGraph
beforeAll(async () => {
  graph = await serveLive()
})
afterAll(() => graph?.[Symbol.asyncDispose]())

describe('a socket is closed', () => {
  test.each([
    ['what is not JSON', 'nonsense', 'it is not a JSON object'],
    ['what is no object', '[]', 'it is not a JSON object'],
    ['nothing at all', '', 'it is not a JSON object'],
    ['a type that there is not', { type: 'start', id: '1', payload: { query: '{ a }' } }, 'type'],
    ['a type that servers send', { type: 'next', id: '1' }, 'type'],
    ['a subscription without an id', { type: 'subscribe', payload: { query: '{ a }' } }, 'id'],
    ['a message with an overlong id', { type: 'complete', id: 'x'.repeat(1000) }, 'id'],
    ['a subscription without a query', { type: 'subscribe', id: '1', payload: {} }, 'the query is missing'],
    [
      'variables that are a list',
      { type: 'subscribe', id: '1', payload: { query: '{ a }', variables: [] } },
      'variables',
    ],
    ['a ping whose payload is a string', { type: 'ping', payload: 'hello' }, 'payload'],
  ])('with 4400 and a reason for %s', async (_name, message, reason) => {
    using raw = await openAcknowledged(graph)
    raw.send(message)
    expect(await raw.closed).toEqual({ code: 4400, reason: expect.stringContaining(reason) })
  })

  it('with 4400 for a binary message', async () => {
    using raw = await openAcknowledged(graph)
    raw.socket.send(Buffer.from('{"type":"ping"}'), { binary: true })
    expect(await raw.closed).toEqual({ code: 4400, reason: expect.stringContaining('binary') })
  })

  it('with 4401 when it subscribes before the connection is acknowledged', async () => {
    using raw = await openRawSocket(graph)
    raw.subscribe('1', '{ twice(x: 1) }')
    expect(await raw.closed).toEqual({ code: 4401, reason: 'Unauthorized' })
  })

  it('with 4401 when its new token is for another role', async () => {
    using raw = await openAcknowledged(graph, await graph.bearer('ann'))
    raw.send({ type: 'ping', payload: await graph.bearer('ann', { role: 'ops' }) })
    expect(await raw.closed).toEqual({ code: 4401, reason: expect.stringContaining('another role') })
  })

  it('with 4406 when it requests another subprotocol, or none', async () => {
    using raw = await openRawSocket(graph, undefined, { protocol: '' })
    expect(await raw.closed).toMatchObject({ code: 4406 })
  })

  it('with 4409 for an id that is in use', async () => {
    using raw = await openAcknowledged(graph)
    raw.subscribe('é"1', 'subscription { headlines { text } }')
    raw.subscribe('é"1', '{ twice(x: 1) }')
    expect(await raw.closed).toEqual({ code: 4409, reason: 'Subscriber for é"1 already exists' })
  })

  it('with 4429 when it sends connection_init twice', async () => {
    using raw = await openRawSocket(graph, {})
    raw.send({ type: 'connection_init' })
    expect(await raw.closed).toMatchObject({ code: 4429 })
  })

  it('as the WebSocket protocol says for malformed frames, and no other connection is affected', async () => {
    using other = await openAcknowledged(graph)
    other.subscribe('1', 'subscription { headlines { text } }')
    await expect.poll(() => graph.feed.readers()).toBe(1)
    const { port } = new URL(graph.url)
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(
      'GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
    )
    await once(socket, 'data')
    socket.write(Buffer.alloc(4096, 0xff))
    const [frame] = await once(socket, 'data')
    expect([frame[0], frame.readUInt16BE(2)]).toEqual([0x88, 1002])
    socket.destroy()
    graph.feed.publish('calm')
    expect(await other.seen(ofType('next'))).toMatchObject({
      payload: { data: { headlines: { text: 'calm' } } },
    })
  })
})

describe('an operation', () => {
  it('may have any id, and the same id may be used again after its end', async () => {
    using raw = await openAcknowledged(graph)
    for (const id of ['"\\\n', '𝄞', 'toString', '__proto__']) {
      for (const x of [1, 2]) {
        raw.messages.length = 0
        raw.subscribe(id, 'query ($x: Int!) { twice(x: $x) }', { variables: { x } })
        await raw.seen(ofType('complete'))
        expect(raw.messages).toEqual([
          { id, type: 'next', payload: { data: { twice: x * 2 } } },
          { id, type: 'complete' },
        ])
      }
    }
  })

  it('sends nothing more once its client has completed it', async () => {
    using raw = await openAcknowledged(graph)
    raw.subscribe('1', 'subscription { headlines { text } }')
    await expect.poll(() => graph.feed.readers()).toBe(1)
    raw.send({ type: 'complete', id: '1' })
    raw.send({ type: 'complete', id: 'never was' })
    await expect.poll(() => graph.feed.readers()).toBe(0)
    graph.feed.publish('late')
    raw.subscribe('2', '{ twice(x: 1) }')
    await raw.seen(ofType('complete'))
    expect(raw.messages.filter(({ id }) => id === '1')).toEqual([])
  })

  it('that is completed before it starts never starts', async () => {
    using raw = await openAcknowledged(graph)
    raw.subscribe('1', 'subscription { headlines { text } }')
    raw.send({ type: 'complete', id: '1' })
    raw.subscribe('2', '{ twice(x: 1) }')
    await raw.seen(ofType('complete'))
    expect(graph.feed.readers()).toBe(0)
  })

  it('ends with its connection', async () => {
    const raw = await openAcknowledged(graph)
    raw.subscribe('1', 'subscription { headlines { text } }')
    await expect.poll(() => graph.feed.readers()).toBe(1)
    raw.socket.terminate()
    await expect.poll(() => graph.feed.readers()).toBe(0)
  })

  it('whose source fails ends with the error', async () => {
    using raw = await openAcknowledged(graph)
    raw.subscribe('1', 'subscription { broken }')
    expect(await raw.seen(ofType('error'))).toMatchObject({
      id: '1',
      payload: [{ message: 'the presses have stopped', extensions: { code: 'UNAVAILABLE' } }],
    })
    raw.subscribe('1', '{ twice(x: 1) }')
    await raw.seen(ofType('complete'))
  })

  it('fails when its document has several operations and it names none of them', async () => {
    using raw = await openAcknowledged(graph)
    raw.subscribe('1', 'query A { twice(x: 1) } query B { twice(x: 2) }')
    expect(await raw.seen(ofType('error'))).toMatchObject({
      payload: [{ message: expect.stringContaining('several'), extensions: { code: 'BAD_USER_INPUT' } }],
    })
    raw.subscribe('2', 'query A { twice(x: 1) } query B { twice(x: 2) }', { operationName: 'B' })
    expect(await raw.seen(ofType('next'))).toMatchObject({ payload: { data: { twice: 4 } } })
  })

  it.each([1, 60, 100, 16_000, 17_000, 65_400, 65_500, 66_000, 1_000_000])(
    'gets a response of %i characters whole',
    async length => {
      using raw = await openAcknowledged(graph)
      raw.subscribe('1', 'query ($length: Int!) { text(length: $length) }', { variables: { length } })
      expect(await raw.seen(ofType('next'))).toEqual({
        id: '1',
        type: 'next',
        payload: { data: { text: 'x'.repeat(length) } },
      })
    },
  )

  it('waits for no position without a token', async () => {
    using raw = await openAcknowledged(graph, { 'waybill-consistency': 'news=3,orders=1' })
    raw.subscribe('1', '{ required }', { extensions: { 'waybill-consistency': 'orders=7' } })
    expect(await raw.seen(ofType('next'))).toMatchObject({ payload: { data: { required: '{}' } } })
  })

  it('sends the positions that its caller requires, and gets those that it reached', async () => {
    const ann = await graph.bearer('ann')
    using raw = await openAcknowledged(graph, { ...ann, 'waybill-consistency': 'news=3,orders=1' })
    const extensions = { 'waybill-consistency': 'orders=7' }
    raw.subscribe('1', '{ required }', { extensions })
    expect(await raw.seen(ofType('next'))).toMatchObject({
      payload: { data: { required: JSON.stringify({ news: 3, orders: 7 }) } },
    })
    raw.messages.length = 0
    raw.subscribe('2', 'mutation { put(text: "x") }')
    expect(await raw.seen(ofType('next'))).toMatchObject({
      payload: { extensions: { 'waybill-consistency': expect.stringMatching(/^news=\d+$/) } },
    })
  })
})

describe('a connection', () => {
  it('responds to pings with their payload', async () => {
    using raw = await openRawSocket(graph)
    raw.send({ type: 'ping', payload: { at: 1 } })
    expect(await raw.seen(ofType('pong'))).toEqual({ type: 'pong', payload: { at: 1 } })
    raw.socket.ping('hello')
    const [data] = await once(raw.socket, 'pong')
    expect(String(data)).toBe('hello')
  })

  it('gets heartbeats', async () => {
    await using quick = await serveLive({ heartbeatMs: 20 })
    using raw = await openAcknowledged(quick)
    for (let beat = 0; beat < 3; beat++) await once(raw.socket, 'ping')
    expect(raw.socket.readyState).toBe(raw.socket.OPEN)
  })

  it('of the common client reconnects by itself after a restart', async () => {
    const first = await serveLive()
    let { url } = first
    const client = createClient({
      url: () => url,
      webSocketImpl: WebSocket,
      retryAttempts: 5,
      retryWait: async () => undefined,
    })
    const results = client.iterate({ query: 'subscription { headlines { text } }' })
    const next = results.next()
    await expect.poll(() => first.feed.readers()).toBe(1)
    await using second = await serveLive()
    url = second.url
    await first[Symbol.asyncDispose]()
    await expect.poll(() => second.feed.readers()).toBe(1)
    second.feed.publish('again')
    expect((await next).value).toEqual({ data: { headlines: { text: 'again' } } })
    await client.dispose()
  })
})

describe('a server that stops', () => {
  it('closes its sockets with 1012 over a short time, refuses new ones, and terminates those that do not respond', async () => {
    await using stopping = await serveLive({ connectionsPerSubject: 100 })
    const clients = await Promise.all(Array.from({ length: 60 }, () => openAcknowledged(stopping)))
    const [deaf] = clients
    deaf?.socket.pause()
    const times: number[] = []
    for (const { closed } of clients.slice(1)) void closed.then(() => times.push(performance.now()))
    const stopped = stopping.http[Symbol.asyncDispose]()
    await expect(openRawSocket(stopping)).rejects.toThrow('503')
    const closes = await Promise.all(clients.slice(1).map(({ closed }) => closed))
    expect(new Set(closes.map(({ code, reason }) => `${code} ${reason}`))).toEqual(
      new Set(['1012 Service Restart']),
    )
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(20)
    await stopped
    deaf?.socket.resume()
    await deaf?.closed
  })
})

describe('a thousand connections of one subject', () => {
  it('are refused past the limit, and others are served meanwhile', async () => {
    const greedy = await graph.bearer('greedy')
    const opening = Array.from({ length: 1000 }, () => openRawSocket(graph, greedy))
    using other = await openAcknowledged(graph, await graph.bearer('modest'))
    other.subscribe('1', '{ twice(x: 21) }')
    expect(await other.seen(ofType('next'))).toMatchObject({ payload: { data: { twice: 42 } } })
    const all = await Promise.all(opening)
    const outcomes = await Promise.all(
      all.map(raw =>
        Promise.race([
          raw.seen(ofType('connection_ack')).then(() => 'open'),
          raw.closed.then(({ code }) => code),
        ]),
      ),
    )
    expect(outcomes.filter(outcome => outcome === 'open')).toHaveLength(20)
    expect(outcomes.filter(outcome => outcome === 4429)).toHaveLength(980)
    for (const raw of all) raw.socket.terminate()
  })
})
