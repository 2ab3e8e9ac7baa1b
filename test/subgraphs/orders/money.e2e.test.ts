// Tests the money of an order through all four subgraphs: the quoted fee, free tenders, and refunds.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '#platform/auth/viewer.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import {
  anOrder,
  type Data,
  keyed,
  OPS,
  PLACE,
  type Running,
  runSubgraphs,
  SUPPORT,
} from '#test/subgraphs/orders/orders-fixture.ts'

const KETTLE = { lengthCm: 28, widthCm: 18, heightCm: 22 }
const usd = (amount: string) => ({ amount, currency: 'USD' })
const AMERICA = {
  ...{ name: 'Ada', line1: '1 Example Street', city: 'New York', region: 'NY' },
  ...{ postalCode: '10001', country: 'US' },
}

let all: Running
let ada: Viewer
beforeAll(async () => {
  all = await runSubgraphs()
  ada = await all.newCustomer()
  await Promise.all([
    all.addProduct('KETTLE', { 'BER-1': 10 }, '59.00', KETTLE),
    all.addProduct('JAM', { 'BER-1': 100 }, '6.00'),
    all.addProduct('TEA', { 'BER-1': 100 }, '4.00'),
    all.addProduct('SOCK', { 'BER-1': 1, 'NYC-1': 1 }),
    all.addProduct('SHOE', { 'BER-1': 1, 'NYC-1': 1 }),
  ])
})
afterAll(() => all?.[Symbol.asyncDispose]())

async function place(viewer: Viewer, sku: string, changes: object): Promise<Data> {
  const { data, messages } = await all.request(viewer, PLACE, { variables: anOrder(sku, changes) })
  expect(messages).toEqual([])
  return data.placeOrder
}

/** An order that staff places for ada, at prices of its own. */
function agreed(lines: object[], fee: string, changes: object = {}): Promise<Data> {
  return place(OPS, 'NONE', { customerId: ada.subject, lines, agreedShippingFee: usd(fee), ...changes })
}

async function sendBack(orderId: string, lines: object[]): Promise<Data> {
  const request = `mutation($input: RequestReturnInput!) { requestReturn(input: $input) {
    ... on Refusal { message } ... on ReturnRequested { return { id refund { amount } } } } }`
  const receive = `mutation($input: DecideReturnInput!) { receiveReturn(input: $input) {
    ... on Refusal { message } ... on ReturnDecided { return { id } } } }`
  const asked = await all.request(ada, request, { variables: keyed({ orderId, lines, reason: 'Too blue' }) })
  const { return: requested } = asked.data.requestReturn
  await all.request(OPS, receive, { variables: keyed({ orderId, returnId: requested.id }) })
  await all.waitForEvent(orderId, 'ReturnRefunded')
  return requested
}

describe('shipping', () => {
  const ESTIMATE = `query($of: [_Any!]!) { _entities(representations: $of) { ... on Product {
    shippingEstimate(country: "US", currency: "USD") { fee { amount } } } } }`

  test('costs for an order of a bulky unit what its product page shows, by its size', async () => {
    const of = [{ __typename: 'Product', sku: 'KETTLE', weightGrams: 400, dimensions: KETTLE }]
    const { data } = await all.request(undefined, ESTIMATE, { on: 'shipping', variables: { of } })
    const placed = await place(ada, 'KETTLE', {
      deliveryAddress: AMERICA,
      deliveryInstructions: 'SANDBOX_HOLD',
    })
    expect(data._entities).toEqual([{ shippingEstimate: { fee: { amount: '43.10' } } }])
    expect(placed).toMatchObject({ __typename: 'OrderAccepted', order: { shippingFee: { amount: '43.10' } } })
  })

  test('is BAD_USER_INPUT beyond the tariff’s maximum weight', async () => {
    await all.addProduct('PIANO', { 'BER-1': 2 }, '9.00', { lengthCm: 200, widthCm: 200, heightCm: 100 })
    const heavy = anOrder('PIANO', { lines: [{ sku: 'PIANO', quantity: 2 }] })
    const { codes, messages } = await all.request(ada, PLACE, { variables: heavy })
    expect([codes, messages]).toEqual([
      ['BAD_USER_INPUT'],
      [
        'lines: The goods are charged as 1600000 g by their weight and size; up to 1000000 g are shipped at the tariff.',
      ],
    ])
  })
})

