// Tests the running payment subgraph over HTTP: access, repeated commands, reads afterwards, and webhooks.
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { newId, siblingId } from '#platform/domain/ids.ts'
import { type Caller, freshDatabases, nobody, service as orders, support } from '#test/fixtures/subgraph.ts'
import { type Running, runPayment } from './payment-fixture.ts'

let payment: Running
const customerId = newId('customer')
const customer: Caller = { role: 'customer', subject: customerId }
const stranger: Caller = { role: 'customer', subject: newId('customer') }

beforeAll(async () => {
  payment = await runPayment()
})
afterAll(() => payment?.[Symbol.asyncDispose]())

const PAYMENT = `id status amount { amount currency } authorised { amount } captured { amount } refunded { amount }
  declineReason createdAt updatedAt order { id } tenders { id kind status amount { amount } captured { amount } refunded { amount } }`
const AUTHORISE = `mutation ($input: AuthorisePaymentInput!) { authorisePayment(input: $input) { __typename
  ... on PaymentAuthorisation { pending payment { ${PAYMENT} } } ... on PaymentRefused { code message retryable } } }`
const moving = (
  name: string,
  type: string,
) => `mutation ($input: ${type}!) { ${name}(input: $input) { __typename
  ... on PaymentMoved { payment { ${PAYMENT} } } ... on PaymentRefused { code message retryable } } }`
const CAPTURE = moving('capturePayment', 'MovePaymentInput')
const REFUND = moving('refundPayment', 'MovePaymentInput')
const VOID = moving('voidPayment', 'VoidPaymentInput')
const GET = `query ($id: ID!) { payment(id: $id) { ${PAYMENT} } }`
const ORDER = `query ($orders: [_Any!]!) { _entities(representations: $orders) { ... on Order { id payments { id status } } } }`
const ENTITY = `query ($ref: _Any!) { _entities(representations: [$ref]) { ... on Payment { id status } } }`
const TOTALS = `{ paymentTotals { currency requested authorised captured voided refunded } }`

const eur = (amount: string) => ({ amount, currency: 'EUR' })

function order(token = 'tok_approve', amount = '100.00') {
  const orderId = newId('order')
  const input = {
    idempotencyKey: randomUUID(),
    orderId,
    customerId,
    amount: eur(amount),
    tenders: [{ kind: 'CARD', token, amount: eur(amount) }],
  }
  return { orderId, id: siblingId('payment', orderId), input }
}

async function authorised(token?: string, amount?: string) {
  const made = order(token, amount)
  const { data } = await payment.request(orders, AUTHORISE, { input: made.input })
  expect(data?.authorisePayment).toMatchObject({ __typename: 'PaymentAuthorisation' })
  return made
}

function move(query: string, orderId: string, amount: string, idempotencyKey: string = randomUUID()) {
  return payment.request(orders, query, { input: { idempotencyKey, orderId, amount: eur(amount) } })
}

async function seen(id: string, caller: Caller = support) {
  const head = await payment.store.head()
  const { data } = await payment.request(caller, GET, { id }, `payment=${head}`)
  return data?.payment
}

async function written(id: string) {
  return (await payment.store.readStream(`payment-${id}`)).map(({ type }) => type)
}

