import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { OrderChange, OrdersChange } from '#schema/generated/bff-web.ts'
import { type GraphSession, openGraphSession } from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { type SubscriptionClient, subscribe } from '#test/fixtures/subscription-client.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
  type Shopper,
} from '#testbed/shop-client.ts'

let platform: TestPlatform
let shopper: Shopper
let stranger: Shopper
let customer: GraphSession
let supportToken: string
beforeAll(async () => {
  platform = await startPlatform({
    CARRIER_SANDBOX_STEP_MS: '3600000', // parcels stay where they are
    CAPTURE_AT: 'dispatch', // and so does their money
  })
  await addProduct(platform, { sku: 'mug', price: '12.00', stock: { 'BER-1': 100 } })
  shopper = await registerShopper(platform)
  stranger = await registerShopper(platform)
  customer = openGraphSession(platform, 'bff-web', shopper.token)
  supportToken = await platform.token('support')
})
afterAll(() => platform?.[Symbol.asyncDispose]())

async function buy(idempotencyKey: string, browser = customer, settleWithinMs = 10_000): Promise<string> {
  const deliveryInstructions = 'SANDBOX_HOLD'
  const input = checkoutInput({ idempotencyKey, sku: 'mug', deliveryInstructions, settleWithinMs })
  const { checkout } = await browser.data<CheckoutResponse>(CHECKOUT, { input })
  expect(checkout.__typename).toMatch(/^Order(Accepted|Pending)$/)
  return checkout.order?.id ?? ''
}

async function cancel(orderId: string): Promise<void> {
  const input = { idempotencyKey: `cancel-${orderId}`, orderId, settleWithinMs: 10_000 }
  const mutation = 'mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { __typename } }'
  expect(await customer.data(mutation, { input })).toEqual({
    cancelOrder: { __typename: 'OrderCancelled' },
  })
}

const EVENTS = 'events { cursor id type service orderId at }'
type One = { readonly orderChanges: OrderChange }
type Many = { readonly changes: OrdersChange }

function watchOne(id: string, after?: string, token = shopper.token): SubscriptionClient<One> {
  const query = `subscription ($id: ID!, $after: String) { orderChanges(id: $id, after: $after) {
    kind cursor ${EVENTS} order { id status payments { status } notices { section } } } }`
  return subscribe<One>({ url: platform.urls['bff-web'], token, query, variables: { id, after } })
}

function watchMany(
  field: string,
  token: string,
  variables: { after?: string } = {},
): SubscriptionClient<Many> {
  const query = `subscription ($after: String) { changes: ${field} {
    kind cursor ${EVENTS} orders { id status customer { id } lines { sku } } } }`
  return subscribe<Many>({ url: platform.urls['bff-web'], token, query, variables })
}
const mine = (token: string, after?: string) =>
  watchMany('myOrderChanges(after: $after, first: 5)', token, after === undefined ? {} : { after })

const typesOf = (changes: readonly OrdersChange[] | readonly OrderChange[]) =>
  changes.flatMap(({ events }) => events.map(({ type }) => type))

describe('the changes of an order', () => {
  test('begin with the present order, and go on with its events', async () => {
    const id = await buy('present')
    await using client = watchOne(id)
    const { orderChanges: present } = await client.next()
    expect(present).toMatchObject({
      kind: 'PRESENT',
      events: [],
      order: { id, status: 'CONFIRMED', notices: [] },
    })
    await cancel(id)
    const hasEnded = ({ orderChanges }: One) => typesOf([orderChanges]).includes('ORDER_CANCELLED')
    const seen = (await client.until(hasEnded)).map(({ orderChanges }) => orderChanges)
    expect(new Set(seen.map(({ kind }) => kind))).toEqual(new Set(['CHANGED']))
    expect(new Set(seen.flatMap(({ events }) => events.map(({ orderId }) => orderId)))).toEqual(new Set([id]))
    expect(
      typesOf(seen).filter(type => type.startsWith('CANCELLATION') || type === 'ORDER_CANCELLED'),
    ).toEqual(['CANCELLATION_REQUESTED', 'ORDER_CANCELLED'])
    expect(seen.at(-1)?.order.status).toBe('CANCELLED')
    expect(seen.at(-1)?.cursor).toBe(seen.at(-1)?.events.at(-1)?.cursor)
  })

  test('resume from a cursor with exactly the missed events', async () => {
    const id = await buy('missed')
    const first = watchOne(id)
    const { orderChanges: present } = await first.next()
    await first[Symbol.asyncDispose]()
    await cancel(id)
    const missed = async () => {
      await using client = watchOne(id, present.cursor)
      const seen = await client.until(({ orderChanges }) =>
        typesOf([orderChanges]).includes('ORDER_CANCELLED'),
      )
      return seen.map(({ orderChanges }) => orderChanges)
    }
    const seen = await missed()
    expect(seen.map(({ kind }) => kind)).not.toContain('PRESENT')
    const ids = seen.flatMap(({ events }) => events.map(event => event.id))
    expect(new Set(ids).size).toBe(ids.length)
    const ofOrders = (changes: readonly OrderChange[]) =>
      changes.flatMap(({ events }) =>
        events.filter(({ service }) => service === 'ORDERS').map(({ id }) => id),
      )
    expect(ofOrders(await missed())).toEqual(ofOrders(seen))

    // Behind the event before it, the cancellation is the next one of its service, and nothing comes twice.
    const events = seen.flatMap(change => change.events)
    const cancelled = events.findIndex(({ type }) => type === 'ORDER_CANCELLED')
    await using rest = watchOne(id, events[cancelled - 1]?.cursor)
    const later = await rest.until(({ orderChanges }) => ofOrders([orderChanges]).length > 0)
    const changes = later.map(({ orderChanges }) => orderChanges)
    expect(ofOrders(changes)[0]).toBe(events[cancelled]?.id)
    const known = events.slice(0, cancelled).map(event => event.id)
    expect(changes.flatMap(change => change.events).filter(event => known.includes(event.id))).toEqual([])
  })

  test('are visible only to those who may see the order, and accept only its own cursors', async () => {
    const id = await buy('private')
    // Others than the one who placed it see it once the event has come here.
    await vi.waitFor(async () => {
      await using staff = watchOne(id, undefined, supportToken)
      expect((await staff.next()).orderChanges.order.id).toBe(id)
    }, WAIT)
    await using other = watchOne(id, undefined, stranger.token)
    await expect(other.next()).rejects.toThrow(/not yours/)
    await using none = watchOne('nonsense')
    await expect(none.next()).rejects.toThrow(/id: should be an id/)
    await using junk = watchOne(id, 'junk')
    await expect(junk.next()).rejects.toThrow(/cursor/)
    const { changes } = await mine(shopper.token).next()
    await using foreign = watchOne(id, changes.cursor)
    await expect(foreign.next()).rejects.toThrow(/cursor/)
  })
})

