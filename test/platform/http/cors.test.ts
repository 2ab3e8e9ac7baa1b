import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { readBffConfig } from '#bff/config.ts'
import { corsOrigins, type Origins, originsOf } from '#platform/http/cors.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

async function serve(origins?: Origins) {
  const { logger } = recordingLogger()
  const http = createHttpServer({ name: 'shop', logger, ...(origins && { origins }) })
  http.app.get('/things/:id', { config: { crossOrigin: true } }, async () => 'thing')
  http.app.post('/things', { config: { crossOrigin: true } }, async () => {
    throw new Error('out of order')
  })
  http.app.get('/page', async () => 'for our own pages')
  http.onUpgrade('/socket', (_request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n'))
  const { url, port } = await http.listen({ host: '127.0.0.1', port: 0 })
  return { url, port, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() }
}
type Shop = Awaited<ReturnType<typeof serve>>

const SHOP = 'https://shop.example'
const STRANGER = 'https://stranger.example'

const allowed = (answer: Response) =>
  Object.fromEntries([...answer.headers].filter(([name]) => name.startsWith('access-control-')))

const preflight = (url: string, origin: string) =>
  fetch(url, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type,waybill-consistency',
    },
  })

/** The status line of an upgrade that a page of `origin` asks for. */
async function upgrade(shop: Shop, headers: Readonly<Record<string, string>>): Promise<string> {
  const socket = connect(shop.port, '127.0.0.1')
  const all = { host: `127.0.0.1:${shop.port}`, connection: 'Upgrade', upgrade: 'websocket', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`GET /socket HTTP/1.1\r\n${lines.join('')}\r\n`)
  const [bytes] = await once(socket, 'data')
  socket.destroy()
  return String(bytes).split('\r\n', 1)[0] ?? ''
}

describe('a page of an allowed origin', () => {
  let shop: Shop
  beforeAll(async () => {
    shop = await serve([SHOP, 'localhost'])
  })
  afterAll(() => shop?.[Symbol.asyncDispose]())

  test.each([SHOP, 'http://localhost:5173', 'http://127.0.0.1:3000', 'http://[::1]:1', 'https://localhost'])(
    '%s may read responses and their exposed headers, with credentials',
    async origin => {
      const answer = await fetch(`${shop.url}/things/1`, { headers: { origin } })
      expect(allowed(answer)).toEqual({
        'access-control-allow-origin': origin,
        'access-control-allow-credentials': 'true',
        'access-control-expose-headers':
          'waybill-consistency, waybill-stale, x-request-id, retry-after, etag, location, allow',
      })
      expect(answer.headers.get('vary')?.toLowerCase()).toContain('origin')
    },
  )

  it('may read errors, and refusals of a method', async () => {
    for (const method of ['POST', 'DELETE']) {
      const refused = await fetch(`${shop.url}/things`, { method, headers: { origin: SHOP } })
      expect(refused.status).toBe(method === 'POST' ? 500 : 405)
      expect(allowed(refused)).toMatchObject({ 'access-control-allow-origin': SHOP })
    }
  })

  it("gets a preflight response with the path's methods and headers, cacheable for two hours", async () => {
    const answer = await preflight(`${shop.url}/things`, SHOP)
    expect(answer.status).toBe(204)
    expect(allowed(answer)).toMatchObject({
      'access-control-allow-origin': SHOP,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'authorization,content-type,waybill-consistency',
      'access-control-allow-credentials': 'true',
      'access-control-max-age': '7200',
    })
    const other = await preflight(`${shop.url}/things/1`, SHOP)
    expect(allowed(other)).toMatchObject({ 'access-control-allow-methods': 'GET, HEAD' })
  })

  it('gets no CORS headers for paths that are not for other origins', async () => {
    for (const path of ['/page', '/metrics', '/health/ready', '/nothing']) {
      expect(allowed(await fetch(`${shop.url}${path}`, { headers: { origin: SHOP } }))).toEqual({})
      expect(allowed(await preflight(`${shop.url}${path}`, SHOP))).toEqual({})
    }
  })

  it('may open sockets', async () => {
    for (const origin of [SHOP, 'http://localhost:5173'])
      expect(await upgrade(shop, { origin })).toBe('HTTP/1.1 101 Switching Protocols')
  })
})

describe('a page of another origin', () => {
  let shop: Shop
  beforeAll(async () => {
    shop = await serve([SHOP, 'localhost'])
  })
  afterAll(() => shop?.[Symbol.asyncDispose]())

  test.each([
    STRANGER,
    'null',
    'http://shop.example',
    `${SHOP}.stranger.example`,
    `${SHOP}:444`,
    'http://localhost.stranger.example',
    'http://stranger.example/http://localhost:1',
    'file://localhost',
  ])('%s is allowed nowhere', async origin => {
    const answer = await fetch(`${shop.url}/things/1`, { headers: { origin } })
    expect([answer.status, allowed(answer)]).toEqual([200, {}])
    const response = await preflight(`${shop.url}/things`, origin)
    expect([response.status, response.headers.get('allow'), allowed(response)]).toEqual([204, 'POST', {}])
    expect(await upgrade(shop, { origin })).toBe('HTTP/1.1 403 Forbidden')
  })
})

describe('a socket', () => {
  it('accepts pages of the server itself, and programs that send no origin', async () => {
    await using shop = await serve()
    const own = `127.0.0.1:${shop.port}`
    for (const headers of [{}, { origin: `http://${own}` }, { origin: `https://${own}` }])
      expect(await upgrade(shop, headers)).toContain('101')
    for (const origin of ['http://127.0.0.1:1', 'http://localhost', STRANGER, 'null', 'nonsense'])
      expect(await upgrade(shop, { origin })).toContain('403')
  })
})

it('* allows every origin, without credentials', async () => {
  await using shop = await serve(['*'])
  const answer = await fetch(`${shop.url}/things/1`, { headers: { origin: STRANGER } })
  expect(allowed(answer)).toMatchObject({ 'access-control-allow-origin': '*' })
  expect(allowed(answer)).not.toHaveProperty('access-control-allow-credentials')
  expect(allowed(await preflight(`${shop.url}/things`, STRANGER))).not.toHaveProperty(
    'access-control-allow-credentials',
  )
  expect(await upgrade(shop, { origin: STRANGER })).toContain('101')
})

describe('the setting', () => {
  it('defaults to this machine in development and to no origin in production', () => {
    expect(originsOf(undefined, { development: true })).toEqual(['localhost'])
    expect(originsOf(undefined, { development: false })).toEqual([])
    expect(originsOf(corsOrigins.parse('none'), { development: true })).toEqual([])
    expect(originsOf(corsOrigins.parse(`${SHOP}, localhost`), { development: false })).toEqual([
      SHOP,
      'localhost',
    ])
  })

  it.each([
    `${SHOP}/`,
    `${SHOP}/shop`,
    'shop.example',
    'https://*.shop.example',
    'HTTPS://SHOP.EXAMPLE',
    'https://shop.example:443',
    'ftp://shop.example',
    `${SHOP},,`,
  ])('refuses %s, which no browser sends', text => {
    expect(() => readBffConfig('bff-web', { CORS_ORIGINS: text })).toThrow(
      /CORS_ORIGINS: holds ".*"; should hold origins with commas between/,
    )
  })
})
