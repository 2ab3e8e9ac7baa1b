import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { type LiveGraph, ofType, openAcknowledged, type RawSocket, serveLive } from './headline-server.ts'

const HEADLINES = 'subscription ($after: String) { headlines(audience: "all", after: $after) { text } }'

async function watching(graph: LiveGraph, readers: number): Promise<void> {
  await expect.poll(() => graph.feed.readers()).toBe(readers)
}

const textIn = (message: Record<string, unknown>): string => {
  const { payload } = message as { payload?: { data?: { headlines?: { text?: string } } } }
  return payload?.data?.headlines?.text ?? ''
}

const showing = (raw: RawSocket, text: string) => raw.seen(message => textIn(message) === text)

describe('a stream item with an audience', () => {
  it('is executed once for all subscribers, and each gets it under its own id', async () => {
    await using graph = await serveLive({ connectionsPerSubject: 100 })
    const clients = await Promise.all(Array.from({ length: 40 }, () => openAcknowledged(graph)))
    for (const [index, raw] of clients.entries())
      for (const name of ['a', 'b']) raw.subscribe(`${name}${index}`, HEADLINES)
    await watching(graph, 80)
    for (const text of ['one', 'two', 'three']) {
      graph.feed.publish(text)
      for (const [index, raw] of clients.entries())
        for (const name of ['a', 'b'])
          expect(
            await raw.seen(({ id, ...rest }) => id === `${name}${index}` && textIn(rest) === text),
          ).toEqual({
            id: `${name}${index}`,
            type: 'next',
            payload: { data: { headlines: { text } } },
          })
    }
    expect(graph.count.executions).toBe(3)
    for (const raw of clients) raw.socket.terminate()
  })

  it('is executed again for another selection, operation, variable, language or audience', async () => {
    await using graph = await serveLive()
    const headers = { 'accept-language': 'de' }
    using raw = await openAcknowledged(graph)
    using german = await openAcknowledged(graph, {}, { headers })
    const padded = 'subscription ($n: Int!) { headlines(audience: "all") { text padding(length: $n) } }'
    const two =
      'subscription A { headlines(audience: "all") { text } } subscription B { headlines(audience: "all") { cursor } }'
    raw.subscribe('same', HEADLINES)
    raw.subscribe('as well', HEADLINES, { variables: {} })
    german.subscribe('language', HEADLINES)
    raw.subscribe('variable 1', padded, { variables: { n: 1 } })
    raw.subscribe('variable 2', padded, { variables: { n: 2 } })
    raw.subscribe('operation A', two, { operationName: 'A' })
    raw.subscribe('operation B', two, { operationName: 'B' })
    raw.subscribe('audience', HEADLINES.replace('all', 'some'))
    await watching(graph, 8)
    graph.feed.publish('x')
    for (const id of ['same', 'as well', 'variable 1', 'operation A', 'audience'])
      await raw.seen(message => message.id === id)
    await german.seen(ofType('next'))
    expect(await raw.seen(({ id }) => id === 'variable 2')).toMatchObject({
      payload: { data: { headlines: { text: 'x', padding: 'xx' } } },
    })
    expect(await raw.seen(({ id }) => id === 'operation B')).toMatchObject({
      payload: { data: { headlines: { cursor: '1' } } },
    })
    expect(graph.count.executions).toBe(7)
  })

  it('is shared by subscribers with different cursors, unless the result depends on the cursor', async () => {
    await using graph = await serveLive()
    using raw = await openAcknowledged(graph)
    graph.feed.publish('old')
    raw.subscribe('0', HEADLINES, { variables: { after: '0' } })
    raw.subscribe('1', HEADLINES, { variables: { after: '1' } })
    await watching(graph, 2)
    await showing(raw, 'old')
    graph.feed.publish('new')
    for (const id of ['0', '1']) await raw.seen(message => message.id === id && textIn(message) === 'new')
    expect(graph.count.executions).toBe(2)

    const echo =
      'subscription ($after: String) { headlines(audience: "all", after: $after) { text(after: $after) } }'
    raw.subscribe('a', echo, { variables: { after: '2' } })
    raw.subscribe('b', echo, { variables: { after: '02' } })
    await watching(graph, 4)
    graph.feed.publish('x')
    await showing(raw, 'x2')
    await showing(raw, 'x02')
  })

  it('without an audience is executed for each subscriber, as its own viewer', async () => {
    await using graph = await serveLive()
    const query = 'subscription { headlines { reader } }'
    using ann = await openAcknowledged(graph, await graph.bearer('ann'))
    using bob = await openAcknowledged(graph, await graph.bearer('bob'))
    ann.subscribe('1', query)
    bob.subscribe('1', query)
    await watching(graph, 2)
    graph.feed.publish('x')
    expect(await ann.seen(ofType('next'))).toMatchObject({
      payload: { data: { headlines: { reader: 'ann' } } },
    })
    expect(await bob.seen(ofType('next'))).toMatchObject({
      payload: { data: { headlines: { reader: 'bob' } } },
    })
    expect(graph.count.executions).toBe(2)
  })

  it('is executed with loaders that hold nothing of the previous item', async () => {
    await using graph = await serveLive()
    using raw = await openAcknowledged(graph)
    raw.subscribe('1', 'subscription { headlines { text loads } }')
    await watching(graph, 1)
    for (const text of ['one', 'two']) {
      graph.feed.publish(text)
      expect(await showing(raw, text)).toMatchObject({ payload: { data: { headlines: { loads: 1 } } } })
    }
  })
})

