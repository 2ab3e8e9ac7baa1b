import { setTimeout as delay } from 'node:timers/promises'
import { Agent } from 'undici'
import { expect, test, vi } from 'vitest'
import { followWithReconnects } from '#gateway/subscriptions/upstream/reconnection.ts'
import { connectStreams } from '#gateway/subscriptions/upstream/upstream.sse.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'
import { WAIT } from '#test/fixtures/wait.ts'

vi.mock('node:timers/promises', { spy: true })

const REQUEST = { service: 'orders', headers: {}, body: '{"query":"subscription{n}"}' }

function follow(url: string, onLost: (error: unknown) => void = () => {}) {
  const agent = new Agent()
  const stop = new AbortController()
  const open = connectStreams(agent, { maxEventBytes: 1000 })
  const connect = (lastId: string | undefined) => open({ ...REQUEST, url, lastId }, stop.signal)
  const options = { signal: stop.signal, connectMs: 1000, outageMs: 1000, onOpen: vi.fn(), onLost }
  const events = followWithReconnects(connect, options)
  return {
    events,
    opened: options.onOpen,
    stop,
    async [Symbol.asyncDispose]() {
      stop.abort()
      await events.return(undefined)
      await agent.destroy()
    },
  }
}

/** Sends two events on each connection and cuts it after them; the fifth event is the last one. */
async function startCounter() {
  const seen: unknown[] = []
  const server = await serveHttp((request, response) => {
    const last = request.headers['last-event-id']
    seen.push(last)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const from = Number(last ?? 0) + 1
    for (let n = from; n < from + 2 && n <= 5; n++)
      response.write(`event: next\nid: ${n}\ndata: {"data":{"n":${n}}}\n\n`)
    if (from + 1 >= 5) response.end('event: complete\ndata:\n\n')
    else setImmediate(() => response.destroy())
  })
  return { ...server, seen }
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
  await using server = await serveHttp((_request, response) =>
    response.writeHead(status, { 'content-type': type }).end(body),
  )
  await using following = follow(server.url)
  await expect(following.events.next()).rejects.toMatchObject({ code })
  await expect(following.events.next()).resolves.toMatchObject({ done: true })
})

test('errors in a JSON response in place of a stream become those of the subscription', async () => {
  await using server = await serveHttp((_request, response) =>
    response
      .writeHead(400, { 'content-type': 'application/json' })
      .end('{"errors":[{"message":"no such field"}]}'),
  )
  await using following = follow(server.url)
  await expect(following.events.next()).rejects.toMatchObject({ errors: [{ message: 'no such field' }] })
})

test('a subgraph that accepts connections and drops them at once is tried less and less often', async () => {
  using _random = vi.spyOn(Math, 'random').mockReturnValue(0.5)
  const waits: unknown[] = []
  const stop = new AbortController()
  vi.mocked(delay).mockImplementation(async ms => {
    if (waits.push(ms) === 9) stop.abort()
  })
  async function* broken() {
    yield { type: 'open' } as const
    throw new CallerError('UNAVAILABLE', 'lost')
  }
  const [connectMs, outageMs, onOpen, onLost] = [1000, 1_000_000, vi.fn(), vi.fn()]
  const events = followWithReconnects(broken, { signal: stop.signal, connectMs, outageMs, onOpen, onLost })
  expect(await events.next()).toMatchObject({ done: true })
  expect(waits).toEqual([50, 100, 200, 400, 800, 1600, 2500, 2500, 2500])
  expect(onLost).toHaveBeenCalledTimes(waits.length)
})