describe('commands', () => {
  test('authorising twice under one key gives the same result and records once', async () => {
    const { id, input } = order()
    const first = await payment.request(orders, AUTHORISE, { input })
    expect(first.data?.authorisePayment).toMatchObject({
      pending: false,
      payment: {
        id,
        status: 'AUTHORISED',
        authorised: { amount: '100.00' },
        tenders: [{ status: 'AUTHORISED' }],
      },
    })
    expect((await payment.request(orders, AUTHORISE, { input })).data).toEqual(first.data)
    expect(await written(id)).toEqual(['PaymentRequested', 'TenderAuthorised', 'PaymentAuthorised'])
  })

  test('a key reused with another body is a CONFLICT', async () => {
    const { input } = await authorised()
    const other = { ...input, customerId: newId('customer') }
    expect((await payment.request(orders, AUTHORISE, { input: other })).codes).toEqual(['CONFLICT'])
  })

  test('a declined card is a refusal, and so is its repeat', async () => {
    const { input, id } = order('tok_decline')
    for (const _ of [1, 2])
      expect((await payment.request(orders, AUTHORISE, { input })).data?.authorisePayment).toEqual({
        __typename: 'PaymentRefused',
        code: 'PAYMENT_DECLINED',
        message: 'The payment was declined.',
        retryable: false,
      })
    expect(await seen(id)).toMatchObject({ status: 'DECLINED', declineReason: 'The payment was declined.' })
  })

  test('tenders that do not come to the amount are refused', async () => {
    const { input } = order()
    const { data } = await payment.request(orders, AUTHORISE, { input: { ...input, amount: eur('99.99') } })
    expect(data?.authorisePayment).toMatchObject({ code: 'TENDER_SUM_MISMATCH' })
  })

  test('capturing, refunding and voiding twice under one key moves money once', async () => {
    const { orderId, id } = await authorised()
    const [captureKey, refundKey, voidKey] = [randomUUID(), randomUUID(), randomUUID()]
    for (const _ of [1, 2]) {
      const { data } = await move(CAPTURE, orderId, '60.00', captureKey)
      expect(data?.capturePayment).toMatchObject({
        payment: { status: 'PARTIALLY_CAPTURED', captured: { amount: '60.00' } },
      })
    }
    for (const _ of [1, 2]) {
      const { data } = await move(REFUND, orderId, '10.00', refundKey)
      expect(data?.refundPayment).toMatchObject({
        payment: { status: 'PARTIALLY_REFUNDED', refunded: { amount: '10.00' } },
      })
    }
    const before = (await written(id)).length
    for (const _ of [1, 2]) {
      const { data } = await payment.request(orders, VOID, { input: { idempotencyKey: voidKey, orderId } })
      expect(data?.voidPayment).toMatchObject({ payment: { authorised: { amount: '60.00' } } })
    }
    expect((await written(id)).slice(before)).toEqual(['VoidRequested', 'TenderVoided', 'PaymentVoided'])
    expect((await move(CAPTURE, orderId, '1.00')).data?.capturePayment).toMatchObject({
      code: 'PAYMENT_VOIDED',
    })
  })

  test('a void before any payment is a success without a payment', async () => {
    const { orderId, input } = order()
    const { data } = await payment.request(orders, VOID, { input: { idempotencyKey: 'v', orderId } })
    expect(data?.voidPayment).toEqual({ __typename: 'PaymentMoved', payment: null })
    const late = await payment.request(orders, AUTHORISE, { input })
    expect(late.data?.authorisePayment).toMatchObject({ code: 'PAYMENT_VOIDED' })
  })

  test('a provider that is down is UNAVAILABLE, every time, until the payment is voided', async () => {
    const { orderId, input, id } = order('tok_down')
    for (const _ of [1, 2])
      expect((await payment.request(orders, AUTHORISE, { input })).codes).toEqual(['UNAVAILABLE'])
    expect(await seen(id)).toMatchObject({ status: 'REQUESTED' })
    await payment.request(orders, VOID, { input: { idempotencyKey: `void-${orderId}`, orderId } })
    expect((await payment.request(orders, AUTHORISE, { input })).data?.authorisePayment).toMatchObject({
      code: 'PAYMENT_VOIDED',
    })
    expect(await seen(id)).toMatchObject({ status: 'VOIDED', authorised: { amount: '0.00' } })
  })

  test('a card number is refused before anything is stored or logged', async () => {
    const { input, id } = order('4242 4242 4242 4242')
    const { codes, messages } = await payment.request(orders, AUTHORISE, { input })
    expect(codes).toEqual(['BAD_USER_INPUT'])
    expect(messages.join()).not.toContain('4242')
    expect(await written(id)).toEqual([])
    expect(payment.log.join()).not.toContain('4242 4242')
  })

  test('a query with the command’s consistency token sees its effect', async () => {
    const { input, id } = order()
    const { consistency } = await payment.request(orders, AUTHORISE, { input })
    expect(consistency).toMatch(/^payment=\d+$/)
    const { data } = await payment.request(support, GET, { id }, consistency)
    expect(data?.payment).toMatchObject({
      status: 'AUTHORISED',
      amount: { amount: '100.00', currency: 'EUR' },
    })
  })

  test('no payment token gets into a log line, a view or a response', async () => {
    const token = `tok_${randomUUID()}`
    const { input, id } = order(token)
    const { data } = await payment.request(orders, AUTHORISE, { input })
    expect(JSON.stringify([data, await seen(id)])).not.toContain(token)
    expect(payment.log.join('\n')).not.toContain(token)
  })
})

