import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test, vi } from 'vitest'
import { openHttpClient } from '#platform/http/http-client.ts'
import { findLocalServer } from '#platform/http/local/local-servers.ts'
import { createHttpServer, type HttpServer, type HttpServerOptions } from '#platform/http/server.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

async function serve(routes: (http: HttpServer) => void, options: Partial<HttpServerOptions> = {}) {
  const { logger } = recordingLogger()
  const http = createHttpServer({ name: 'orders', logger, bodyLimit: 100, ...options })
  routes(http)
  const { url, port } = await http.listen({ host: '127.0.0.1', port: 0 })
  const client = openHttpClient({ url: `${url}/echo`, connections: 1 })
  return {
    http,
    url,
    port,
    post: async (body: object, headers: Record<string, string> = {}) => {
      const json = { 'content-type': 'application/json', ...headers }
      const signal = new AbortController().signal
      const answer = await client.send({ method: 'POST', headers: json, body: JSON.stringify(body), signal })
      return { ...answer, body: JSON.parse(answer.bytes.toString()) }
    },
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      await client[Symbol.asyncDispose]()
    },
  }
}

test('a server is found by the address that it has bound, and by nothing else', async () => {
  await using server = await serve(() => {})
  expect(findLocalServer(server.url)).toBeDefined()
  for (const origin of [
    `http://localhost:${server.port}`,
    `https://127.0.0.1:${server.port}`,
    `http://127.0.0.2:${server.port}`,
    `http://127.0.0.1:${server.port + 1}`,
  ])
    expect(findLocalServer(origin), origin).toBeUndefined()
  await server.http[Symbol.asyncDispose]()
  expect(findLocalServer(server.url)).toBeUndefined()
})

test('a request opens no connection, and passes the stages of the server', async () => {
  let connections = 0
  await using server = await serve(({ app }) => {
    app.server.on('connection', () => connections++)
    app.post('/echo', async ({ body, ip }) => ({ body, ip }))
  })
  const answer = await server.post({ a: 1 }, { 'x-request-id': 'abc-123' })
  expect(answer).toMatchObject({ status: 200, body: { body: { a: 1 }, ip: '127.0.0.1' } })
  expect(answer.headers).toMatchObject({ 'x-request-id': 'abc-123' })
  expect((await server.post({ text: 'x'.repeat(200) })).status).toBe(413)
  expect(connections).toBe(0)
  const counted = /duration_seconds_count\{service="orders",method="POST",route="\/echo",status="200"\} 1/
  const metrics = await server.metrics()
  expect(metrics).toMatch(counted)
  expect(metrics).toContain('waybill_http_local_requests_total{service="orders"} 2')
})

test("a server sees nothing of the caller's asynchronous context", async () => {
  const store = new AsyncLocalStorage<string>()
  await using server = await serve(({ app }) => {
    app.post('/echo', async () => ({ seen: store.getStore() ?? 'nothing' }))
  })
  const answer = await store.run('the caller', () => server.post({}))
  expect(answer.body).toEqual({ seen: 'nothing' })
})

test('a server that stops lets requests under way end, and refuses new ones', async () => {
  const [began, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  await using server = await serve(({ app }) => {
    app.post('/echo', async () => {
      began.resolve()
      await release.promise
      return { done: true }
    })
  })
  const held = server.post({})
  await began.promise
  let isStopped = false
  const stopped = server.http[Symbol.asyncDispose]().then(() => {
    isStopped = true
  })
  await vi.waitFor(() => expect(findLocalServer(server.url)).toBeUndefined(), WAIT)
  await expect(server.post({})).rejects.toThrow()
  expect(isStopped).toBe(false)
  release.resolve()
  expect((await held).body).toEqual({ done: true })
  await stopped
})

test('a server that stops cuts requests that take too long', async () => {
  const began = Promise.withResolvers<void>()
  const routes = ({ app }: HttpServer) =>
    void app.post('/echo', () => {
      began.resolve()
      return new Promise(() => {})
    })
  await using server = await serve(routes, { drainMs: 10 })
  const held = server.post({}).catch(error => error.message)
  await began.promise
  await server.http[Symbol.asyncDispose]()
  expect(await held).toBe('the server stopped before it had answered')
})
