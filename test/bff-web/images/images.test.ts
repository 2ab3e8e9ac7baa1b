// Tests the pictures over real HTTP, and that a browser which opens one runs and loads nothing.
import { readdir, readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mountImages } from '#bff-web/images/mount.ts'
import { picturePath } from '#bff-web/images/pictures.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { createLogger } from '#platform/telemetry/logger.ts'

const FOLDER = new URL('../../../bff-web/images/pictures/', import.meta.url)
const http = createHttpServer({
  name: 'images',
  logger: createLogger({ service: 'images', level: 'silent' }),
})
let url: string
beforeAll(async () => {
  mountImages(http)
  url = (await http.listen({ host: '127.0.0.1', port: 0 })).url
})
afterAll(() => http[Symbol.asyncDispose]())

/** Sends the path as it is: `fetch` would resolve its dots before it sends it. */
function statusOf(path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    request({ hostname, port, path }, response => {
      response.resume()
      resolve(response.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

describe('a picture', () => {
  it('comes as SVG that may neither run nor load anything', async () => {
    const response = await fetch(`${url}/images/tent.svg`)
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'image/svg+xml',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'cross-origin',
    })
    expect(await response.text()).toBe(await readFile(new URL('tent.svg', FOLDER), 'utf8'))
  })

  it('may be kept for ever under its version, and is asked for again under any other address', async () => {
    const versioned = await fetch(url + (await picturePath('tent.svg')))
    expect(versioned.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    for (const query of ['', '?v=old', '?v=', '?v=a&v=b'])
      expect((await fetch(`${url}/images/tent.svg${query}`)).headers.get('cache-control')).toBe('no-cache')
  })

  it('is not sent again to a cache that has it', async () => {
    const path = `${url}/images/tent.svg`
    const etag = (await fetch(path)).headers.get('etag') ?? ''
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const again = await fetch(path, { headers: { 'if-none-match': known } })
      expect([again.status, await again.text(), again.headers.get('etag')]).toEqual([304, '', etag])
    }
    expect((await fetch(path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200)
  })

  it('answers HEAD as GET, without the bytes, and refuses to be changed', async () => {
    const head = await fetch(`${url}/images/tent.svg`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([
      200,
      'image/svg+xml',
      '',
    ])
    expect((await fetch(`${url}/images/tent.svg`, { method: 'PUT', body: '<svg/>' })).status).toBe(405)
  })

  it.each([
    '/images/nothing.svg',
    '/images/',
    '/images/../images/mount.ts',
    '/images/../mount.ts',
    '/images/..%2fmount.ts',
    '/images/%2e%2e%2fmount.ts',
    '/images/..%5cmount.ts',
    '/images/tent.svg%00',
    '/images//etc/passwd',
    '/images/pictures/tent.svg',
    '/images/TENT.SVG',
    '/images/__proto__',
  ])('%s is not there', async path => {
    expect(await statusOf(path)).toBe(404)
  })

  it('with a path that is no URL is refused', async () => {
    expect(await statusOf('/images/%ff.svg')).toBe(400)
  })
})

it('every picture is 800 by 800, has a title, and holds no script, style, link or handler', async () => {
  const names = await readdir(FOLDER)
  expect(names.length).toBeGreaterThan(12)
  for (const name of names) {
    const text = await readFile(new URL(name, FOLDER), 'utf8')
    expect(text, name).toMatch(
      /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 800 800" width="800" height="800"/,
    )
    expect(text, name).toMatch(/<title>[^<]{10,}<\/title>/)
    expect(text, name).not.toMatch(
      /<(?:script|style|a|image|foreignObject|iframe|animate|set)\b|\son\w+=|<!|<\?/i,
    )
    for (const [, target] of text.matchAll(/(?:href="|url\()([^")]*)/g))
      expect(target, name).toMatch(/^#[a-z]+$/)
  }
})
