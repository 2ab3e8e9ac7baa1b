// Tests the worklist of refused movements over HTTP: access, commands, pages, totals and metrics.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId, siblingId } from '#platform/domain/ids.ts'
import { type Caller, nobody, service as orders, support } from '#test/fixtures/subgraph.ts'
import { type Running, runPayment } from '../payment-fixture.ts'

let payment: Running
const ops: Caller = { role: 'ops', subject: 'olga' }
const customerId = newId('customer')
const customer: Caller = { role: 'customer', subject: customerId }

beforeAll(async () => {
  payment = await runPayment()
})
afterAll(() => payment?.[Symbol.asyncDispose]())

const MOVEMENT = `id orderId order { id } kind status amount { amount currency } code retryable refusedAt tries underWay
  closedAt closedBy note`
const LIST = `query ($filter: RefusedMovementFilter, $first: Int, $after: String) {
  refusedMovements(filter: $filter, first: $first, after: $after) {
    nodes { id } edges { cursor node { ${MOVEMENT} } } pageInfo { hasNextPage endCursor } } }`
const TOTALS = '{ refusedMovementTotals { kind currency count amount } }'
const RESULT = `{ __typename ... on MovementChanged { movement { ${MOVEMENT} } payment { captured { amount }
  tenders { id status } } } ... on MovementUnchanged { code message } }`
const RETRY = `mutation ($input: RetryMovementInput!) { retryMovement(input: $input) ${RESULT} }`
const REAUTHORISE = `mutation ($input: ReauthoriseMovementInput!) { reauthoriseMovement(input: $input) ${RESULT} }`
const WRITE_OFF = `mutation ($input: WriteOffMovementInput!) { writeOffMovement(input: $input) ${RESULT} }`

const eur = (amount: string) => ({ amount, currency: 'EUR' })

/** The movement of a capture of 60.00 that the provider refused. */
async function refusedCapture(token = 'tok_capture_declined'): Promise<Refused> {
  const orderId = newId('order')
  const tenders = [{ kind: 'CARD', token, amount: eur('100.00') }]
  const input = { idempotencyKey: randomUUID(), orderId, customerId, amount: eur('100.00'), tenders }
  await payment.request(
    orders,
    'mutation ($input: AuthorisePaymentInput!) { authorisePayment(input: $input) { __typename } }',
    { input },
  )
  const capture = `mutation ($input: MovePaymentInput!) { capturePayment(input: $input) { __typename
    ... on PaymentRefused { code movementId outstanding { amount currency } } } }`
  const { data } = await payment.request(orders, capture, {
    input: { idempotencyKey: randomUUID(), orderId, amount: eur('60.00') },
  })
  expect(data?.capturePayment).toMatchObject({ code: 'CAPTURE_DECLINED', outstanding: eur('60.00') })
  return { orderId, movementId: String(data?.capturePayment?.movementId) }
}

type Refused = { readonly orderId: string; readonly movementId: string }

/** The answer of an operator's command. */
async function act(query: string, refused: Refused, more: object = {}, caller: Caller = ops) {
  const input = { idempotencyKey: randomUUID(), ...refused, ...more }
  const { data, codes } = await payment.request(caller, query, { input })
  return data ? (Object.values(data)[0] ?? null) : codes
}
async function upToDate(): Promise<string> {
  return `payment=${await payment.store.head()}`
}
async function list(variables: object = {}, caller: Caller = support) {
  return payment.request(caller, LIST, variables, await upToDate())
}
async function totals() {
  const { data } = await payment.request(support, TOTALS, {}, await upToDate())
  return data?.refusedMovementTotals
}