describe('access', () => {
  test.each([
    ['nobody', nobody, 'UNAUTHENTICATED'],
    ['a customer', customer, 'FORBIDDEN'],
    ['support', support, 'FORBIDDEN'],
  ])('%s cannot command a payment', async (_, caller, code) => {
    const { orderId, input, id } = order()
    const moved = { idempotencyKey: 'k', orderId, amount: eur('1.00') }
    const answers = [
      await payment.request(caller, AUTHORISE, { input }),
      await payment.request(caller, CAPTURE, { input: moved }),
      await payment.request(caller, REFUND, { input: moved }),
      await payment.request(caller, VOID, { input: { idempotencyKey: 'k', orderId } }),
    ]
    expect(answers.map(({ codes }) => codes)).toEqual([[code], [code], [code], [code]])
    expect(await written(id)).toEqual([])
  })

  test('a service token of another issuer is rejected', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'waybill-foreign-'))
    try {
      const foreign = await openEmbeddedIssuer(directory)
      const token = await foreign.sign({ role: 'service', subject: 'orders' })
      const { input, id } = order()
      expect((await payment.askWith(token, AUTHORISE, { input })).codes).toEqual(['UNAUTHENTICATED'])
      expect(await written(id)).toEqual([])
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })

  test('a payment is visible to its customer and to staff, and null to others', async () => {
    const { id } = await authorised()
    expect(await seen(id, customer)).toMatchObject({ id })
    expect(await seen(id, support)).toMatchObject({ id })
    expect(await seen(id, stranger)).toBeNull()
    expect((await payment.request(nobody, GET, { id })).codes).toEqual(['UNAUTHENTICATED'])
    expect((await payment.request(support, GET, { id: 'pay_1' })).codes).toEqual(['BAD_USER_INPUT'])
  })

  test('an order shows its payment to its customer and to staff, and an empty list to others', async () => {
    const { id, orderId } = await authorised()
    await seen(id)
    const representations = [orderId, newId('order')].map(each => ({ __typename: 'Order', id: each }))
    const asked = async (caller: Caller) =>
      (await payment.request(caller, ORDER, { orders: representations })).data?._entities
    const shown = [{ payments: [{ id, status: 'AUTHORISED' }] }, { payments: [] }]
    expect(await asked(customer)).toMatchObject(shown)
    expect(await asked(support)).toMatchObject(shown)
    expect(await asked(stranger)).toMatchObject([{ payments: [] }, { payments: [] }])
    expect(await asked(nobody)).toMatchObject([{ payments: [] }, { payments: [] }])
  })

  test('a payment is resolved as an entity for those who may see it', async () => {
    const { id } = await authorised()
    await seen(id)
    const ref = { __typename: 'Payment', id }
    expect((await payment.request(customer, ENTITY, { ref })).data?._entities).toEqual([
      { id, status: 'AUTHORISED' },
    ])
    expect((await payment.request(stranger, ENTITY, { ref })).data?._entities).toEqual([null])
  })

  test('totals are visible to staff only, and add up', async () => {
    expect((await payment.request(customer, TOTALS)).codes).toEqual(['FORBIDDEN'])
    const kroner = (amount: string) => ({ amount, currency: 'NOK' })
    const { orderId, id, input } = order()
    const tenders = [{ kind: 'CARD', token: 'tok_approve', amount: kroner('70.00') }]
    await payment.request(orders, AUTHORISE, { input: { ...input, amount: kroner('70.00'), tenders } })
    const capture = { idempotencyKey: orderId, orderId, amount: kroner('30.00') }
    await payment.request(orders, CAPTURE, { input: capture })
    await payment.request(orders, REFUND, { input: { ...capture, amount: kroner('5.00') } })
    await payment.request(orders, VOID, { input: { idempotencyKey: orderId, orderId } })
    await seen(id)
    expect((await payment.request(support, TOTALS)).data?.paymentTotals).toContainEqual({
      currency: 'NOK',
      requested: '70.00',
      authorised: '70.00',
      captured: '30.00',
      voided: '40.00',
      refunded: '5.00',
    })
  })
})