describe('tenders', () => {
  test('a voucher that covers the total leaves the card uncharged', async () => {
    const tenders = [
      { kind: 'VOUCHER', token: 'vch_gift', amount: usd('8.00') },
      { kind: 'CARD', token: 'tok_decline' },
    ]
    const lines = [{ sku: 'TEA', quantity: 1 }]
    const { order } = await agreed(lines, '4.00', { tenders, deliveryInstructions: 'SANDBOX_FAST' })
    await all.waitForEvent(order.id, 'OrderCompleted')
    await expect
      .poll(() => all.paymentOf(order.id), WAIT)
      .toMatchObject({
        status: 'CAPTURED',
        tenders: [{ kind: 'VOUCHER', captured: { amount: '8.00' } }],
      })
  })

  test('an order that is free needs none, and is delivered', async () => {
    const gift = { tenders: [], adjustments: [{ label: 'Gift', amount: usd('-8.00') }] }
    const lines = [{ sku: 'TEA', quantity: 1 }]
    const placed = await agreed(lines, '4.00', { ...gift, deliveryInstructions: 'SANDBOX_FAST' })
    expect(placed).toMatchObject({ __typename: 'OrderAccepted', order: { total: { amount: '0.00' } } })
    await all.waitForEvent(placed.order.id, 'OrderCompleted')
    expect(await all.paymentOf(placed.order.id)).toBeNull()
  })

  test('an order that costs something is refused without one, with what to do', async () => {
    expect(await agreed([{ sku: 'TEA', quantity: 1 }], '4.00', { tenders: [] })).toMatchObject({
      __typename: 'TenderMismatch',
      message: 'The order comes to 8.00 USD, and no tender pays for it: give one.',
    })
  })
})

describe('money back', () => {
  const both = [
    { sku: 'JAM', quantity: 1 },
    { sku: 'TEA', quantity: 1 },
  ]

  test.each([
    ['0.00', '-1.00', '9.00'],
    ['4.00', '-1.00', '9.00'],
    ['4.00', '-5.00', '5.00'],
  ])('for all goods with a fee of %s and a discount of %s is %s', async (fee, discount, expected) => {
    const adjustments = [{ label: 'discount', amount: usd(discount) }]
    const { order } = await agreed(both, fee, { adjustments, deliveryInstructions: 'SANDBOX_FAST' })
    await all.waitForEvent(order.id, 'OrderCompleted')
    expect(await sendBack(order.id, both)).toMatchObject({ refund: { amount: expected } })
    await expect.poll(() => all.paymentOf(order.id), WAIT).toMatchObject({ refunded: { amount: expected } })
  })

  test('goes to the voucher first, and to the card for the rest', async () => {
    const tenders = [
      { kind: 'CARD', token: 'tok_approve' },
      { kind: 'VOUCHER', token: 'vch_gift', amount: usd('5.00') },
    ]
    const { order } = await agreed(both, '4.00', { tenders, deliveryInstructions: 'SANDBOX_FAST' })
    await all.waitForEvent(order.id, 'OrderCompleted')
    await sendBack(order.id, both)
    await expect
      .poll(() => all.paymentOf(order.id), WAIT)
      .toMatchObject({
        refunded: { amount: '10.00' },
        tenders: [
          { kind: 'CARD', refunded: { amount: '5.00' } },
          { kind: 'VOUCHER', refunded: { amount: '5.00' } },
        ],
      })
  })

  test.each([
    ['SOCK', 'NYC-1', { loss: '4.50', back: '10.00' }],
    ['SHOE', 'BER-1', { loss: '12.50', back: '2.00' }],
  ])('for a unit of %s lost from %s and one returned is the price of both', async (sku, from, expected) => {
    const lines = ['10.00', '2.00'].map(price => ({ sku, quantity: 1, agreedUnitPrice: usd(price) }))
    const { order } = await agreed(lines, '5.00', { deliveryInstructions: 'SANDBOX_HOLD' })
    const shipments = await shipmentsOf(order.id)
    const lost = shipments.filter(({ warehouse }: Data) => warehouse === from)
    const arrived = shipments.filter(({ warehouse }: Data) => warehouse !== from)
    await carry([...lost, ...arrived], 'DISPATCHED')
    await carry(lost, 'LOST')
    await carry(arrived, 'DELIVERED')
    await all.waitForEvent(order.id, 'OrderCompleted')
    await expect
      .poll(() => all.paymentOf(order.id), WAIT)
      .toMatchObject({ refunded: { amount: expected.loss } })
    const { refund } = await sendBack(order.id, [{ sku, quantity: 1 }])
    expect(refund).toEqual({ amount: expected.back })
    await expect.poll(() => all.paymentOf(order.id), WAIT).toMatchObject({ refunded: { amount: '14.50' } })
  })

  async function shipmentsOf(orderId: string): Promise<Data[]> {
    const query = `query($of: [_Any!]!) { _entities(representations: $of) { ... on Order {
      shipments { id warehouse status trackingNumber } } } }`
    const variables = { of: [{ __typename: 'Order', id: orderId }] }
    const read = async () =>
      (await all.request(SUPPORT, query, { on: 'shipping', variables })).data._entities[0].shipments
    await expect.poll(read, WAIT).toMatchObject([{ status: 'LABELLED' }, { status: 'LABELLED' }])
    return read()
  }

  async function carry(shipments: Data[], status: string): Promise<void> {
    const notices = shipments.map(({ id, trackingNumber }) => ({
      ...{ id: randomUUID(), reference: id, trackingNumber, status },
      ...{ at: new Date().toISOString(), text: status },
    }))
    expect(await all.notifyCarrier(notices)).toBe(204)
  }
})