describe('a client that reads slowly', () => {
  const LARGE = `subscription { headlines(audience: "all") { text padding(length: 20000) } }`
  const pendingBytes = ({ sockets }: LiveGraph) =>
    Math.max(...[...sockets].map(socket => socket.writableLength))

  it('takes no more than one buffer of the server, and then gets the newest value, while others go on', async () => {
    await using graph = await serveLive({ heartbeatMs: 60_000 })
    using slow = await openAcknowledged(graph)
    using quick = await openAcknowledged(graph)
    slow.subscribe('1', LARGE)
    quick.subscribe('1', HEADLINES)
    await watching(graph, 2)
    slow.socket.pause()
    let most = 0
    for (let number = 1; number <= 10_000; number++) {
      graph.feed.publish(`number ${number}`)
      if (number % 10 === 0) await setImmediate()
      most = Math.max(most, pendingBytes(graph))
    }
    await showing(quick, 'number 10000')
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThan(256 * 1024)
    expect(slow.messages.length).toBeLessThan(10)
    slow.socket.resume()
    await showing(slow, 'number 10000')
    expect(slow.messages.length).toBeLessThan(2000)
  })

  it('has its messages left unread, too', async () => {
    await using graph = await serveLive({ heartbeatMs: 60_000 })
    using slow = await openAcknowledged(graph)
    slow.socket.pause()
    const pings = 800
    for (let number = 0; number < pings; number++) {
      slow.subscribe(`${number}`, '{ text(length: 20000) }')
      slow.send({ type: 'ping', payload: { padding: 'x'.repeat(10_000) } })
      slow.socket.ping()
    }
    let most = 0
    for (let turn = 0; turn < 200; turn++) {
      await setImmediate()
      most = Math.max(most, pendingBytes(graph))
    }
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThan(3 * 1024 * 1024)
    slow.socket.resume()
    await expect.poll(() => slow.messages.filter(ofType('pong')).length).toBe(pings)
  })

  it('is disconnected at the second heartbeat that finds its buffer full', async () => {
    await using graph = await serveLive({ heartbeatMs: 30 })
    using slow = await openAcknowledged(graph)
    slow.subscribe('1', LARGE)
    await watching(graph, 1)
    slow.socket.pause()
    while (graph.feed.readers() > 0) {
      graph.feed.publish('more')
      await setImmediate()
    }
    slow.socket.resume()
    expect(await slow.closed).toMatchObject({ code: 1006 })
  })
})

describe('a source that always has a next item', () => {
  it('does not starve other sources', async () => {
    await using graph = await serveLive()
    using raw = await openAcknowledged(graph)
    using other = await openAcknowledged(graph)
    raw.subscribe('1', 'subscription { countdown(from: 100000) }')
    await raw.seen(ofType('next'))
    other.subscribe('1', '{ twice(x: 1) }')
    await other.seen(ofType('complete'))
    expect(raw.messages.length).toBeLessThan(100_000)
  })
})
