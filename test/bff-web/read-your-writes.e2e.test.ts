import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import type { Order, Product } from '#schema/generated/bff-web.ts'
import { type RecordedBff, startRecordedBff } from '#test/bff-web/recorded-bff.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
} from '#testbed/shop-client.ts'

// Every query here is sent by a client that keeps no consistency token, straight after the command was answered.

let platform: TestPlatform
let edge: RecordedBff
let token: string
let opsToken: string
beforeAll(async () => {
  platform = await startPlatform()
  edge = await startRecordedBff(platform)
  await addProduct(platform, { sku: 'cap', price: '9.00', stock: { 'BER-1': 500 } })
  token = (await registerShopper(platform)).token
  opsToken = await platform.token('ops')
})
afterAll(async () => {
  await edge?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
})

const ask = <T>(query: string, variables?: object, as = token): Promise<T> =>
  edge.browser(as).data<T>(query, variables)

type Purchase = { readonly idempotencyKey: string } & Readonly<Record<string, unknown>>

async function buy(input: Purchase): Promise<string> {
  const { checkout } = await ask<CheckoutResponse>(CHECKOUT, {
    input: checkoutInput({ sku: 'cap', ...input }),
  })
  expect(checkout.__typename).toMatch(/^Order(Accepted|Pending)$/)
  return checkout.order?.id ?? ''
}

type Listed = {
  readonly orders: { readonly nodes: readonly { readonly id: string; readonly status: string }[] }
}
const LIST = '{ orders { nodes { id status } } }'
const PAGE =
  'query ($id: ID!) { order(id: $id) { status cancellationRequested returns { status } shipments { id status } } }'
const pageOf = async (id: string) => (await ask<{ order: Order | null }>(PAGE, { id })).order

describe('straight after', () => {
  test('registering, the profile exists and shows each change', async () => {
    const id = newId('customer')
    const as = await platform.token('customer', id)
    const register =
      'mutation ($input: RegisterCustomerInput!) { registerCustomer(input: $input) { __typename } }'
    const me = async () => (await ask<{ me: { name: string } | null }>('{ me { name } }', {}, as)).me
    expect(await me()).toBeNull()
    for (const name of ['Ada', 'Ada Lovelace']) {
      const input = { idempotencyKey: name, name, email: 'ada@shop.example' }
      await ask(register, { input }, as)
      const { result, requests } = await edge.during(me)
      expect(result).toEqual({ name })
      expect(requests).toEqual([]) // the command's result held the whole profile
    }
  })

  test('a checkout, the order is listed and has its page', async () => {
    for (const round of [1, 2, 3, 4, 5]) {
      await ask(LIST)
      const id = await buy({ idempotencyKey: `listed-${round}`, settleWithinMs: 0 })
      const [{ orders }, page] = await Promise.all([ask<Listed>(LIST), pageOf(id)])
      expect(orders.nodes[0]?.id).toBe(id)
      expect(page?.status).toMatch(/^[A-Z]+$/)
    }
  })

  test('a cancellation, the list and the page show it', async () => {
    const id = await buy({ idempotencyKey: 'to-cancel', deliveryInstructions: 'SANDBOX_HOLD' })
    await Promise.all([ask(LIST), pageOf(id)])
    const cancel =
      'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { ... on OrderCancelled { order { status cancellationRequested } } } }'
    const input = { idempotencyKey: 'cancel', orderId: id, settleWithinMs: 10_000 }
    expect(await ask(cancel, { input })).toMatchObject({ cancelOrder: { order: { status: 'CANCELLED' } } })
    const [{ orders }, page] = await Promise.all([ask<Listed>(LIST), pageOf(id)])
    expect(orders.nodes.find(node => node.id === id)?.status).toBe('CANCELLED')
    expect(page?.status).toBe('CANCELLED')
  })

  test('a return request and its decision, the page shows them', async () => {
    const id = await buy({ idempotencyKey: 'to-return', quantity: 2 })
    await expect.poll(async () => (await pageOf(id))?.status).toBe('COMPLETED')
    const request = `mutation ($input: RequestReturnInput!) { requestReturn(input: $input) {
      ... on ReturnRequested { return { id } } } }`
    const returned = { orderId: id, lines: [{ sku: 'cap', quantity: 1 }], reason: 'too small' }
    const { requestReturn } = await ask<{ requestReturn: { return: { id: string } } }>(request, {
      input: { idempotencyKey: 'return', ...returned },
    })
    expect((await pageOf(id))?.returns).toMatchObject([{ status: 'REQUESTED' }])
    const reject = 'mutation ($input: DecideReturnInput!) { rejectReturn(input: $input) { __typename } }'
    const input = { idempotencyKey: 'reject', orderId: id, returnId: requestReturn.return.id }
    expect(await ask(reject, { input }, opsToken)).toEqual({ rejectReturn: { __typename: 'ReturnDecided' } })
    const seen = await ask<{ order: Order }>(PAGE, { id }, opsToken)
    expect(seen.order.returns).toMatchObject([{ status: 'REJECTED' }])
  })

  test('a dispatch, the page shows the parcel on its way', async () => {
    const id = await buy({ idempotencyKey: 'to-dispatch', deliveryInstructions: 'SANDBOX_HOLD' })
    await expect.poll(async () => (await pageOf(id))?.shipments?.[0]?.status).toBe('LABELLED')
    const shipmentId = (await pageOf(id))?.shipments?.[0]?.id
    const dispatch =
      'mutation ($input: DispatchShipmentInput!) { dispatchShipment(input: $input) { __typename } }'
    const input = { idempotencyKey: 'dispatch', shipmentId }
    expect(await ask(dispatch, { input }, opsToken)).toEqual({
      dispatchShipment: { __typename: 'ShipmentChanged' },
    })
    const seen = await ask<{ order: Order }>(PAGE, { id }, opsToken)
    expect(seen.order.shipments?.[0]?.status).not.toBe('LABELLED')
  })
})

