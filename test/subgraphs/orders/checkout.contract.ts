// Orders through all four subgraphs: to completion, and every way in which they end otherwise. As a suite that takes a
// way to start them, so that every saga runner shows the same.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '#platform/auth/viewer.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import {
  anOrder,
  type Data,
  keyed,
  OPS,
  ORDER,
  PLACE,
  type Running,
  SUPPORT,
} from '#test/subgraphs/orders/orders-fixture.ts'

const SERVICE: Viewer = { role: 'service', subject: 'test' }

export function checkoutContract(name: string, start: () => Promise<Running>): void {
  describe(`on ${name}`, () => {
    let all: Running
    let ada: Viewer

    beforeAll(async () => {
      all = await start()
      ada = await all.newCustomer()
      await Promise.all([
        all.addProduct('MUG', { 'BER-1': 1000 }),
        all.addProduct('PAIR', { 'BER-1': 2, 'NYC-1': 2 }, '20.00'),
        all.addProduct('LAST', { 'BER-1': 1 }),
      ])
    })

    afterAll(() => all[Symbol.asyncDispose]())

    async function place(sku: string, changes: object = {}, viewer = ada): Promise<Data> {
      const { data, messages } = await all.request(viewer, PLACE, { variables: anOrder(sku, changes) })
      expect(messages).toEqual([])
      return data.placeOrder
    }

    async function orderOf(id: string, viewer: Viewer = SUPPORT): Promise<Data> {
      return (await all.request(viewer, ORDER, { variables: { id } })).data.order
    }

    /** Reads as a service, which sees the current state; the views of other roles follow a moment later. */
    async function available(sku: string): Promise<number> {
      const query = 'query($sku: ID!) { product(sku: $sku) { available } }'
      return (await all.request(SERVICE, query, { on: 'inventory', variables: { sku } })).data.product
        .available
    }

    const CANCEL = `mutation($input: CancelOrderInput!) { cancelOrder(input: $input) {
    __typename
    ... on Refusal { code message }
    ... on OrderCancellation { order { id status cancellationRequested cancellation { reason } } }
    ... on CannotCancel { status } } }`

    function cancel(orderId: string, viewer = ada): Promise<Data> {
      const variables = keyed({ orderId, settleWithinMs: 10_000 })
      return all.request(viewer, CANCEL, { variables }).then(({ data }) => data.cancelOrder)
    }

    describe('a successful order', () => {
      test('is confirmed, shipped, paid, delivered and completed', async () => {
        const placed = await place('MUG', { lines: [{ sku: 'MUG', quantity: 3 }], reference: 'PO-1' })
        expect(placed).toMatchObject({
          __typename: 'OrderAccepted',
          order: { status: 'CONFIRMED', itemsTotal: { amount: '30.00' }, allowedActions: ['CANCEL'] },
        })
        const { id, total } = placed.order
        await all.waitForEvent(id, 'OrderCompleted')
        const order = await orderOf(id)
        expect(order).toMatchObject({
          status: 'COMPLETED',
          reference: 'PO-1',
          allowedActions: ['REQUEST_RETURN'],
          lines: [
            { sku: 'MUG', title: 'A MUG', quantity: 3, shippedQuantity: 3, total: { amount: '30.00' } },
          ],
        })
        expect(order.timeline.map(({ type }: Data) => type)).toEqual([
          'OrderPlaced',
          'OrderConfirmed',
          'OrderShipped',
          'OrderDelivered',
          'OrderCompleted',
        ])
        await expect
          .poll(() => all.paymentOf(id), WAIT)
          .toMatchObject({ status: 'CAPTURED', captured: { amount: total.amount } })
      })

      test('ships goods from two warehouses in two parcels, each charged once', async () => {
        const placed = await place('PAIR', { lines: [{ sku: 'PAIR', quantity: 3 }] })
        const { id, total } = placed.order
        await all.waitForEvent(id, 'OrderCompleted')
        const { timeline } = await orderOf(id)
        expect(timeline.filter(({ type }: Data) => type === 'OrderShipped')).toHaveLength(2)
        await expect
          .poll(() => all.paymentOf(id), WAIT)
          .toMatchObject({ status: 'CAPTURED', captured: { amount: total.amount } })
      })

      test('may be paid by a voucher and a card, and waits for approval where that is needed', async () => {
        const voucher = { kind: 'VOUCHER', token: 'vch_spring', amount: { amount: '4.00', currency: 'USD' } }
        const { order } = await place('MUG', { tenders: [voucher, { kind: 'CARD', token: 'tok_approval' }] })
        await all.waitForEvent(order.id, 'OrderCompleted')
        const { timeline } = await orderOf(order.id)
        expect(timeline.map(({ type }: Data) => type)).toContain('PaymentApprovalAwaited')
      })
    })

    describe('an order that cannot be fulfilled', () => {
      test('is refused at once when too little is available, and leaves no order behind', async () => {
        const refused = await place('MUG', { lines: [{ sku: 'MUG', quantity: 5000 }] })
        expect(refused).toMatchObject({
          __typename: 'OutOfStock',
          code: 'OUT_OF_STOCK',
          cancelledOrder: null,
        })
        expect(refused.shortages[0]).toMatchObject({ sku: 'MUG', requested: 5000 })
      })

      test('is cancelled as out of stock when another order took the last unit', async () => {
        const answers = await Promise.all(Array.from({ length: 5 }, () => place('LAST')))
        const names = answers.map(answer => answer.__typename).sort()
        expect(names).toEqual(['OrderAccepted', ...Array(4).fill('OutOfStock')])
        for (const answer of answers.filter(({ __typename }) => __typename === 'OutOfStock'))
          expect(answer.shortages).toEqual([{ sku: 'LAST', requested: 1, available: 0 }])
      })

      test('is cancelled when the payment is declined, and its stock is free again', async () => {
        const before = await available('MUG')
        const declined = await place('MUG', { tenders: [{ kind: 'CARD', token: 'tok_insufficient_funds' }] })
        expect(declined).toMatchObject({
          __typename: 'PaymentDeclined',
          code: 'PAYMENT_DECLINED',
          retryable: true,
          cancelledOrder: {
            status: 'CANCELLED',
            cancellation: { reason: 'PAYMENT_DECLINED' },
            allowedActions: [],
          },
        })
        expect(await available('MUG')).toBe(before)
      })

      test('is cancelled when the carrier refuses it, and the authorisation is voided', async () => {
        const variables = anOrder('MUG', { deliveryInstructions: 'SANDBOX_REFUSE' })
        const { data } = await all.request(ada, PLACE, { variables })
        const { id } = data.placeOrder.order
        await all.waitForEvent(id, 'OrderCancelled')
        expect(await orderOf(id)).toMatchObject({
          status: 'CANCELLED',
          cancellation: { reason: 'CARRIER_REFUSED' },
        })
        await expect
          .poll(() => all.paymentOf(id), WAIT)
          .toMatchObject({ status: 'VOIDED', captured: { amount: '0.00' } })
        const again = await all.request(ada, PLACE, { variables })
        expect(again.data.placeOrder).toMatchObject({
          __typename: 'OrderNotFulfilled',
          code: 'ORDER_NOT_FULFILLED',
          order: { id },
        })
      })
    })

    describe('a cancellation', () => {
      test('releases stock and money before dispatch', async () => {
        const { order } = await place('MUG', { deliveryInstructions: 'SANDBOX_HOLD' })
        expect(await cancel(order.id)).toMatchObject({
          __typename: 'OrderCancellation',
          order: { status: 'CANCELLED', cancellation: { reason: 'CUSTOMER_REQUEST' } },
        })
        await expect.poll(() => all.paymentOf(order.id), WAIT).toMatchObject({ status: 'VOIDED' })
        expect(await cancel(order.id)).toMatchObject({ __typename: 'OrderCancellation' })
      })

      test('is refused with the order after dispatch', async () => {
        const { order } = await place('MUG', { deliveryInstructions: 'SANDBOX_STOP_AFTER_DISPATCH' })
        await all.waitForEvent(order.id, 'OrderShipped')
        expect(await cancel(order.id)).toMatchObject({
          __typename: 'CannotCancel',
          code: 'ORDER_SHIPPED',
          status: 'SHIPPED',
        })
      })

      test('of another customer’s order is refused as not found', async () => {
        const { order } = await place('MUG', { deliveryInstructions: 'SANDBOX_HOLD' })
        const stranger = await all.newCustomer('Eve')
        const theirs = await cancel(order.id, stranger)
        const none = await cancel('ord_0190a5b2-7c1e-7000-8000-0123456789ab', stranger)
        expect(theirs).toEqual({
          __typename: 'CannotCancel',
          code: 'ORDER_NOT_FOUND',
          message: 'There is no such order.',
          status: null,
        })
        expect(none).toEqual(theirs)
      })
    })

    describe('a return', () => {
      const ASK = `mutation($input: RequestReturnInput!) { requestReturn(input: $input) {
      __typename
      ... on Refusal { code message }
      ... on ReturnRequested { return { id status refund { amount } } order { id returns { id } } } } }`
      const decide = (mutation: 'receiveReturn' | 'rejectReturn') =>
        `mutation($input: DecideReturnInput!) { ${mutation}(input: $input) {
        __typename
        ... on Refusal { code message }
        ... on ReturnDecided { return { id status } order { status } } } }`

      test('refunds and restocks the goods, and the order is returned with its last unit', async () => {
        const { order } = await place('MUG', { lines: [{ sku: 'MUG', quantity: 2 }] })
        await all.waitForEvent(order.id, 'OrderCompleted')
        const asked = await all.request(ada, ASK, {
          variables: keyed({ orderId: order.id, lines: [{ sku: 'MUG', quantity: 2 }], reason: 'Too blue' }),
        })
        expect(asked.data.requestReturn).toMatchObject({
          __typename: 'ReturnRequested',
          return: { status: 'REQUESTED', refund: { amount: '20.00' } },
        })
        const before = await available('MUG')
        const variables = keyed({ orderId: order.id, returnId: asked.data.requestReturn.return.id })
        const received = await all.request(OPS, decide('receiveReturn'), { variables })
        expect(received.data.receiveReturn).toMatchObject({
          __typename: 'ReturnDecided',
          return: { status: 'RECEIVED' },
          order: { status: 'RETURNED' },
        })
        await all.waitForEvent(order.id, 'ReturnRefunded')
        expect(await available('MUG')).toBe(before + 2)
        await expect
          .poll(() => all.paymentOf(order.id), WAIT)
          .toMatchObject({ refunded: { amount: '20.00' } })
        expect(await orderOf(order.id)).toMatchObject({
          returns: [{ status: 'REFUNDED' }],
          allowedActions: [],
        })
      })

      test('is decided by staff, and repeating a command changes nothing', async () => {
        const { order } = await place('MUG')
        await all.waitForEvent(order.id, 'OrderCompleted')
        const request = keyed({ orderId: order.id, lines: [{ sku: 'MUG', quantity: 1 }], reason: 'Broken' })
        const [first, second] = [
          await all.request(ada, ASK, { variables: request }),
          await all.request(ada, ASK, { variables: request }),
        ]
        expect(second.data).toEqual(first.data)
        const decision = keyed({ orderId: order.id, returnId: first.data.requestReturn.return.id })
        expect((await all.request(ada, decide('rejectReturn'), { variables: decision })).codes).toEqual([
          'FORBIDDEN',
        ])
        const rejected = await all.request(SUPPORT, decide('rejectReturn'), { variables: decision })
        expect(rejected.data.rejectReturn).toMatchObject({ return: { status: 'REJECTED' } })
        expect((await all.request(SUPPORT, decide('rejectReturn'), { variables: decision })).data).toEqual(
          rejected.data,
        )
        const received = await all.request(SUPPORT, decide('receiveReturn'), { variables: decision })
        expect(received.data.receiveReturn).toMatchObject({
          __typename: 'CannotReturn',
          code: 'RETURN_REJECTED',
        })
      })

      test('is refused before delivery, and for somebody else’s order', async () => {
        const { order } = await place('MUG', { deliveryInstructions: 'SANDBOX_HOLD' })
        const variables = () =>
          keyed({ orderId: order.id, lines: [{ sku: 'MUG', quantity: 1 }], reason: 'Broken' })
        const early = await all.request(ada, ASK, { variables: variables() })
        expect(early.data.requestReturn).toMatchObject({ code: 'ORDER_NOT_DELIVERED' })
        const theirs = await all.request(await all.newCustomer('Eve'), ASK, { variables: variables() })
        expect(theirs.data.requestReturn).toMatchObject({ code: 'ORDER_NOT_FOUND' })
      })
    })
  })
}
