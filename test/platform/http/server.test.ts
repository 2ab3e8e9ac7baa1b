import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import { createHttpServer, type HttpServer, type HttpServerOptions } from '#platform/http/server.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

async function serve(
  routes: (http: HttpServer) => void = () => {},
  options: Partial<HttpServerOptions> = {},
) {
  const recording = recordingLogger()
  const http = createHttpServer({ name: 'orders', logger: recording.logger, ...options })
  routes(http)
  const { url, port } = await http.listen({ host: '127.0.0.1', port: 0 })
  return { http, url, port, ...recording, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() }
}

describe('requests', () => {
  it('carry a request id: the one they came with, or a fresh one', async () => {
    await using server = await serve()
    const kept = await fetch(`${server.url}/health/live`, { headers: { 'x-request-id': 'abc-123' } })
    expect(kept.headers.get('x-request-id')).toBe('abc-123')
    const fresh = await fetch(`${server.url}/health/live`, { headers: { 'x-request-id': 'a b\t{}' } })
    expect(fresh.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect((await fetch(`${server.url}/nothing`)).headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('get the code, message and status of a CallerError', async () => {
    await using server = await serve(http => {
      http.app.get('/conflict', async () => {
        throw new CallerError('CONFLICT', 'used before', { key: 'k' })
      })
    })
    const answer = await fetch(`${server.url}/conflict`)
    expect(answer.status).toBe(409)
    expect(await answer.json()).toMatchObject({
      error: { code: 'CONFLICT', message: 'used before', key: 'k' },
    })
  })

  it('get no details of an internal error, which is logged under the request id', async () => {
    await using server = await serve(http => {
      http.app.get('/broken', async () => {
        throw new Error('relation "secret" does not exist')
      })
    })
    const answer = await fetch(`${server.url}/broken`, { headers: { 'x-request-id': 'req-7' } })
    expect(answer.status).toBe(500)
    const text = await answer.text()
    expect(text).not.toContain('secret')
    expect(text).toContain('req-7')
    expect(await server.seen('relation')).toContain('req-7')
  })

  it('have a size limit for the body', async () => {
    await using server = await serve(http => void http.app.post('/echo', async request => request.body), {
      bodyLimit: 100,
    })
    const post = (body: string) =>
      fetch(`${server.url}/echo`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    expect((await post(JSON.stringify('x'.repeat(90)))).status).toBe(200)
    const refused = await post(JSON.stringify('x'.repeat(200)))
    expect(refused.status).toBe(413)
    expect(await refused.json()).toMatchObject({ error: { code: 'BAD_USER_INPUT' } })
    expect((await post('{')).status).toBe(400)
  })

  it.each([
    ['is not encoded as URLs are', '/things/%zz', 400],
    ['is too long', `/things/${'a'.repeat(201)}`, 414],
  ])('get an error of the usual form for a path that %s', async (_, path, status) => {
    await using server = await serve(http => void http.app.get('/things/:id', async () => 'thing'))
    const answer = await fetch(`${server.url}${path}`)
    expect(answer.status).toBe(status)
    const { error } = (await answer.json()) as { error: object }
    expect(error).toEqual({
      code: 'BAD_USER_INPUT',
      message: 'the path is too long, or is not encoded as URLs are',
      requestId: answer.headers.get('x-request-id'),
    })
  })

  it('are counted by route, whatever path a client sends', async () => {
    await using server = await serve(http => void http.app.get('/things/:id', async () => 'thing'))
    await fetch(`${server.url}/things/1`)
    await fetch(`${server.url}/things/2`)
    await fetch(`${server.url}/wp-login.php`)
    const text = await (await fetch(`${server.url}/metrics`)).text()
    expect(text).toMatch(
      /duration_seconds_count\{service="orders",method="GET",route="\/things\/:id",status="200"\} 2/,
    )
    expect(text).not.toContain('wp-login')
    expect(text).toContain('process_cpu_seconds_total')
  })
})

describe('health', () => {
  it('is ready while every dependency is ok, with the state of each', async () => {
    await using server = await serve(http => {
      http.addHealthCheck('store', async () => ({ ok: true, detail: 'at 7' }))
    })
    const answer = await fetch(`${server.url}/health/ready`)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual({
      status: 'ok',
      service: 'orders',
      dependencies: { store: { ok: true, detail: 'at 7' } },
    })
  })

  it('is not ready but alive when an essential check fails or throws', async () => {
    await using server = await serve(http => {
      http.addHealthCheck('store', async () => {
        throw new Error('connection refused')
      })
    })
    const answer = await fetch(`${server.url}/health/ready`)
    expect(answer.status).toBe(503)
    expect(await answer.json()).toMatchObject({
      status: 'unavailable',
      dependencies: { store: { ok: false, detail: 'connection refused' } },
    })
    expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
  })

  it('is degraded but ready when only a non-essential check fails', async () => {
    await using server = await serve(http => {
      http.addHealthCheck('consumer', async () => ({ ok: false, detail: '2 dead letters' }), {
        essential: false,
      })
    })
    const answer = await fetch(`${server.url}/health/ready`)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ status: 'degraded' })
  })
})

describe('listening', () => {
  it('says which port is taken and what to do about it', async () => {
    await using first = await serve()
    const second = createHttpServer({ name: 'payment', logger: first.logger })
    await expect(second.listen({ host: '127.0.0.1', port: first.port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(`port ${first.port}`),
    })
  })

  it('refuses upgrades for unknown paths', async () => {
    await using server = await serve()
    const socket = connect(server.port, '127.0.0.1')
    socket.write('GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    const [data] = await once(socket, 'data')
    expect(String(data)).toContain('404 Not Found')
    socket.destroy()
  })
})

describe('stopping', () => {
  it('lets a request in flight end, and accepts no new connections', async () => {
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>()
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    const slow = async () => {
      enter()
      await gate
      return 'whole'
    }
    const patience = { drainMs: 60_000 } // longer than the test may take: the end must not wait for it
    await using server = await serve(http => void http.app.get('/slow', slow), patience)
    const answer = fetch(`${server.url}/slow`)
    await entered
    const stopped = server.http[Symbol.asyncDispose]()
    await expect
      .poll(() =>
        fetch(`${server.url}/health/live`).then(
          () => 'up',
          () => 'down',
        ),
      )
      .toBe('down')
    open()
    expect(await (await answer).text()).toBe('whole')
    await stopped
  })

  it('does not wait for connections that were opened in advance', async () => {
    await using server = await serve(() => undefined, { drainMs: 60_000 })
    const arrived = once(server.http.app.server, 'connection')
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    const closed = once(socket, 'close')
    await arrived
    await server.http[Symbol.asyncDispose]()
    await closed
  })

  it('aborts requests that outlast the time to drain', async () => {
    const { promise: entered, resolve: enter } = Promise.withResolvers<void>()
    await using server = await serve(
      http => {
        http.app.get('/forever', () => {
          enter()
          return new Promise(() => {})
        })
      },
      { drainMs: 50 },
    )
    const answer = fetch(`${server.url}/forever`).then(
      () => 'answered',
      () => 'cut',
    )
    await entered
    await server.http[Symbol.asyncDispose]()
    expect(await answer).toBe('cut')
  })
})
