import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { createTokens } from '#clients/kit/src/core/index.ts'
import { createLive, type Live, type LiveOptions, type LiveState } from '#clients/kit/src/live/live.ts'
import { WAIT } from '#test/fixtures/wait.ts'

type Message = {
  readonly type: string
  readonly id?: string
  readonly payload?: {
    readonly authorization?: string
    readonly variables?: Readonly<Record<string, unknown>>
  }
}
/** Handles a message as the server does; `connection` counts connections from 0. */
type Script = (message: Message, socket: WebSocket, connection: number) => void

const QUERY = 'subscription ($after: String) { changes(after: $after) { cursor } }'
const QUICK: Partial<LiveOptions> = { transports: ['websocket'], backoff: { minMs: 5, maxMs: 20 } }

const change = (cursor: string) => ({ data: { changes: { cursor } } })
const acknowledge = (socket: WebSocket) => socket.send('{"type":"connection_ack"}')
const next = (socket: WebSocket, id: string | undefined, payload: object) =>
  socket.send(JSON.stringify({ type: 'next', id, payload }))
const fail = (socket: WebSocket, id: string | undefined, code: string) =>
  socket.send(JSON.stringify({ type: 'error', id, payload: [{ message: code, extensions: { code } }] }))

let server: WebSocketServer
let live: Live | undefined
let received: Message[]
let script: Script

beforeEach(async () => {
  received = []
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  let connections = 0
  server.on('connection', socket => {
    const connection = connections++
    socket.on('message', data => {
      const message: Message = JSON.parse(String(data))
      received.push(message)
      script(message, socket, connection)
    })
  })
  await once(server, 'listening')
})
afterEach(() => {
  live?.close()
  for (const socket of server.clients) socket.terminate()
  server.close()
})

function open(options: Partial<LiveOptions> = {}): Live {
  const { port } = server.address() as AddressInfo
  live = createLive({ url: `http://127.0.0.1:${port}/graphql`, ...QUICK, ...options })
  return live
}

function listen(client: Live, variables?: Readonly<Record<string, unknown>>) {
  const results: unknown[] = []
  const ended = Promise.withResolvers<unknown>()
  const stop = client.subscribe(
    { query: QUERY, variables },
    {
      next: result => results.push(result),
      error: error => ended.resolve(error.errors),
      complete: () => ended.resolve('complete'),
    },
  )
  return { results, ended: ended.promise, stop }
}

const sent = (type: string) => received.filter(message => message.type === type)
const afters = () => sent('subscribe').map(({ payload }) => payload?.variables?.after)