describe('staff straight after changing a product', () => {
  const PRODUCT =
    'query ($sku: ID!) { product(sku: $sku) { title price { amount } available stock { onHand } } }'
  const shown = async (sku: string) =>
    (await ask<{ product: Product | null }>(PRODUCT, { sku }, opsToken)).product
  const listed = async () => {
    const query = '{ products(first: 100) { nodes { sku available price { amount } } } }'
    type Reply = { products: { nodes: { sku: string; available: number; price: { amount: string } }[] } }
    return (await ask<Reply>(query, {}, opsToken)).products.nodes
  }
  const add = 'mutation ($input: AddProductInput!) { addProduct(input: $input) { __typename } }'
  const price = 'mutation ($input: ChangePriceInput!) { changePrice(input: $input) { __typename } }'
  const adjust = 'mutation ($input: AdjustStockInput!) { adjustStock(input: $input) { __typename } }'

  test('see the change on its page without another read, and in the catalogue', async () => {
    const sku = 'kite'
    expect(await shown(sku)).toBeNull()
    await listed()
    const steps = [
      [
        add,
        {
          title: 'Kite',
          price: { amount: '20.00', currency: 'USD' },
          weightGrams: 100,
          dimensions: { lengthCm: 1, widthCm: 1, heightCm: 1 },
          stock: [{ warehouse: 'BER-1', quantity: 5 }],
        },
        { price: { amount: '20.00' }, available: 5 },
      ],
      [price, { price: { amount: '21.00', currency: 'USD' } }, { price: { amount: '21.00' }, available: 5 }],
      [
        adjust,
        { warehouse: 'BER-1', quantity: 2, reason: 'found' },
        { price: { amount: '21.00' }, available: 7 },
      ],
    ] as const
    for (const [index, [command, fields, expected]] of steps.entries()) {
      await ask(command, { input: { idempotencyKey: `kite-${index}`, sku, ...fields } }, opsToken)
      const { result, requests } = await edge.during(() => shown(sku))
      expect(result).toEqual({ title: 'Kite', stock: [{ onHand: expected.available }], ...expected })
      expect(requests).toEqual([])
      expect(await listed()).toContainEqual({ sku, ...expected })
    }
  })
})
