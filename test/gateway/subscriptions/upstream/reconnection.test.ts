import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test, vi } from 'vitest'
import { followWithReconnects } from '#gateway/subscriptions/upstream/reconnection.ts'
import type { UpstreamRequest } from '#gateway/subscriptions/upstream/upstream.ts'
import { openUpstreams } from '#gateway/subscriptions/upstream/upstreams.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { WAIT } from '#test/fixtures/wait.ts'

const LIMITS = { connectMs: 1000, heartbeatMs: 1000, maxEventBytes: 1000 }
const REQUEST = { service: 'orders', headers: {}, body: '{"query":"subscription{n}"}', lastId: undefined }

function follow(url: string, onLost: (error: unknown) => void = () => {}) {
  const upstreams = openUpstreams(LIMITS)
  const stop = new AbortController()
  const connect = (lastId: string | undefined) => {
    const request: UpstreamRequest = { ...REQUEST, url, lastId }
    return upstreams.connect('sse')(request, stop.signal)
  }
  const options = { signal: stop.signal, connectMs: 1000, outageMs: 1000, onOpen: vi.fn(), onLost }
  const events = followWithReconnects(connect, options)
  return {
    events,
    opened: options.onOpen,
    stop,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await events.return(undefined)
      await upstreams[Symbol.asyncDispose]()
    },
  }
}

/** Sends two events on each connection and cuts it after them; the fifth event is the last one. */
async function startCounter() {
  const seen: unknown[] = []
  const server = createServer((request, response) => {
    const last = request.headers['last-event-id']
    seen.push(last)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const from = Number(last ?? 0) + 1
    for (let n = from; n < from + 2 && n <= 5; n++)
      response.write(`event: next\nid: ${n}\ndata: {"data":{"n":${n}}}\n\n`)
    if (from + 1 >= 5) response.end('event: complete\ndata:\n\n')
    else setImmediate(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    seen,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql/stream`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

test('a stream whose events have ids resumes after the last one, without loss or repetition', async () => {
  await using counter = await startCounter()
  await using following = follow(counter.url)
  const got: unknown[] = []
  for await (const { response } of following.events) got.push(response.data?.n)
  expect(got).toEqual([1, 2, 3, 4, 5])
  expect(counter.seen).toEqual([undefined, '2', '4'])
  expect(following.opened).toHaveBeenCalledTimes(3)
})

test('the wait between attempts ends at once when the subscription is aborted', async () => {
  const lost = vi.fn()
  await using following = follow('http://127.0.0.1:1/graphql/stream', lost)
  const next = following.events.next()
  await vi.waitFor(() => expect(lost).toHaveBeenCalled(), WAIT)
  following.stop.abort()
  expect(await next).toEqual({ done: true, value: undefined })
})

test.each([
  [200, 'text/html', '<p>hello</p>', 'UNAVAILABLE'],
  [502, 'text/html', 'bad gateway', 'UNAVAILABLE'],
  [401, 'application/json', '{"errors":[{"message":"no"}]}', 'UNAUTHENTICATED'],
  [403, 'text/plain', 'no', 'FORBIDDEN'],
])('HTTP %i with %s ends the subscription with the matching error code', async (status, type, body, code) => {
  const server = createServer((_request, response) =>
    response.writeHead(status, { 'content-type': type }).end(body),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using following = follow(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await expect(following.events.next()).rejects.toMatchObject({ code })
  await expect(following.events.next()).resolves.toMatchObject({ done: true })
  server.closeAllConnections()
  server.close()
})

test('errors in a JSON response in place of a stream become those of the subscription', async () => {
  const server = createServer((_request, response) =>
    response
      .writeHead(400, { 'content-type': 'application/json' })
      .end('{"errors":[{"message":"no such field"}]}'),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using following = follow(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  await expect(following.events.next()).rejects.toMatchObject({ errors: [{ message: 'no such field' }] })
  server.closeAllConnections()
  server.close()
})

test('a subgraph that accepts connections and drops them at once is tried less and less often', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] })
  try {
    let connections = 0
    async function* broken() {
      connections += 1
      yield { type: 'open' } as const
      throw new CallerError('UNAVAILABLE', 'lost')
    }
    const stop = new AbortController()
    const events = followWithReconnects(broken, {
      signal: stop.signal,
      connectMs: 1000,
      outageMs: 1_000_000,
      onOpen: () => {},
      onLost: () => {},
    })
    const next = events.next()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(connections).toBeLessThan(100)
    expect(connections).toBeGreaterThan(5)
    stop.abort()
    await vi.advanceTimersByTimeAsync(10)
    expect(await next).toMatchObject({ done: true })
  } finally {
    vi.useRealTimers()
  }
})