describe('a subscription over WebSocket', () => {
  test('resumes behind its last cursor, and drops what comes twice', async () => {
    script = ({ type, id }, socket, connection) => {
      if (type === 'connection_init') acknowledge(socket)
      if (type !== 'subscribe') return
      if (connection === 0) for (const cursor of ['a', 'b']) next(socket, id, change(cursor))
      if (connection === 0) return socket.terminate()
      for (const cursor of ['b', 'c']) next(socket, id, change(cursor))
    }
    const { results } = listen(open())
    await vi.waitFor(() => expect(results).toEqual(['a', 'b', 'c'].map(change)), WAIT)
    expect(afters()).toEqual([undefined, 'b'])
  })

  test('starts anew without the cursor when the server does not know it any more', async () => {
    script = ({ type, id, payload }, socket, connection) => {
      if (type === 'connection_init') acknowledge(socket)
      if (type !== 'subscribe') return
      if (payload?.variables?.after === 'a') return fail(socket, id, 'BAD_USER_INPUT')
      next(socket, id, change('a'))
      if (connection === 0) socket.terminate()
    }
    const { results } = listen(open())
    await vi.waitFor(() => expect(results).toEqual(['a', 'a'].map(change)), WAIT)
    expect(afters()).toEqual([undefined, 'a', undefined])
  })

  test.each(['FORBIDDEN', 'BAD_USER_INPUT'])('ends with the error when the server answers %s', async code => {
    script = ({ type, id }, socket) => {
      if (type === 'connection_init') acknowledge(socket)
      if (type === 'subscribe') fail(socket, id, code)
    }
    expect(await listen(open(), { after: 'given' }).ended).toMatchObject([{ extensions: { code } }])
    expect(live?.state()).toEqual({ status: 'idle' })
  })

  test.each(['UNAVAILABLE', 'RATE_LIMITED'])('is tried again when the server answers %s', async code => {
    let refusals = 0
    script = ({ type, id }, socket) => {
      if (type === 'connection_init') acknowledge(socket)
      if (type !== 'subscribe') return
      if (refusals++ < 2) fail(socket, id, code)
      else next(socket, id, change('a'))
    }
    const { results } = listen(open())
    await vi.waitFor(() => expect(results).toEqual([change('a')]), WAIT)
  })

  test('gives a connection up that went silent, and asks first', async () => {
    script = ({ type, id }, socket, connection) => {
      if (type === 'connection_init') acknowledge(socket)
      if (type === 'subscribe' && connection > 0) next(socket, id, change('a'))
      if (type === 'ping' && connection > 0) socket.send('{"type":"pong"}')
    }
    const { results } = listen(open({ keepAliveMs: 20, timeoutMs: 500 }))
    await vi.waitFor(() => expect(results).toEqual([change('a')]), WAIT)
    expect(sent('ping').length).toBeGreaterThan(0)
    expect(sent('connection_init').length).toBeGreaterThan(1)
  })

  test('does not return when the server does not understand the client', async () => {
    script = (_message, socket) => socket.close(4400, 'Invalid message')
    expect(await listen(open()).ended).toEqual([{ message: 'Invalid message' }])
    expect(sent('connection_init')).toHaveLength(1)
  })

  test('completes when the server says so, and the connection is closed after the last one', async () => {
    script = ({ type, id }, socket) => {
      if (type === 'connection_init') acknowledge(socket)
      if (type === 'subscribe') socket.send(JSON.stringify({ type: 'complete', id }))
    }
    expect(await listen(open()).ended).toBe('complete')
    await vi.waitFor(() => expect(server.clients.size).toBe(0), WAIT)
  })

  test('shares its connection, which says what state it is in', async () => {
    script = ({ type, id }, socket, connection) => {
      if (type === 'connection_init') acknowledge(socket)
      if (type === 'subscribe') next(socket, id, change(`${connection}`))
    }
    const client = open()
    const states: LiveState['status'][] = []
    client.onState(({ status }) => states.push(status))
    const [one, two] = [listen(client), listen(client)]
    await vi.waitFor(() => expect([one.results.length, two.results.length]).toEqual([1, 1]), WAIT)
    expect(server.clients.size).toBe(1)
    for (const socket of server.clients) socket.close(1012, 'restarting')
    await vi.waitFor(() => expect([one.results.length, two.results.length]).toEqual([2, 2]), WAIT)
    expect(states).toEqual(['connecting', 'live', 'waiting', 'connecting', 'live'])
    one.stop()
    two.stop()
    expect(states.at(-1)).toBe('idle')
    expect(sent('connection_init')).toHaveLength(2)
  })

  test('is read by for await, which ends it', async () => {
    script = ({ type, id }, socket) => {
      if (type === 'connection_init') acknowledge(socket)
      if (type === 'subscribe') for (const cursor of ['a', 'b', 'c']) next(socket, id, change(cursor))
    }
    const seen: unknown[] = []
    for await (const result of open().iterate({ query: QUERY })) {
      seen.push(result)
      if (seen.length === 2) break
    }
    expect(seen).toEqual(['a', 'b'].map(change))
    await vi.waitFor(() => expect(server.clients.size).toBe(0), WAIT)
  })

  test('fails a reader who lets a thousand results wait', async () => {
    script = ({ type, id }, socket) => {
      if (type === 'connection_init') acknowledge(socket)
      if (type === 'subscribe') for (let n = 0; n < 1001; n++) next(socket, id, change(`${n}`))
    }
    const client = open()
    const changes = client.iterate({ query: QUERY })
    await vi.waitFor(() => expect(client.state()).toEqual({ status: 'idle' }), WAIT)
    let read = 0
    const reading = async () => {
      for await (const _ of changes) read += 1
    }
    await expect(reading()).rejects.toThrow('not read in time')
    expect(read).toBe(1000)
  })
})

describe('the token of a connection', () => {
  const tokenOf = (name: string, lifeMs: number) => {
    const iat = Date.now() / 1000
    return `h.${Buffer.from(JSON.stringify({ name, iat, exp: iat + lifeMs / 1000 })).toString('base64url')}.s`
  }

  test('is renewed when the server refuses it', async () => {
    script = ({ type, id, payload }, socket) => {
      if (type === 'connection_init' && payload?.authorization !== 'Bearer good')
        return socket.close(4401, 'the token has expired')
      if (type === 'connection_init') acknowledge(socket)
      if (type === 'subscribe') next(socket, id, change('a'))
    }
    const { results } = listen(
      open({ tokens: createTokens({ token: 'old', fetchToken: async () => 'good' }) }),
    )
    await vi.waitFor(() => expect(results).toEqual([change('a')]), WAIT)
    expect(sent('connection_init').map(({ payload }) => payload?.authorization)).toEqual([
      'Bearer old',
      'Bearer good',
    ])
  })

  test('is replaced on the open connection before it expires', async () => {
    script = ({ type, payload }, socket) => {
      if (type === 'connection_init') acknowledge(socket)
      if (type === 'ping') socket.send(JSON.stringify({ type: 'pong', payload }))
    }
    const second = tokenOf('second', 60_000)
    listen(open({ tokens: createTokens({ token: tokenOf('first', 6_000), fetchToken: async () => second }) }))
    await vi.waitFor(() => expect(sent('ping')[0]?.payload?.authorization).toBe(`Bearer ${second}`), WAIT)
    expect(sent('connection_init')).toHaveLength(1)
  })

  test('that cannot be had is asked for again', async () => {
    script = ({ type }, socket) => {
      if (type === 'connection_init') acknowledge(socket)
    }
    let asked = 0
    const tokens = createTokens({
      fetchToken: async () => {
        if (asked++ < 3) throw new Error('the issuer is away')
        return 'good'
      },
    })
    listen(open({ tokens }))
    await vi.waitFor(() => expect(live?.state()).toMatchObject({ status: 'live' }), WAIT)
  })

  test('ends an anonymous client that the server does not let in', async () => {
    script = (_message, socket) => socket.close(4401, 'a token is needed')
    expect(await listen(open()).ended).toEqual([{ message: 'a token is needed' }])
  })
})
