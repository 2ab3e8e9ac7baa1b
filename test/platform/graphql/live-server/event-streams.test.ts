import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { EventSource } from 'eventsource'
import { createClient, NetworkError } from 'graphql-sse'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { type LiveGraph, openAcknowledged, openRawSocket, serveLive } from './headline-server.ts'

let graph: LiveGraph
beforeAll(async () => {
  graph = await serveLive()
})
afterAll(() => graph?.[Symbol.asyncDispose]())

const HEADLINES =
  'subscription ($after: String) { headlines(audience: "all", after: $after) { cursor text } }'
const JSON_STREAM = { 'content-type': 'application/json', accept: 'text/event-stream' }

function clientOf({ streamUrl }: LiveGraph, headers: Record<string, string> = {}) {
  return createClient({ url: streamUrl, headers, retryAttempts: 0 })
}

function post(
  { streamUrl }: LiveGraph,
  body: object | string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(streamUrl, {
    method: 'POST',
    headers: { ...JSON_STREAM, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

function get(
  { streamUrl }: LiveGraph,
  parameters: Record<string, string>,
  headers: Record<string, string> = {},
) {
  return fetch(`${streamUrl}?${new URLSearchParams(parameters)}`, { headers: { ...JSON_STREAM, ...headers } })
}

/** A reader that can stop reading. */
async function openStream({ streamUrl }: LiveGraph, body: object): Promise<IncomingMessage> {
  const httpRequest = request(streamUrl, { method: 'POST', headers: JSON_STREAM })
  httpRequest.on('error', () => undefined)
  httpRequest.end(JSON.stringify(body))
  const [response] = (await once(httpRequest, 'response')) as [IncomingMessage]
  response.on('error', () => undefined)
  return response
}

async function* textsOf(response: Response) {
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) yield decoder.decode(chunk, { stream: true })
}

describe('an event stream', () => {
  it('yields the values of a subscription, and the result of a query, to the common client', async () => {
    const client = clientOf(graph)
    const all = async (query: string) => {
      const results: unknown[] = []
      for await (const result of client.iterate({ query })) results.push(result)
      return results
    }
    expect(await all('subscription { countdown(from: 2) }')).toEqual([
      { data: { countdown: 2 } },
      { data: { countdown: 1 } },
    ])
    expect(await all('query { twice(x: 4) }')).toEqual([{ data: { twice: 8 } }])
    expect(await all('mutation { put(text: "x") }')).toMatchObject([
      { data: { put: 1 }, extensions: { 'waybill-consistency': expect.any(String) } },
    ])
    expect(await all('{ nothing }')).toMatchObject([{ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] }])
    client.dispose()
  })

  it('shares executions with sockets, and sends the cursor as the id', async () => {
    await using own = await serveLive()
    using raw = await openAcknowledged(own, {}, { headers: { 'accept-language': '*' } }) // as fetch has it
    raw.subscribe('1', HEADLINES)
    const streams = await Promise.all([post(own, { query: HEADLINES }), post(own, { query: HEADLINES })])
    await expect.poll(() => own.feed.readers()).toBe(3)
    own.feed.publish('extra')
    await raw.seen(({ type }) => type === 'next')
    for (const stream of streams) {
      let text = ''
      for await (const part of textsOf(stream)) {
        text += part
        if (text.includes('extra')) break
      }
      expect(text).toBe(
        'retry: 1000\n\nevent: next\nid: 1\ndata: {"data":{"headlines":{"cursor":"1","text":"extra"}}}\n\n',
      )
    }
    expect(own.count.executions).toBe(1)
    await expect.poll(() => own.feed.readers()).toBe(1)
  })

  it('resumes where it broke off, for a plain EventSource', async () => {
    await using own = await serveLive()
    own.feed.publish('before')
    const authorization = `Bearer ${await own.token('ann')}`
    const source = new EventSource(`${own.streamUrl}?${new URLSearchParams({ query: HEADLINES })}`, {
      fetch: (url, init) =>
        fetch(url, { ...init, headers: { ...init.headers, authorization } } as RequestInit),
    })
    const seen: string[] = []
    source.addEventListener('next', ({ data, lastEventId }) =>
      seen.push(`${lastEventId} ${JSON.parse(data).data.headlines.text}`),
    )
    await expect.poll(() => own.feed.readers()).toBe(1)
    own.feed.publish('one')
    own.feed.publish('two')
    await expect.poll(() => seen.length).toBe(2)
    for (const socket of own.sockets) socket.destroy()
    await expect.poll(() => own.feed.readers()).toBe(0)
    own.feed.publish('three')
    own.feed.publish('four')
    await expect.poll(() => seen.length).toBe(4)
    own.feed.publish('five')
    await expect.poll(() => seen).toEqual(['2 one', '3 two', '4 three', '5 four', '6 five'])
    source.close()
    await expect.poll(() => own.feed.readers()).toBe(0)
  })

  it('tells a plain EventSource when it has ended', async () => {
    const parameters = new URLSearchParams({
      query: 'subscription ($from: Int!) { countdown(from: $from) }',
      variables: '{"from":1}',
    })
    const source = new EventSource(`${graph.streamUrl}?${parameters}`)
    const next = once(source, 'next')
    await once(source, 'complete')
    source.close()
    expect(JSON.parse((await next)[0].data)).toEqual({ data: { countdown: 1 } })
  })

  it('sends heartbeats', async () => {
    await using quick = await serveLive({ heartbeatMs: 20 })
    const stream = await post(quick, { query: HEADLINES })
    let text = ''
    for await (const part of textsOf(stream)) {
      text += part
      if (text.split(':\n\n').length > 3) break
    }
    expect(text).toMatch(/^retry: 1000\n\n(:\n\n){3}/)
  })

  it('ends when its token expires, with UNAUTHENTICATED and complete', async () => {
    const text = await (
      await post(graph, { query: HEADLINES }, await graph.bearer('ann', { ttlSeconds: 1 }))
    ).text()
    expect(text.split('\n\n').slice(1)).toEqual([
      'event: next\ndata: {"errors":[{"message":"the token has expired","extensions":{"code":"UNAUTHENTICATED"}}]}',
      'event: complete\ndata: ',
      '',
    ])
  })

  it('breaks off without completing when the server stops, so that clients reconnect', async () => {
    const stopping = await serveLive()
    const client = clientOf(stopping)
    const results = client.iterate({ query: HEADLINES })
    const brokenOff = expect(results.next()).rejects.toBeInstanceOf(NetworkError)
    await expect.poll(() => stopping.feed.readers()).toBe(1)
    await stopping[Symbol.asyncDispose]()
    await brokenOff
  })

  it('is subject to the limits of its operation, of its subject and of all streams', async () => {
    await using small = await serveLive({ connectionsPerSubject: 2, connections: 3, limits: { depth: 1 } })
    expect(await (await post(small, { query: '{ twice(x: 1) }' })).text()).toContain('"twice":2')
    expect(await (await post(small, { query: '{ __schema { types { name } } }' })).text()).toContain(
      'introspection',
    )
    expect(await (await post(small, { query: HEADLINES })).text()).toContain('2 levels deep')
    const ann = await small.bearer('ann')
    using _socket = await openAcknowledged(small, ann)
    const flat = 'subscription { countdown(from: 1000000) }'
    const open = await openStreamWith(small, flat, ann)
    const refused = await post(small, { query: flat }, ann)
    expect([refused.status, await refused.json()]).toMatchObject([
      429,
      { errors: [{ extensions: { code: 'RATE_LIMITED' } }] },
    ])
    using third = await openRawSocket(small, ann)
    expect(await third.closed).toMatchObject({ code: 4429 })
    using _another = await openAcknowledged(small, await small.bearer('bob'))
    const full = await post(small, { query: flat }, await small.bearer('cid'))
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '5'])
    open.destroy()
  })
})

