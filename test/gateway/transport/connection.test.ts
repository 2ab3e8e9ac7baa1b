import type { RequestListener } from 'node:http'
import { expect, test } from 'vitest'
import { openConnection } from '#gateway/transport/connection.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'

async function serve(answer: RequestListener, maxResponseBytes = 1000) {
  const served = await serveHttp(answer)
  const { url } = served
  const connection = openConnection({ url, connections: 1, maxResponseBytes })
  return {
    send() {
      const { signal } = new AbortController()
      return connection.send({ kind: 'query', operation: '', body: '{"query":"{ a }"}', headers: {}, signal })
    },
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]()
      await connection[Symbol.asyncDispose]()
    },
  }
}

test('a byte order mark is not part of the text', async () => {
  await using subgraph = await serve((_request, response) => response.end('\ufeff{"data":{}}'))
  expect((await subgraph.send()).text).toBe('{"data":{}}')
})

test('a response that is too large is cut off', async () => {
  await using subgraph = await serve((_request, response) => response.end('x'.repeat(2000)))
  await expect(subgraph.send()).rejects.toThrow()
})
