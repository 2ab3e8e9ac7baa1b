// Checks in a browser what a page of another origin can do: CORS for GraphQL, REST, streams and WebSocket.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningServices, startServices } from '#start/services.ts'
import { findChromium, openPage } from '#test/fixtures/chromium.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { addProduct, CHECKOUT, checkoutInput, registerShopper } from '#testbed/shop-client.ts'

const chromium = await findChromium()
const reason = 'missing' in chromium ? chromium.missing : ''

/** Sends what front ends send, and returns what the page saw; `refused` is what the browser withheld. */
const PAGE = `<!doctype html><title>A front end</title><link rel="icon" href="data:,"><script>
  const told = async answer => ({
    status: answer.status,
    body: await answer.text(),
    consistency: answer.headers.get('waybill-consistency'),
    requestId: answer.headers.get('x-request-id'),
  })
  const tried = work => work.catch(error => ({ refused: error.name }))
  const graphql = (url, token, body) => tried(fetch(url + '/graphql', {
    method: 'POST',
    credentials: 'include',
    headers: { 'content-type': 'application/json', ...(token && { authorization: 'Bearer ' + token }) },
    body: JSON.stringify(body),
  }).then(told))
  const rest = (url, token, path) => tried(
    fetch(url + '/api/v1' + path, { headers: { authorization: 'Bearer ' + token } }).then(told))
  const page = (url, path) => tried(fetch(url + path).then(told))
  const events = url => tried(new Promise((resolve, reject) => {
    const source = new EventSource(url + '/graphql/stream?query={__typename}')
    source.addEventListener('next', event => { source.close(); resolve({ body: event.data }) })
    source.addEventListener('error', () => { source.close(); reject(new Error()) })
  }))
  const stream = (url, token, query) => tried(fetch(url + '/graphql/stream', {
    method: 'POST',
    headers: { accept: 'text/event-stream', 'content-type': 'application/json', authorization: 'Bearer ' + token },
    body: JSON.stringify({ query }),
  }).then(async answer => {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
    let body = ''
    while (!body.includes('event: next')) body += (await reader.read()).value
    await reader.cancel()
    return { status: answer.status, body, requestId: answer.headers.get('x-request-id') }
  }))
  const socket = url => tried(new Promise((resolve, reject) => {
    const opened = new WebSocket(url.replace('http', 'ws') + '/graphql', 'graphql-transport-ws')
    opened.onopen = () => opened.send('{"type":"connection_init"}')
    opened.onmessage = ({ data }) => { opened.close(); resolve({ body: data }) }
    opened.onerror = () => reject(new Error())
  }))
</script>`

type Told = {
  readonly status?: number
  readonly body?: string
  readonly consistency?: string
  readonly requestId?: string
  readonly refused?: string
}

async function servePage(): Promise<{ readonly server: Server; readonly origin: string }> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end(PAGE)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { server, origin: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` }
}

describe.skipIf(reason !== '')(`A page of another origin, in a browser, ${reason}`, () => {
  let platform: TestPlatform
  let browser: Browser
  let front: Awaited<ReturnType<typeof servePage>>
  let production: RunningServices
  let named: RunningServices
  let page: Page
  let token: string

  const startBff = (env: Readonly<Record<string, string>>) =>
    startServices([
      {
        name: 'bff-web',
        env: { ...platform.environment('bff-web'), PORT: '0', NODE_ENV: 'production', ...env },
      },
    ])
  const urlOf = ({ services }: RunningServices) => services[0]?.url ?? ''
  const inPage = (work: string, ...given: readonly unknown[]) =>
    page.evaluate<Told>(`${work}(${given.map(value => JSON.stringify(value)).join()})`)

  beforeAll(async () => {
    if (!('start' in chromium)) return
    platform = await startPlatform()
    front = await servePage()
    ;[browser, production, named] = await Promise.all([
      chromium.start(),
      startBff({}),
      startBff({ CORS_ORIGINS: `https://shop.example,${front.origin}` }),
    ])
    await addProduct(platform, { sku: 'cap', price: '9.00', stock: { 'BER-1': 50 } })
    token = (await registerShopper(platform)).token
    page = (await openPage(browser)).page
    await page.goto(front.origin)
  }, 300_000)
  afterAll(async () => {
    await browser?.close()
    front?.server.close()
    await production?.[Symbol.asyncDispose]()
    await named?.[Symbol.asyncDispose]()
    await platform?.[Symbol.asyncDispose]()
  })

  test.each(['bff-web', 'bff-mobile', 'gateway'] as const)(
    'can query %s of a development instance over HTTP, event streams and WebSocket',
    async service => {
      const url = platform.urls[service]
      const data = '{"data":{"__typename":"Query"}}'
      const answer = await inPage('graphql', url, token, { query: '{ __typename }' })
      expect(answer).toMatchObject({ status: 200, requestId: expect.any(String) })
      expect(answer.body?.trim()).toBe(data)
      expect(await inPage('graphql', url, 'nonsense', { query: '{ __typename }' })).toMatchObject({
        status: 401,
        body: expect.stringContaining('UNAUTHENTICATED'),
      })
      expect(await inPage('events', url)).toEqual({ body: data })
      expect(await inPage('socket', url)).toEqual({ body: expect.stringContaining('connection_ack') })
    },
  )

  test.each([
    ['a development instance', () => platform.urls['bff-web']],
    ['an instance that names its origin', () => urlOf(named)],
  ])('places an order at %s, reads the position, and follows the order', async (what, urlOfInstance) => {
    const url = urlOfInstance()
    const input = checkoutInput({ sku: 'cap', idempotencyKey: what })
    const ordered = await inPage('graphql', url, token, { query: CHECKOUT, variables: { input } })
    expect(ordered).toMatchObject({
      status: 200,
      body: expect.stringContaining('OrderAccepted'),
      consistency: expect.stringMatching(/orders=\d+/),
    })
    const id = /"id":"(ord_[^"]+)"/.exec(ordered.body ?? '')?.[1] ?? ''
    expect(await inPage('rest', url, token, `/orders/${id}`)).toMatchObject({
      status: 200,
      body: expect.stringContaining(id),
    })
    expect(await inPage('rest', url, token, '/orders/none')).toMatchObject({ status: 400 })
    const query = `subscription { orderChanges(id: "${id}") { __typename } }`
    expect(await inPage('stream', url, token, query)).toMatchObject({
      status: 200,
      body: expect.stringContaining('"__typename"'),
      requestId: expect.any(String),
    })
  })

  test('is blocked by a production instance that names no origins', async () => {
    const url = urlOf(production)
    const refused = { refused: expect.any(String) }
    expect(await inPage('graphql', url, token, { query: '{ __typename }' })).toEqual(refused)
    expect(await inPage('rest', url, token, '/orders/none')).toEqual(refused)
    expect(await inPage('events', url)).toEqual(refused)
    expect(
      await inPage('stream', url, token, 'subscription { orderChanges(id: "x") { __typename } }'),
    ).toEqual(refused)
    expect(await inPage('socket', url)).toEqual(refused)
  })

  test('cannot read the pages of a development instance, nor the token in them', async () => {
    const url = platform.urls['bff-web']
    for (const path of ['/graphiql', '/metrics', '/health/ready'])
      expect(await inPage('page', url, path)).toEqual({ refused: 'TypeError' })
  })
})
