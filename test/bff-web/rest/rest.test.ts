import { describe, expect, it } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import { BODY, PAGE, SUMMARY, serveRest } from './rest-fixture.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
const placing = (checkout: () => unknown) => serveRest({ Mutation: { checkout } })

type Problem = {
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly errors?: readonly object[]
}

async function problemOf(answer: Response): Promise<Problem> {
  expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const problem: unknown = await answer.json()
  expect(problem).toMatchObject({
    type: 'about:blank',
    status: answer.status,
    requestId: answer.headers.get('x-request-id'),
  })
  return problem as Problem
}

describe('placing an order', () => {
  it('answers 201 with the order and its location, and passes body and key to the graph', async () => {
    const inputs: unknown[] = []
    await using rest = await serveRest({
      Mutation: {
        checkout: (_root, { input }, { consistency }) => {
          inputs.push(input)
          consistency.reached('orders', 12)
          return { __typename: 'OrderAccepted', order: SUMMARY }
        },
      },
    })
    const answer = await rest.ask('POST', '/orders', { body: BODY, headers: { 'idempotency-key': '"wish"' } })
    expect(answer.status).toBe(201)
    expect(answer.headers.get('location')).toBe('/api/v1/orders/ord_1')
    expect(answer.headers.get('content-type')).toBe(JSON_TYPE)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.headers.get('waybill-consistency')).toBe('orders=12')
    expect(await answer.json()).toEqual(SUMMARY)
    expect(inputs).toEqual([
      { ...BODY, idempotencyKey: 'wish', shippingOption: 'STANDARD', settleWithinMs: 5000 },
    ])
  })

  it.each([
    ['OutOfStock', 409, { shortages: [{ sku: 'mug', requested: 2, available: 1 }], cancelledOrder: SUMMARY }],
    ['TotalChanged', 409, { expected: SUMMARY.total, actual: SUMMARY.total }],
    ['UnknownProduct', 422, { skus: ['mug'] }],
    ['UnknownCustomer', 422, { customerId: 'cus_2' }],
    ['PaymentDeclined', 422, { retryable: true, cancelledOrder: null }],
    ['TenderMismatch', 422, { total: SUMMARY.total, tendered: SUMMARY.total }],
    ['MixedCurrencies', 422, { currencies: ['EUR', 'USD'] }],
    ['OrderNotFulfilled', 422, { order: SUMMARY }],
  ])('answers %s with %i and what the client needs to act on it', async (type, status, facts) => {
    const refusal = { code: 'SOME_CODE', message: 'A sentence.', ...facts }
    await using rest = await placing(() => ({ __typename: type, ...refusal }))
    const answer = await rest.ask('POST', '/orders', { body: BODY })
    expect(await problemOf(answer)).toMatchObject({
      status,
      code: 'SOME_CODE',
      detail: 'A sentence.',
      refusal: { type, ...refusal },
    })
  })

  it("answers 202 with the order's location while it is not decided", async () => {
    const order = { ...SUMMARY, status: 'PLACED' }
    await using rest = await placing(() => ({ __typename: 'OrderPending', message: 'Wait.', order }))
    const answer = await rest.ask('POST', '/orders', { body: BODY })
    expect(answer.status).toBe(202)
    expect(answer.headers.get('location')).toBe('/api/v1/orders/ord_1')
    expect(await answer.json()).toEqual(order)
  })

  it.each([
    [['input', 'lines', '0', 'sku'], [{ pointer: '/lines/0/sku', detail: 'A sentence.' }]],
    [['input', 'idempotencyKey'], [{ detail: 'A sentence.' }]],
    [null, [{ detail: 'A sentence.' }]],
  ])('answers invalid input with 400 and, of the path %j, the place in the body', async (path, errors) => {
    const fault = { code: 'BAD_USER_INPUT', message: 'A sentence.', path }
    await using rest = await placing(() => ({ __typename: 'InvalidInput', ...fault }))
    const problem = await problemOf(await rest.ask('POST', '/orders', { body: BODY }))
    expect(problem).toMatchObject({ status: 400, code: 'BAD_USER_INPUT', detail: 'A sentence.', errors })
    expect(problem).not.toHaveProperty('refusal')
  })

  it('answers a key that another request has used with 409', async () => {
    const fault = { code: 'CONFLICT', message: 'A sentence.', path: ['input', 'idempotencyKey'] }
    await using rest = await placing(() => ({ __typename: 'IdempotencyConflict', ...fault }))
    const problem = await problemOf(await rest.ask('POST', '/orders', { body: BODY }))
    expect(problem).toMatchObject({ status: 409, code: 'CONFLICT', detail: 'A sentence.' })
    expect(problem).not.toHaveProperty('refusal')
  })

  it('needs an Idempotency-Key of 1 to 200 visible characters', async () => {
    await using rest = await placing(() => ({ __typename: 'OrderAccepted', order: SUMMARY }))
    for (const key of ['', ' ', '""', 'a b', 'é', 'x'.repeat(201)]) {
      const headers = { 'idempotency-key': key }
      const answer = await rest.ask('POST', '/orders', { body: BODY, headers })
      const { status, code, detail } = await problemOf(answer)
      expect({ status, code }, key).toEqual({ status: 400, code: 'BAD_USER_INPUT' })
      expect(detail).toContain('Idempotency-Key')
    }
    const longest = { 'idempotency-key': 'x'.repeat(200) }
    expect((await rest.ask('POST', '/orders', { body: BODY, headers: longest })).status).toBe(201)
    const missing = await fetch(`${rest.url}/api/v1/orders`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await rest.token()}`, 'content-type': 'application/json' },
      body: JSON.stringify(BODY),
    })
    expect((await problemOf(missing)).detail).toContain('is missing')
  })

  it('reports each invalid place in the body', async () => {
    await using rest = await placing(() => undefined)
    const body = { ...BODY, lines: [{ sku: 'mug', quantity: 'two' }], colour: 'red', idempotencyKey: 'k' }
    const problem = await problemOf(await rest.ask('POST', '/orders', { body }))
    expect(problem).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' })
    expect(problem.errors).toEqual([
      { pointer: '/idempotencyKey', detail: expect.stringContaining('the header Idempotency-Key') },
      { pointer: '/lines/0/quantity', detail: expect.stringContaining('Int cannot represent') },
      { pointer: '', detail: expect.stringContaining('"colour" is not defined') },
    ])
    for (const wrong of ['[]', '"text"', 'null', '{', '', '{"__proto__":{"customerId":"x"}}']) {
      const answer = await rest.ask('POST', '/orders', { body: wrong })
      expect((await problemOf(answer)).code, wrong).toBe('BAD_USER_INPUT')
      expect(answer.status, wrong).toBe(400)
    }
  })

  it('has the size limit of any body', async () => {
    await using rest = await placing(() => undefined)
    const answer = await rest.ask('POST', '/orders', { body: { ...BODY, reference: 'x'.repeat(300_000) } })
    expect((await problemOf(answer)).status).toBe(413)
  })
})

describe('cancelling an order', () => {
  const cancellation = { reason: 'CUSTOMER_REQUEST', message: 'As you asked.', at: SUMMARY.placedAt }
  const cancelled = {
    id: 'ord_1',
    number: 'W-1',
    status: 'CANCELLED',
    cancellationRequested: true,
    cancellation,
  }
  const answering = (result: object) => serveRest({ Mutation: { cancelOrder: () => result } })

  it('answers 200 when the order is cancelled, and 202 while that is under way', async () => {
    await using done = await answering({ __typename: 'OrderCancelled', order: cancelled })
    const answer = await done.ask('POST', '/orders/ord_1/cancel')
    expect(answer.status).toBe(200)
    expect(await answer.json()).toEqual(cancelled)
    const waiting = { ...cancelled, status: 'CONFIRMED', cancellation: null }
    await using underWay = await answering({
      __typename: 'CancellationPending',
      message: 'Wait.',
      order: waiting,
    })
    expect((await underWay.ask('POST', '/orders/ord_1/cancel', { body: {} })).status).toBe(202)
  })

  it('takes the order from the path only', async () => {
    const inputs: unknown[] = []
    await using rest = await serveRest({
      Mutation: {
        cancelOrder: (_root, { input }) => {
          inputs.push(input)
          return { __typename: 'OrderCancelled', order: cancelled }
        },
      },
    })
    const body = { settleWithinMs: 0 }
    await rest.ask('POST', '/orders/ord_1/cancel', { body })
    expect(inputs).toEqual([{ orderId: 'ord_1', idempotencyKey: 'key-1', settleWithinMs: 0 }])
    const other = await rest.ask('POST', '/orders/ord_1/cancel', { body: { orderId: 'ord_2' } })
    expect((await problemOf(other)).detail).toContain('it is in the path')
    expect(inputs).toHaveLength(1)
  })

  it.each([
    ['ORDER_NOT_FOUND', 404],
    ['ORDER_SHIPPED', 409],
  ])('answers %s with %i', async (code, status) => {
    const refusal = { code, message: 'No.', status: status === 404 ? null : 'SHIPPED' }
    await using rest = await answering({ __typename: 'CannotCancel', ...refusal })
    const problem = await problemOf(await rest.ask('POST', '/orders/ord_1/cancel'))
    expect(problem).toMatchObject({ status, code, refusal: { type: 'CannotCancel', ...refusal } })
  })
})

describe('reading', () => {
  it('returns the whole order with its notices, and 304 while it is unchanged', async () => {
    let page = PAGE
    await using rest = await serveRest({ Query: { order: () => page } })
    const answer = await rest.ask('GET', '/orders/ord_1')
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('private, no-cache')
    expect(answer.headers.get('vary')).toContain('authorization')
    const { lines, ...rest_ } = PAGE
    expect(await answer.json()).toEqual({ ...rest_, lines: lines.map(({ product, ...line }) => line) })
    const etag = answer.headers.get('etag') ?? ''
    for (const known of [etag, `"other", ${etag.replace('W/', '')}`, '*']) {
      const again = await rest.ask('GET', '/orders/ord_1', { headers: { 'if-none-match': known } })
      expect(again.status, known).toBe(304)
      expect(again.headers.get('etag')).toBe(etag)
      expect(await again.text()).toBe('')
    }
    page = { ...PAGE, status: 'SHIPPED' }
    const changed = await rest.ask('GET', '/orders/ord_1', { headers: { 'if-none-match': etag } })
    expect(changed.status).toBe(200)
  })

  it('compresses a long response as the client accepts', async () => {
    const page = { ...PAGE, lines: PAGE.lines.map(line => ({ ...line, title: 'A'.repeat(2_000) })) }
    await using rest = await serveRest({ Query: { order: () => page } })
    const answer = await rest.ask('GET', '/orders/ord_1', { headers: { 'accept-encoding': 'br' } })
    expect(answer.headers.get('content-encoding')).toBe('br')
    expect(await answer.json()).toMatchObject({ lines: [{ title: 'A'.repeat(2_000) }] })
  })

  it('answers 404 for an order that does not exist or is not the caller’s', async () => {
    await using rest = await serveRest({ Query: { order: () => null } })
    expect(await problemOf(await rest.ask('GET', '/orders/ord_2'))).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
    })
  })

  it('passes consistency token, language and request id to the graph', async () => {
    const contexts: object[] = []
    await using rest = await serveRest({
      Query: {
        order: (_root, _args, { consistency, language, meta, requestId }) => {
          contexts.push({ required: consistency.required, language, meta, requestId })
          consistency.stale.push('orders')
          return PAGE
        },
      },
    })
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    const answer = await rest.ask('GET', '/orders/ord_1', {
      headers: {
        'waybill-consistency': 'orders=7',
        'accept-language': 'de',
        'x-request-id': 'req-1',
        traceparent,
      },
    })
    expect(answer.headers.get('waybill-stale')).toBe('orders')
    const meta = { correlationId: 'req-1', actor: 'customer:cus_1', traceparent }
    expect(contexts).toEqual([{ required: { orders: 7 }, language: 'de', requestId: 'req-1', meta }])
  })
})

describe('lists', () => {
  const pageInfo = { hasNextPage: true, endCursor: 'c2' }
  async function listing() {
    const queries: unknown[] = []
    const orders = (_root: unknown, args: unknown) => {
      queries.push(args)
      return { nodes: [SUMMARY], pageInfo }
    }
    return { queries, rest: await serveRest({ Query: { orders } }) }
  }

  it('are filtered by the query parameters', async () => {
    const { queries, rest } = await listing()
    await using _ = rest
    const query =
      'text=Ada+mug&status=PLACED,CONFIRMED&status=SHIPPED&placedFrom=2026-01-01T01:00:00%2B01:00&placedTo=2026-02-01T00:00:00Z&first=5&after=c1'
    const answer = await rest.ask('GET', `/orders/search?${query}`)
    expect(await answer.json()).toEqual({ orders: [SUMMARY], pageInfo })
    const filter = {
      text: 'Ada mug',
      status: ['PLACED', 'CONFIRMED', 'SHIPPED'],
      placedFrom: '2026-01-01T00:00:00.000Z',
      placedTo: '2026-02-01T00:00:00.000Z',
    }
    expect(queries).toEqual([{ filter, first: 5, after: 'c1' }])
    await rest.ask('GET', '/orders/search')
    expect(queries[1]).toEqual({ filter: {} })
  })

  it.each([
    ['2026-01-01T01:00:00+01:00', '2026-01-01T00:00:00.000Z'],
    ['2026-01-01T01:00:00.5+01:00', '2026-01-01T00:00:00.500Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
    ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
  ])('accept the usual ways to write an instant: %s', async (written, read) => {
    const { queries, rest } = await listing()
    await using _ = rest
    expect((await rest.ask('GET', `/orders/search?placedTo=${written}`)).status).toBe(200)
    expect(queries).toEqual([{ filter: { placedTo: read } }])
  })

  it.each([
    ['frist=5', 'frist', 'is not known: there is text, status, placedFrom'],
    ['first=0', 'first', 'should be a whole number from 1 to 100, not "0"'],
    ['first=1e9', 'first', 'should be a whole number from 1 to 100, not "1e9"'],
    ['first=5&first=6', 'first', 'is given more than once'],
    ['status=SENT', 'status', 'should be of PLACED, CONFIRMED'],
    ['status=', 'status', 'not ""'],
    ['placedFrom=yesterday', 'placedFrom', 'should be an instant such as 2026-01-31T12:00:00Z'],
    ['placedTo=2026-02-30T00:00:00Z', 'placedTo', 'should be an instant'],
    ['placedTo=2026-02-30T00:00:00Z', 'placedTo', 'February 2026 has no day 30'],
    ['placedTo=9999-12-31T23%3A59%3A59-05%3A00', 'placedTo', 'outside of the years 0 to 9999'],
    ['placedFrom=0000-01-01T00%3A00%3A00%2B01%3A00', 'placedFrom', 'outside of the years 0 to 9999'],
    [
      'placedFrom=2026-02-01T00:00:00Z&placedTo=2026-02-01T00:00:00Z',
      'placedFrom',
      'should be before placedTo',
    ],
    [`text=${'x'.repeat(201)}`, 'text', 'should be 1 to 200 characters'],
    ['text=', 'text', 'should be 1 to 200 characters'],
    ['after=', 'after', 'should be 1 to 500 characters'],
    ['__proto__=1', '__proto__', 'is not known'],
    ['constructor=1', 'constructor', 'is not known'],
  ])('refuse ?%s with the reason', async (query, parameter, why) => {
    const { queries, rest } = await listing()
    await using _ = rest
    const problem = await problemOf(await rest.ask('GET', `/orders/search?${query}`))
    expect(problem).toMatchObject({ status: 400, code: 'BAD_USER_INPUT' })
    expect(problem.errors).toEqual([{ parameter, detail: expect.stringContaining(why) }])
    expect(problem.detail).toContain(`${parameter} `)
    expect(queries).toEqual([])
  })

  it('name every invalid parameter, not only the first', async () => {
    const { rest } = await listing()
    await using _ = rest
    const { errors } = await problemOf(await rest.ask('GET', '/orders/search?first=x&status=y&z=1'))
    expect(errors?.map(error => 'parameter' in error && error.parameter)).toEqual(['first', 'status', 'z'])
  })

  it('of a customer are visible to that customer and to staff', async () => {
    const { queries, rest } = await listing()
    await using _ = rest
    const own = await rest.ask('GET', '/orders/customer/cus_1?first=3')
    expect(await own.json()).toEqual({ orders: [SUMMARY], pageInfo })
    expect(queries).toEqual([{ filter: { customerId: 'cus_1' }, first: 3 }])
    expect((await problemOf(await rest.ask('GET', '/orders/customer/cus_2'))).status).toBe(403)
    const headers = { authorization: `Bearer ${await rest.token('support', 'sue')}` }
    expect((await rest.ask('GET', '/orders/customer/cus_2', { headers })).status).toBe(200)
    expect(queries).toHaveLength(2)
    expect((await problemOf(await rest.ask('GET', '/orders/customer/cus_1?text=x'))).status).toBe(400)
  })
})

describe('every route', () => {
  const ROUTES = [
    ['POST', '/orders'],
    ['GET', '/orders/ord_1'],
    ['POST', '/orders/ord_1/cancel'],
    ['GET', '/orders/customer/cus_1'],
    ['GET', '/orders/search'],
  ] as const

  it.each(ROUTES)('%s %s answers 401 to a caller without a valid token', async (method, path) => {
    await using rest = await serveRest()
    for (const authorization of ['', 'Bearer nonsense', 'Basic dXNlcg==']) {
      const answer = await rest.ask(method, path, {
        headers: { authorization },
        ...(method === 'POST' && { body: '{' }),
      })
      expect(answer.headers.get('www-authenticate')).toBe('Bearer')
      expect(await problemOf(answer)).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' })
    }
  })

  it.each([
    ['BAD_USER_INPUT', 400],
    ['FORBIDDEN', 403],
    ['CONFLICT', 409],
    ['RATE_LIMITED', 429],
    ['UNAVAILABLE', 503],
  ] as const)('passes on %s as %i', async (code, status) => {
    await using rest = await placing(() => {
      throw new CallerError(code, 'A sentence.', { fact: 1 })
    })
    const answer = await rest.ask('POST', '/orders', { body: BODY })
    expect(await problemOf(answer)).toMatchObject({ status, code, detail: 'A sentence.', fact: 1 })
    expect(answer.headers.has('retry-after')).toBe(status === 429 || status === 503)
  })

  it('logs that a service is away, but no refusal for overload, of which there are many', async () => {
    let details: object = { reason: 'OVERLOADED', retryAfterSeconds: 3 }
    await using rest = await placing(() => {
      throw new CallerError('UNAVAILABLE', 'A sentence.', { ...details })
    })
    const refused = await rest.ask('POST', '/orders', { body: BODY, headers: { 'x-request-id': 'refused' } })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '3'])
    details = {}
    const away = await rest.ask('POST', '/orders', { body: BODY, headers: { 'x-request-id': 'away' } })
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '1'])
    expect(JSON.parse(await rest.seen('request failed'))).toMatchObject({ request_id: 'away', status: 503 })
  })

  it('logs internal errors under the request id that the caller gets', async () => {
    await using rest = await serveRest({
      Query: {
        order: () => {
          throw new Error('password is hunter2')
        },
      },
    })
    const answer = await rest.ask('GET', '/orders/ord_1', { headers: { 'x-request-id': 'req-9' } })
    const problem = await problemOf(answer)
    expect(problem).toMatchObject({ status: 500, code: 'INTERNAL', requestId: 'req-9' })
    expect(JSON.stringify(problem)).not.toContain('hunter2')
    expect(JSON.parse(await rest.seen('hunter2'))).toMatchObject({ request_id: 'req-9' })
  })

  it.each([
    ['POST', '/orders', 'text/plain'],
    ['POST', '/orders', 'application/x-www-form-urlencoded'],
    ['POST', '/orders', 'multipart/form-data; boundary=x'],
    ['POST', '/orders', 'application/jsonp'],
    ['POST', '/orders/ord_1/cancel', 'text/plain'],
  ])('%s %s refuses %s, which a form of another site could send', async (method, path, type) => {
    const done: unknown[] = []
    const doing = () => void done.push(1)
    await using rest = await serveRest({ Mutation: { checkout: doing, cancelOrder: doing } })
    const answer = await rest.ask(method, path, { body: '{}', headers: { 'content-type': type } })
    expect(await problemOf(answer)).toMatchObject({ status: 415 })
    const bare = await fetch(`${rest.url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${await rest.token()}`, 'idempotency-key': 'k' },
    })
    expect((await problemOf(bare)).status).toBe(415)
    expect(done).toEqual([])
  })

  it('answers 405 with the allowed methods for another method, and 404 for an unknown path', async () => {
    await using rest = await serveRest()
    const put = await rest.ask('PUT', '/orders/ord_1')
    expect((await problemOf(put)).status).toBe(405)
    expect(put.headers.get('allow')).toBe('GET, HEAD')
    expect((await rest.ask('GET', '/orders')).headers.get('allow')).toBe('POST')
    const preflight = await rest.ask('OPTIONS', '/orders')
    expect([...preflight.headers.keys()].filter(name => name.startsWith('access-control'))).toEqual([])
    for (const path of ['/nothing', '/orders/ord_1/pay', '/orders/..%2f..%2fpackage.json/x'])
      expect((await problemOf(await rest.ask('GET', path))).status, path).toBe(404)
  })
})
