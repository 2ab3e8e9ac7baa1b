import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { describe, expect, it, test } from 'vitest'
import { jsonOf, openHttpClient, textOf } from '#platform/http/http-client.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'
import { serveLocal } from './local-server.ts'

type Serve = (listener: RequestListener) => Promise<AsyncDisposable & { readonly url: string }>

const WAYS: [string, Serve][] = [
  ['over HTTP', serveHttp],
  ['within the process', serveLocal],
]

async function open(serve: Serve, listener: RequestListener) {
  const server = await serve(listener)
  const client = openHttpClient({ url: `${server.url}/graphql?a=1`, connections: 1 })
  return {
    ...client,
    ...server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await client[Symbol.asyncDispose]()
    },
  }
}

const forever = () => new AbortController().signal

describe.each(WAYS)('a request %s', (_way, serve) => {
  it('arrives with its method, path, headers and body', async () => {
    await using client = await open(serve, async (request, response) => {
      const body = Buffer.concat(await request.toArray()).toString()
      const { method, url, headers, socket } = request
      const isHere = socket.remoteAddress !== undefined
      response.end(JSON.stringify({ method, url, body, isHere, own: headers['x-own'], host: headers.host }))
    })
    const headers = { 'content-type': 'application/json', 'x-own': 'yes' }
    const posted = await client.send({ method: 'POST', headers, body: '{"ü":1}', signal: forever() })
    const { host } = new URL(client.url)
    const seen = { method: 'POST', url: '/graphql?a=1', body: '{"ü":1}', isHere: true, own: 'yes', host }
    expect(JSON.parse(textOf(posted.bytes))).toEqual(seen)
    const got = await client.send({ method: 'GET', path: '/health', signal: forever() })
    expect(JSON.parse(textOf(got.bytes))).toMatchObject({ method: 'GET', url: '/health', body: '' })
  })

  it('sends an object as JSON', async () => {
    await using client = await open(serve, async (request, response) => {
      response.end(Buffer.concat(await request.toArray()))
    })
    const body = { at: new Date(0), left: undefined, list: [undefined, Number.NaN, { a: 'ü' }] }
    const answer = await client.send({ method: 'POST', body, signal: forever() })
    expect(jsonOf(answer)).toEqual({ at: '1970-01-01T00:00:00.000Z', list: [null, null, { a: 'ü' }] })
  })

  it('is answered with the status, the headers as text, and the whole body', async () => {
    const bytes = Buffer.from('{"data":{"a":"ü😀"}}')
    await using client = await open(serve, (_request, response) => {
      response.writeHead(203, { 'x-told': 'yes', 'x-count': 5 })
      response.write(bytes.subarray(0, 15))
      setImmediate(() => response.end(bytes.subarray(15)))
    })
    const answer = await client.send({ method: 'POST', body: '{}', signal: forever() })
    expect(answer).toMatchObject({ status: 203, headers: { 'x-told': 'yes', 'x-count': '5' } })
    expect(textOf(answer.bytes)).toBe(bytes.toString())
  })

  it('rejects when the server gives up before it has answered', async () => {
    await using client = await open(serve, (_request, response) => void response.destroy())
    await expect(client.send({ method: 'POST', body: '{}', signal: forever() })).rejects.toThrow()
  })

  it('rejects with the reason of its signal, under way, which the server hears of, and before it was sent', async () => {
    const [began, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    await using client = await open(serve, (_request, response) => {
      response.once('close', closed.resolve)
      began.resolve()
    })
    const abort = new AbortController()
    const sent = client.send({ method: 'POST', body: '{}', signal: abort.signal })
    await began.promise
    abort.abort(new Error('enough'))
    await expect(sent).rejects.toThrow('enough')
    await closed.promise
    await expect(client.send({ method: 'POST', signal: abort.signal })).rejects.toThrow('enough')
  })
})

test('a response after an interim response, split within a character, is read as one text', async () => {
  const bytes = Buffer.from('ü😀')
  await using client = await open(serveHttp, (_request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    response.writeHead(203)
    response.write(bytes.subarray(0, 3))
    setImmediate(() => response.end(bytes.subarray(3)))
  })
  const answer = await client.send({ method: 'POST', signal: forever() })
  expect(answer.status).toBe(203)
  expect(textOf(answer.bytes)).toBe('ü😀')
})

test('an abort signal closes the connection of its request', async () => {
  const began = Promise.withResolvers<void>()
  await using server = await serveHttp(() => began.resolve())
  await using client = openHttpClient({ url: server.url, connections: 1 })
  const closed = once(server.server, 'connection').then(([socket]) => once(socket, 'close'))
  const abort = new AbortController()
  const sent = client.send({ method: 'POST', signal: abort.signal })
  await began.promise
  abort.abort(new Error('enough'))
  await expect(sent).rejects.toThrow('enough')
  await closed
})

test('an aborted request that waits for a connection is never sent', async () => {
  let requests = 0
  await using client = await open(serveHttp, () => void requests++)
  const [first, second] = [new AbortController(), new AbortController()]
  const held = client.send({ method: 'POST', signal: first.signal })
  const waiting = client.send({ method: 'POST', signal: second.signal })
  second.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  first.abort(new Error('enough'))
  await expect(held).rejects.toThrow('enough')
  expect(requests).toBeLessThanOrEqual(1)
})