describe('a webhook', () => {
  async function awaiting() {
    const made = await authorised('tok_approval_never', '50.00')
    const doc = await seen(made.id)
    expect(doc).toMatchObject({ status: 'AWAITING_APPROVAL' })
    const [tender] = (doc?.tenders ?? []) as { id: string }[]
    const notice = {
      id: `evt_${randomUUID()}`,
      type: 'payment.approved',
      reference: made.id,
      tenderId: tender?.id,
      providerRef: 'bank-1',
    }
    return { ...made, notice }
  }

  test.each([
    ['tok_approval', 'AUTHORISED'],
    ['tok_approval_declined', 'DECLINED'],
  ])('from the sandbox reports %s, and the payment is %s', async (token, status) => {
    const { id } = await authorised(token)
    await expect.poll(async () => (await seen(id))?.status, { timeout: 5_000 }).toBe(status)
  })

  test('with an approval authorises the payment, and changes nothing when it is repeated', async () => {
    const { id, notice, input } = await awaiting()
    expect(await payment.notify(notice)).toBe(204)
    expect(await seen(id)).toMatchObject({ status: 'AUTHORISED', authorised: { amount: '50.00' } })
    const before = await written(id)
    expect(await payment.notify(notice)).toBe(204)
    expect(await written(id)).toEqual(before)
    expect((await payment.request(orders, AUTHORISE, { input })).data?.authorisePayment).toMatchObject({
      pending: false,
    })
  })

  test('with an approval after the void has it voided at the provider', async () => {
    const { id, orderId, notice } = await awaiting()
    await payment.request(orders, VOID, { input: { idempotencyKey: orderId, orderId } })
    expect(await payment.notify(notice)).toBe(204)
    expect((await written(id)).slice(-2)).toEqual(['TenderApprovedLate', 'LateApprovalVoided'])
    expect(await seen(id)).toMatchObject({ status: 'VOIDED', authorised: { amount: '0.00' } })
  })

  test.each([
    ['a wrong secret', { secret: 'another secret' }],
    ['a time six minutes ago', { at: new Date(Date.now() - 360_000) }],
    ['a time six minutes ahead', { at: new Date(Date.now() + 360_000) }],
  ])('signed with %s is 401, and nothing is recorded', async (_, signing) => {
    const { id, notice } = await awaiting()
    const before = await written(id)
    expect(await payment.notify(notice, signing)).toBe(401)
    expect(await written(id)).toEqual(before)
  })

  test('without a signature is 401', async () => {
    const response = await fetch(`${payment.url}/webhooks/payment`, { method: 'POST', body: '{}' })
    expect(response.status).toBe(401)
  })

  test('about an unknown payment is logged and ignored', async () => {
    const { notice } = await awaiting()
    const head = await payment.store.head()
    expect(await payment.notify({ ...notice, reference: newId('payment') })).toBe(204)
    expect(await payment.store.head()).toBe(head)
    expect(payment.log.join()).toContain(notice.id)
  })

  test('is accepted or refused whatever text it holds, and never requested again', async () => {
    const { notice } = await awaiting()
    const field = fc.constantFrom('id', 'type', 'reference', 'tenderId', 'providerRef', 'code')
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 220 }),
      fc.constantFrom('', '\0', 'a\0b', '\ud800', 'pay_\udc00', '\u2028', '\n', ' '),
    )
    await fc.assert(
      fc.asyncProperty(field, text, async (name, value) => {
        const told = { ...notice, id: `evt_${randomUUID()}`, type: 'payment.declined', [name]: value }
        expect([204, 400]).toContain(await payment.notify(told))
      }),
      { numRuns: 100 },
    )
  })

  test('without a valid notice is 400', async () => {
    expect(await payment.notify({ id: 'evt_1', type: 'payment.teleported' })).toBe(400)
  })
})

describe('a restart', () => {
  /** A provider whose first answers get lost on the way, and which then answers. */
  async function forgetfulProvider() {
    const calls: unknown[] = []
    const state = { losing: true }
    const server = createServer(async (request, response) => {
      await request.toArray()
      calls.push(request.headers['idempotency-key'])
      if (state.losing) request.socket.destroy()
      else response.writeHead(200).end(JSON.stringify({ status: 'approved', providerRef: 'ref-1' }))
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    return {
      calls,
      recover: () => {
        state.losing = false
      },
      url: `http://127.0.0.1:${port}`,
      async [Symbol.asyncDispose]() {
        server.closeAllConnections()
        await new Promise(resolve => server.close(resolve))
      },
    }
  }

  test('finishes an open payment under the same idempotency key, without a repeat from the caller', async () => {
    await using provider = await forgetfulProvider()
    const databases = await freshDatabases()
    const { id, input } = order()
    {
      await using before = await runPayment({ providerUrl: provider.url }, databases)
      expect((await before.request(orders, AUTHORISE, { input })).codes).toEqual(['UNAVAILABLE'])
      await expect
        .poll(async () => (await before.request(support, GET, { id })).data?.payment?.status)
        .toBe('REQUESTED')
    }
    provider.recover()
    await using after = await runPayment({ providerUrl: provider.url }, databases)
    await expect
      .poll(async () => (await after.request(support, GET, { id })).data?.payment?.status, { timeout: 5_000 })
      .toBe('AUTHORISED')
    expect(new Set(provider.calls).size).toBe(1)
  })
})
