import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startClinicGateway } from './safety-fixture.ts'

type Gateway = Awaited<ReturnType<typeof startClinicGateway>>

let gateway: Gateway
beforeAll(async () => {
  gateway = await startClinicGateway({
    limits: { tokens: 600, depth: 4, aliases: 5, rootFields: 6, selections: 200, batch: 3 },
  })
})
afterAll(() => gateway?.[Symbol.asyncDispose]())

describe('a page of another site', () => {
  const body = JSON.stringify({ query: 'mutation { wave }' })

  test.each([
    ['a form', 'application/x-www-form-urlencoded', 'query=mutation%20%7B%20wave%20%7D'],
    ['a form with files', 'multipart/form-data; boundary=x', '--x\r\n\r\n{}\r\n--x--'],
    ['plain text', 'text/plain', body],
    ['a type that only looks like JSON', 'text/plain; application/json', body],
    ['a bare GraphQL document', 'application/graphql', 'mutation { wave }'],
  ])('cannot run an operation by sending %s, which needs no CORS preflight', async (_what, type, text) => {
    gateway.requests()
    const { status } = await gateway.post(text, { headers: { 'content-type': type } })
    expect([400, 415]).toContain(status)
    expect(gateway.requests()).toEqual([])
  })

  test('needs a CORS preflight to send JSON, and the preflight is refused', async () => {
    const response = await fetch(gateway.url, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://elsewhere.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      },
    })
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  })

  test('cannot run a mutation by GET', async () => {
    gateway.requests()
    const url = new URL(gateway.url)
    url.searchParams.set('query', 'mutation { wave }')
    const response = await fetch(url)
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST'])
    expect(gateway.requests()).toEqual([])
  })
})

describe('an operation that is too large', () => {
  const nested = (levels: number) =>
    Array.from({ length: levels }).reduce<string>(
      (text, _, n) => `fragment F${n} on Patient { ...F${n + 1} ...F${n + 1} } ${text}`,
      '',
    )

  test.each<[string, string, RegExp]>([
    ['tokens', `{ ${'motto '.repeat(600)} }`, /600 tokens/],
    [
      'aliases',
      `{ ${'abcdef'
        .split('')
        .map(name => `${name}: motto`)
        .join(' ')} }`,
      /6 aliases; at most 5/,
    ],
    ['root fields', `{ ${'motto '.repeat(7)} }`, /7 root fields; at most 6/],
    [
      'selections after fragments are expanded',
      `{ patient(id: "1") { ...F0 } } ${nested(40)} fragment F40 on Patient { name }`,
      /selections; at most 200/,
    ],
  ])('is refused for its %s', async (_what, query, reason) => {
    const { errors, data } = await gateway.send(query)
    expect(data).toBeUndefined()
    expect(errors).toMatchObject([
      { message: expect.stringMatching(reason), extensions: { code: 'BAD_USER_INPUT' } },
    ])
  })

  test('is refused for its depth', async () => {
    await using shallow = await startClinicGateway({ limits: { depth: 2 } })
    const { errors } = await shallow.send('{ paged { items { name } } }')
    expect(errors).toMatchObject([{ message: 'The operation is 3 levels deep; at most 2 are allowed.' }])
  })

  test('is refused for the number of operations in one request', async () => {
    const { status } = await gateway.post(Array(4).fill({ query: '{ motto }' }))
    expect(status).toBe(400)
  })

  test('is refused for the size of its body', async () => {
    const { status } = await gateway.post({ query: '{ motto }', variables: { a: 'x'.repeat(300_000) } })
    expect(status).toBe(413)
  })
})

test('a crafted operation name cannot replace another operation in the cache', async () => {
  const text = 'query Real {\n motto\n}'
  await gateway.post({ query: ' motto\n}', operationName: 'query Real {' })
  await gateway.post({ query: ' motto\n}', operationName: 'Real\nquery Real {' })
  expect((await gateway.send(text)).data).toEqual({ motto: 'do no harm' })
  const response = await gateway.post({ query: text, operationName: 'Real' })
  expect(await response.json()).toEqual({ data: { motto: 'do no harm' } })
})

describe('an operation over a live connection', () => {
  let limited: Gateway
  let live: ReturnType<typeof createClient>
  beforeAll(async () => {
    limited = await startClinicGateway({
      cost: { maximum: 20 },
      rateLimit: { capacity: 30, perSecond: 0.01 },
    })
    const url = limited.url.replace('http', 'ws')
    live = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 })
  })
  afterAll(async () => {
    await live?.dispose()
    await limited?.[Symbol.asyncDispose]()
  })
  const run = (query: string) =>
    new Promise((resolve, reject) => {
      live.subscribe({ query }, { next: resolve, error: reject, complete: () => resolve(undefined) })
    })
  const refused = (code: string) => [{ extensions: { code } }]

  test('is subject to the same cost limit and authorization rules', async () => {
    const tooMuch = refused('COST_ESTIMATED_TOO_EXPENSIVE')
    await expect(run('{ patients(first: 21) { name } }')).rejects.toMatchObject(tooMuch)
    await expect(run('subscription { alarm { name } }')).rejects.toMatchObject(tooMuch)
    await expect(run('subscription { whisper }')).rejects.toMatchObject(refused('UNAUTHORIZED_FIELD_OR_TYPE'))
    expect(await run('{ patient(id: "1") { diagnosis } }')).toMatchObject({
      data: { patient: { diagnosis: null } },
      errors: refused('UNAUTHORIZED_FIELD_OR_TYPE'),
    })
  })

  test('is subject to the same rate limit', async () => {
    const twenty = '{ patients(first: 20) { name } }'
    expect(await run(twenty)).toMatchObject({ data: { patients: [{}, {}, {}] } })
    await expect(run(twenty)).rejects.toMatchObject(refused('RATE_LIMITED'))
    expect((await limited.send(twenty)).status).toBe(429) // one address, one bucket
  })
})