async function openStreamWith({ streamUrl }: LiveGraph, query: string, headers: Record<string, string>) {
  const httpRequest = request(streamUrl, { method: 'POST', headers: { ...JSON_STREAM, ...headers } })
  httpRequest.end(JSON.stringify({ query }))
  const [response] = (await once(httpRequest, 'response')) as [IncomingMessage]
  response.on('error', () => undefined)
  return response
}

describe('a request for an event stream', () => {
  test.each([
    ['does not accept one', 406, { accept: 'application/json' }],
    ['is of another type', 415, { 'content-type': 'text/plain' }],
    ['is a form', 415, { 'content-type': 'application/x-www-form-urlencoded' }],
    ['has an invalid token', 401, { authorization: 'Bearer nonsense' }],
    ['has another authorization scheme', 401, { authorization: 'Basic nonsense' }],
  ])('that %s is refused with %i', async (_what, status, headers) => {
    const response = await post(graph, { query: '{ twice(x: 1) }' }, headers)
    expect(response.status).toBe(status)
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    const { errors } = (await response.json()) as { errors: unknown }
    expect(errors).toEqual([{ message: expect.any(String), extensions: { code: expect.any(String) } }])
  })

  test.each(['{"query":', '[]', '{}', '{"query":1}', '{"query":"{ a }","variables":[]}'])(
    'with the body %s is refused with 400',
    async body => {
      const response = await post(graph, body)
      expect([response.status, await response.json()]).toMatchObject([
        400,
        { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] },
      ])
    },
  )

  it('by GET runs no mutation, and takes its variables as JSON', async () => {
    const query = 'query ($x: Int!) { twice(x: $x) }'
    expect(await (await get(graph, { query, variables: '{"x":2}' })).text()).toContain('{"data":{"twice":4}}')
    expect(await (await get(graph, { query, variables: 'x=2' })).text()).toContain('variables should be JSON')
    expect(await (await get(graph, { query: 'mutation { put(text: "x") }' })).text()).toContain(
      'BAD_USER_INPUT',
    )
  })

  it('takes a token from the header only', async () => {
    const token = await graph.token('ann')
    const query = 'subscription { headlines(after: "0") { reader } }'
    graph.feed.publish('x')
    const stream = await get(graph, { query, token, access_token: token, authorization: `Bearer ${token}` })
    for await (const part of textsOf(stream)) {
      if (!part.includes('reader')) continue
      expect(part).toContain('"reader":null')
      break
    }
  })
})

