import type { RequestListener } from 'node:http'
import { expect, test } from 'vitest'
import { openSupergraphSource } from '#gateway/supergraph/open.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'

const LIMITS = { maxBytes: 100, timeoutMs: 5_000 }

async function serve(listener: RequestListener) {
  const server = await serveHttp(listener)
  return { ...server, host: `127.0.0.1:${server.port}`, url: new URL(`${server.url}/graph?key=secret`) }
}

test('a source sends the ETag again and reports no change while it matches', async () => {
  const shown: (string | undefined)[] = []
  let etag = '"1"'
  await using server = await serve((request, response) => {
    shown.push(request.headers['if-none-match'])
    response.statusCode = request.headers['if-none-match'] === etag ? 304 : 200
    response.setHeader('etag', etag).end(response.statusCode === 304 ? undefined : `version ${etag}`)
  })
  const source = openSupergraphSource(server.url, LIMITS)
  expect(await source.read()).toBe('version "1"')
  expect(await source.read()).toBeUndefined()
  etag = '"2"'
  expect(await source.read()).toBe('version "2"')
  expect(shown).toEqual([undefined, '"1"', '"1"'])
})

test('secrets in the URL are sent to the server and shown nowhere else', async () => {
  const shown: (string | undefined)[] = []
  await using server = await serve((request, response) => {
    shown.push(request.headers.authorization, request.url)
    response.statusCode = 403
    response.end()
  })
  const source = openSupergraphSource(new URL(`http://me:p%40ss@${server.host}/graph?key=secret`), LIMITS)
  expect(source.from).toBe(`http://${server.host}/graph`)
  await expect(source.read()).rejects.toMatchObject({
    code: 'SUPERGRAPH_INVALID',
    message: `http://${server.host}/graph cannot be read: it answered with HTTP 403`,
  })
  expect(shown).toEqual([`Basic ${Buffer.from('me:p@ss').toString('base64')}`, '/graph?key=secret'])
})

test('a source follows redirects, which artefact stores use', async () => {
  await using server = await serve((request, response) => {
    if (request.url !== '/there') response.writeHead(302, { location: '/there' })
    response.end('here')
  })
  expect(await openSupergraphSource(server.url, LIMITS).read()).toBe('here')
})

test('a source stops reading at its limit of bytes', async () => {
  await using server = await serve((_request, response) => {
    const more = () => {
      while (response.write('x'.repeat(64)));
      response.once('drain', more)
    }
    more()
  })
  await expect(openSupergraphSource(server.url, LIMITS).read()).rejects.toThrow(
    /cannot be read: it has more than 100 bytes, which reload.maxBytes allows$/,
  )
})

test('a source times out, also when a response begins and stops', async () => {
  await using server = await serve((_request, response) => void response.write('type'))
  await expect(openSupergraphSource(server.url, { ...LIMITS, timeoutMs: 50 }).read()).rejects.toThrow(
    /cannot be read: it did not answer within 50 ms$/,
  )
})

test('a source says why the server cannot be reached', async () => {
  const server = await serve(() => {})
  await server[Symbol.asyncDispose]()
  await expect(openSupergraphSource(server.url, LIMITS).read()).rejects.toThrow(
    /cannot be read: .*ECONNREFUSED/,
  )
})
