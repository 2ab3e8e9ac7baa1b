import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { expect, test } from 'vitest'
import { openConnection } from '#gateway/transport/connection.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'

async function serve(answer: RequestListener, maxResponseBytes = 1000) {
  const served = await serveHttp(answer)
  const { server, url } = served
  const connection = openConnection({ url, connections: 1, maxResponseBytes })
  return {
    server,
    send: (signal = new AbortController().signal) =>
      connection.send({ kind: 'query', operation: '', body: '{"query":"{ a }"}', headers: {}, signal }),
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]()
      await connection[Symbol.asyncDispose]()
    },
  }
}

test('a response in chunks, split within a character and after an interim response, is read as one text', async () => {
  const bytes = Buffer.from('{"data":{"a":"ü😀"}}')
  await using subgraph = await serve((_request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload' })
    response.writeHead(203, { 'x-told': 'yes' })
    response.write(bytes.subarray(0, 15))
    setImmediate(() => response.end(bytes.subarray(15)))
  })
  const { text, status, headers } = await subgraph.send()
  expect(text).toBe(bytes.toString())
  expect(status).toBe(203)
  expect(headers['x-told']).toBe('yes')
})

test('a byte order mark is not part of the text', async () => {
  await using subgraph = await serve((_request, response) => response.end('\ufeff{"data":{}}'))
  expect((await subgraph.send()).text).toBe('{"data":{}}')
})

test('an abort signal ends a running request and its connection', async () => {
  const began = Promise.withResolvers<void>()
  await using subgraph = await serve(() => began.resolve())
  const closed = once(subgraph.server, 'connection').then(([socket]) => once(socket, 'close'))
  const abort = new AbortController()
  const sent = subgraph.send(abort.signal)
  await began.promise
  abort.abort(new Error('enough'))
  await expect(sent).rejects.toThrow('enough')
  await closed
})

test('an abort signal ends a request that waits for a connection, which is never sent', async () => {
  let requests = 0
  await using subgraph = await serve(() => void requests++)
  const [first, second] = [new AbortController(), new AbortController()]
  const held = subgraph.send(first.signal)
  const waiting = subgraph.send(second.signal)
  second.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  first.abort(new Error('enough'))
  await expect(held).rejects.toThrow('enough')
  expect(requests).toBeLessThanOrEqual(1)
})

test('a signal that is already aborted ends the request at once', async () => {
  await using subgraph = await serve((_request, response) => response.end('{"data":{}}'))
  await expect(subgraph.send(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough')
})

test('a response that is too large is cut off', async () => {
  await using subgraph = await serve((_request, response) => response.end('x'.repeat(2000)))
  await expect(subgraph.send()).rejects.toThrow()
})