describe('the worklist', () => {
  test('is visible to staff, and only ops may write off', async () => {
    const refused = await refusedCapture()
    for (const [caller, code] of [
      [customer, 'FORBIDDEN'],
      [nobody, 'UNAUTHENTICATED'],
    ] as const) {
      expect((await list({}, caller)).codes).toEqual([code])
      expect((await payment.request(caller, TOTALS)).codes).toEqual([code])
      for (const query of [RETRY, REAUTHORISE]) expect(await act(query, refused, {}, caller)).toEqual([code])
    }
    expect(await act(WRITE_OFF, refused, { note: 'x' }, support)).toEqual(['FORBIDDEN'])
    expect(await act(RETRY, refused, {}, orders)).toEqual(['FORBIDDEN'])
    expect(await act(RETRY, refused, {}, support)).toMatchObject({ movement: { status: 'SETTLED' } })
  })

  test('lists open entries, oldest first and page by page, and closed ones by filter', async () => {
    const first = await refusedCapture()
    const made = [first, await refusedCapture(), await refusedCapture()]
    const ids = made.map(({ movementId }) => movementId)
    const seen: unknown[] = []
    let after: unknown = null
    do {
      const { data } = await list({ first: 2, after, filter: { kind: 'CAPTURE' } })
      const page = data?.refusedMovements as {
        nodes: { id: string }[]
        pageInfo: { hasNextPage: boolean; endCursor: string }
      }
      seen.push(...page.nodes.map(({ id }) => id))
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : undefined
    } while (after !== undefined)
    expect(seen.filter(id => ids.includes(String(id)))).toEqual(ids)
    await act(WRITE_OFF, first, { note: ' paid in cash ' })
    const closed = await list({ first: 100, filter: { status: 'WRITTEN_OFF' } })
    expect(JSON.stringify(closed.data)).toContain(ids[0])
    expect(JSON.stringify((await list({ first: 100 })).data)).not.toContain(ids[0])
    expect((await list({ first: 101 })).codes).toEqual(['BAD_USER_INPUT'])
    expect((await list({ first: 0 })).codes).toEqual(['BAD_USER_INPUT'])
  })

  test('shows one entry by its id to staff alone', async () => {
    const { movementId: id } = await refusedCapture()
    const one = 'query ($id: ID!) { refusedMovement(id: $id) { id status } }'
    const found = async (caller: Caller, wanted = id) =>
      payment.request(caller, one, { id: wanted }, await upToDate())
    expect((await found(support)).data).toEqual({ refusedMovement: { id, status: 'OPEN' } })
    expect((await found(support, 'cap_nothing')).data).toEqual({ refusedMovement: null })
    expect((await found(customer)).data).toEqual({ refusedMovement: null })
    expect((await found(nobody)).codes).toEqual(['UNAUTHENTICATED'])
  })

  test('adds up open entries without closed ones', async () => {
    const before = await totals()
    const refused = await refusedCapture('tok_capture_declined_2')
    await act(RETRY, refused)
    const [total] = (await totals()) as unknown as { kind: string; count: number; amount: string }[]
    const [old] = (before ?? []) as unknown as { count: number; amount: string }[]
    expect(total?.count).toBe((old?.count ?? 0) + 1)
    expect(Number(total?.amount)).toBe(Number(old?.amount ?? 0) + 60)
    await act(RETRY, refused)
    expect(await totals()).toEqual(before)
  })

  test('is hidden from the payment’s customer', async () => {
    const refused = await refusedCapture()
    const query = '{ payment(id: "ID") { refusedMovements { id } } }'.replace(
      'ID',
      siblingId('payment', refused.orderId),
    )
    const head = await upToDate()
    expect((await payment.request(support, query, {}, head)).data?.payment).toEqual({
      refusedMovements: [{ id: refused.movementId }],
    })
    expect((await payment.request(customer, query, {}, head)).data?.payment).toEqual({
      refusedMovements: null,
    })
  })
})

describe('an operator', () => {
  test('captures a refused amount under the token of another card', async () => {
    const refused = await refusedCapture('tok_capture_declined_9')
    const tender = { kind: 'CARD', token: 'tok_approve' }
    expect(await act(REAUTHORISE, refused, { tender })).toMatchObject({
      movement: { status: 'SETTLED', orderId: refused.orderId, order: { id: refused.orderId } },
      payment: { captured: { amount: '60.00' }, tenders: [{ status: 'VOIDED' }, { status: 'AUTHORISED' }] },
    })
    expect(await act(REAUTHORISE, refused, { tender })).toMatchObject({ code: 'MOVEMENT_CLOSED' })
  })

  test('writes a movement off with a note, under the token’s subject', async () => {
    const refused = await refusedCapture()
    expect(await act(WRITE_OFF, refused, { note: ' paid in cash ' })).toMatchObject({
      movement: { status: 'WRITTEN_OFF', closedBy: 'olga', note: 'paid in cash' },
    })
  })

  test('gets the result of the first retry for a repeat under the same key', async () => {
    const refused = await refusedCapture('tok_capture_declined_5')
    const idempotencyKey = randomUUID()
    const first = await act(RETRY, refused, { idempotencyKey })
    expect(first).toMatchObject({ movement: { status: 'OPEN', tries: 2 } })
    expect(await act(RETRY, refused, { idempotencyKey })).toEqual(first)
  })

  test.each([
    ['a movement that is not there', RETRY, { movementId: 'cap_none' }, { code: 'MOVEMENT_NOT_FOUND' }],
    ['what is no order', RETRY, { orderId: 'ord_1' }, ['BAD_USER_INPUT']],
    ['an order without a payment', RETRY, { orderId: newId('order') }, { code: 'MOVEMENT_NOT_FOUND' }],
    ['an empty note', WRITE_OFF, { note: '  ' }, ['BAD_USER_INPUT']],
    ['a note of 501 characters', WRITE_OFF, { note: 'x'.repeat(501) }, ['BAD_USER_INPUT']],
    [
      'a card number',
      REAUTHORISE,
      { tender: { kind: 'CARD', token: '4111 1111 1111 1111' } },
      ['BAD_USER_INPUT'],
    ],
  ])('gets an error for %s', async (_, query, more, answer) => {
    const refused = await refusedCapture()
    const result = await act(query, refused, more)
    if (Array.isArray(answer)) expect(result).toEqual(answer)
    else expect(result).toMatchObject(answer)
  })
})

test('metrics count refusals by step and code, with unknown codes as other', async () => {
  await refusedCapture()
  const text = await (await fetch(`${payment.url}/metrics`)).text()
  expect(text).toMatch(/waybill_payment_refusals_total\{step="capture",code="declined"\} \d+/)
  expect(text).toContain('waybill_payment_refused_movements')
})