describe('a slow reader of a stream', () => {
  const LARGE = 'subscription { headlines(audience: "all") { text padding(length: 20000) } }'

  it('takes no more than one buffer of the server, and then gets the newest value', async () => {
    await using own = await serveLive({ heartbeatMs: 60_000 })
    const slow = await openStream(own, { query: LARGE })
    await expect.poll(() => own.feed.readers()).toBe(1)
    let most = 0
    for (let number = 1; number <= 10_000; number++) {
      own.feed.publish(`number ${number}`)
      if (number % 10 === 0) await setImmediate()
      for (const socket of own.sockets) most = Math.max(most, socket.writableLength)
    }
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThan(256 * 1024)
    let received = 0
    for await (const chunk of slow) {
      received += chunk.length
      if (String(chunk).includes('number 10000"')) break
    }
    expect(received).toBeLessThan(40_000_000)
  })

  it('is disconnected at the second heartbeat that finds its buffer full', async () => {
    await using own = await serveLive({ heartbeatMs: 30 })
    const slow = await openStream(own, { query: LARGE })
    await expect.poll(() => own.feed.readers()).toBe(1)
    while (own.feed.readers() > 0) {
      own.feed.publish('more')
      await setImmediate()
    }
    expect(await own.metrics()).toContain('waybill_live_streams{service="live"} 0')
    slow.destroy()
  })
})