describe("the changes of a customer's orders", () => {
  test("begin with the newest orders, and contain no other customer's", async () => {
    const bought = [await buy('one'), await buy('two')]
    await using client = mine(shopper.token)
    const { changes: present } = await client.next()
    expect(present.kind).toBe('PRESENT')
    expect(present.orders.slice(0, 2).map(({ id }) => id)).toEqual(bought.toReversed())

    const other = openGraphSession(platform, 'bff-web', stranger.token)
    await buy('theirs', other)
    const id = await buy('three', customer, 0)
    // Events of different services have no common order, and the order shows more than they tell.
    const wanted = new Set(['placed', 'confirmed'])
    const seen = await client.until(({ changes }) => {
      if (changes.events.some(({ orderId, type }) => orderId === id && type === 'ORDER_PLACED'))
        wanted.delete('placed')
      if (changes.orders.some(order => order.id === id && order.status === 'CONFIRMED'))
        wanted.delete('confirmed')
      return wanted.size === 0
    })
    for (const { changes } of seen) {
      for (const order of changes.orders) expect(order.customer.id).toBe(shopper.id)
      const about = new Set(changes.events.map(({ orderId }) => orderId))
      expect(new Set(changes.orders.map(order => order.id))).toEqual(about)
    }
  })

  test('resume from a cursor', async () => {
    const first = mine(shopper.token)
    const { changes: present } = await first.next()
    await first[Symbol.asyncDispose]()
    const id = await buy('while away')
    await using again = mine(shopper.token, present.cursor)
    const placed = (event: OrdersChange['events'][number]) =>
      event.orderId === id && event.type === 'ORDER_PLACED'
    // Earlier orders of the customer may go on first.
    const seen = await again.until(({ changes }) => changes.events.some(placed))
    expect(new Set(seen.map(({ changes }) => changes.kind))).toEqual(new Set(['CHANGED']))
  })

  test('are for customers only, and begin with 0 to 50 orders', async () => {
    await using support = mine(supportToken)
    await expect(support.next()).rejects.toThrow(/role customer/)
    await using many = watchMany('myOrderChanges(after: $after, first: 51)', shopper.token)
    await expect(many.next()).rejects.toThrow(/from 0 to 50/)
    await using none = watchMany('myOrderChanges(after: $after, first: 0)', shopper.token)
    expect((await none.next()).changes).toMatchObject({ kind: 'PRESENT', orders: [] })
  })
})

describe('the feed of operations', () => {
  test('shows the orders of all customers to staff', async () => {
    await using client = watchMany('operationsFeed(after: $after)', supportToken)
    expect((await client.next()).changes).toMatchObject({ kind: 'PRESENT', orders: [], events: [] })
    const other = openGraphSession(platform, 'bff-web', stranger.token)
    const bought = new Set([await buy('ours'), await buy('theirs too', other)])
    const seen = new Set<string>()
    await client.until(({ changes }) => {
      for (const { id, status } of changes.orders) if (status === 'CONFIRMED') seen.add(id)
      return [...bought].every(id => seen.has(id))
    })
    await using closed = watchMany('operationsFeed(after: $after)', shopper.token)
    await expect(closed.next()).rejects.toThrow(/role support/)
  })
})
