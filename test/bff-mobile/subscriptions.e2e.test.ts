// The mobile subscriptions against the whole platform: who may watch what, in which language, and where they go on.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { encodeCursor } from '#bff/order-feed/cursor.ts'
import { newId } from '#platform/domain/ids.ts'
import type { Order, OrderChange, OrdersChange } from '#schema/generated/bff-mobile.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { subscribe } from '#test/fixtures/subscription-client.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { ADDRESS, addProduct, registerShopper, type Shopper } from '#testbed/shop-client.ts'

let platform: TestPlatform
let ada: Shopper
let eve: Shopper
beforeAll(async () => {
  platform = await startPlatform({
    CARRIER_SANDBOX_STEP_MS: '3600000', // parcels stay where they are
    CAPTURE_AT: 'dispatch', // and so does their money
  })
  await addProduct(platform, { sku: 'mug', price: '12.00', stock: { 'BER-1': 500 } })
  ;[ada, eve] = await Promise.all([registerShopper(platform, 'Ada'), registerShopper(platform, 'Eve')])
})
afterAll(() => platform?.[Symbol.asyncDispose]())

let orders = 0
async function place({ token }: Shopper): Promise<string> {
  orders += 1
  const query =
    'mutation ($input: CheckoutInput!) { checkout(input: $input) { ... on OrderAccepted { order { id } } ... on OrderPending { order { id } } } }'
  const input = {
    idempotencyKey: `live-${orders}`,
    lines: [{ sku: 'mug', quantity: 1 }],
    tenders: [{ kind: 'CARD', token: 'tok_approve' }],
    deliveryAddress: ADDRESS,
  }
  const reply = await platform.send<{ checkout: { order: Order } }>('bff-mobile', token, query, { input })
  return reply.data.checkout.order.id
}

async function cancel({ token }: Shopper, id: string): Promise<void> {
  const query =
    'mutation ($id: ID!, $key: String!) { cancelOrder(input: { idempotencyKey: $key, orderId: $id }) { __typename } }'
  await platform.send('bff-mobile', token, query, { id, key: `cancel-${id}` })
}

const ONE = `subscription ($id: ID!, $after: String) { orderChanges(id: $id, after: $after) {
  kind cursor events { cursor id type service orderId at } order { id statusText tone headline notices { section } } } }`
const ALL = `subscription ($after: String, $first: Int) { myOrderChanges(after: $after, first: $first) {
  kind cursor events { cursor id type service orderId } orders { id title statusText } } }`

const follow = <Data>({ token }: Shopper, query: string, variables: object, language = 'en') =>
  subscribe<Data>({
    url: platform.urls['bff-mobile'],
    token,
    query,
    variables: { ...variables },
    headers: { 'accept-language': language },
  })
const followOne = (who: Shopper, variables: object, language?: string) =>
  follow<{ orderChanges: OrderChange }>(who, ONE, variables, language)
const followAll = (who: Shopper, variables: object) =>
  follow<{ myOrderChanges: OrdersChange }>(who, ALL, variables)

const isCancelled = ({ type }: { readonly type: string }) => type === 'ORDER_CANCELLED'

describe('a subscription to one order', () => {
  test('begins with the present order, then yields its changes, in the language of the connection', async () => {
    const id = await place(ada)
    await using subscriber = followOne(ada, { id }, 'pt-BR')
    const { orderChanges: present } = await subscriber.next()
    expect(present).toMatchObject({ kind: 'PRESENT', events: [], order: { id, statusText: 'Confirmado' } })
    await cancel(ada, id)
    const seen = await subscriber.until(({ orderChanges }) => orderChanges.events.some(isCancelled))
    expect(seen.at(-1)?.orderChanges).toMatchObject({
      kind: 'CHANGED',
      order: { statusText: 'Cancelado', tone: 'PROBLEM', headline: 'Cancelado a seu pedido', notices: [] },
    })
    const events = seen.flatMap(({ orderChanges }) => orderChanges.events)
    expect(new Set(events.map(event => event.id)).size).toBe(events.length)
    for (const event of events) expect(event).toMatchObject({ orderId: id, cursor: expect.any(String) })
  })

  test('resumes from the cursor of a change, or of an event', async () => {
    const id = await place(ada)
    await using first = followOne(ada, { id })
    const { orderChanges: present } = await first.next()
    await cancel(ada, id)
    const seen = await first.until(({ orderChanges }) => orderChanges.events.some(isCancelled))
    const events = seen.flatMap(({ orderChanges }) => orderChanges.events)

    await using again = followOne(ada, { id, after: present.cursor })
    const missed = await again.until(({ orderChanges }) => orderChanges.events.some(isCancelled))
    expect(missed.every(({ orderChanges }) => orderChanges.kind === 'CHANGED')).toBe(true)
    const received = missed.flatMap(({ orderChanges }) => orderChanges.events)
    const own = (list: readonly { readonly service: string; readonly id: string }[]) =>
      list.filter(({ service }) => service === 'ORDERS').map(event => event.id)
    expect(own(received)).toEqual(own(events))

    const requested = received.find(({ type }) => type === 'CANCELLATION_REQUESTED')
    await using rest = followOne(ada, { id, after: requested?.cursor })
    const behind = await rest.until(({ orderChanges }) => orderChanges.events.some(isCancelled))
    const types = behind.flatMap(({ orderChanges }) => orderChanges.events).map(({ type }) => type)
    expect(types).not.toContain('CANCELLATION_REQUESTED')
  })

  test.each([
    ["another customer's order", () => place(eve), /not yours/],
    ['an order that does not exist', async () => newId('order'), /not yours/],
    ['a malformed id', async () => 'W123', /should be an id/],
  ])('is refused for %s', async (_what, idOf, message) => {
    const id = await idOf()
    await using subscriber = followOne(ada, { id })
    await expect(subscriber.next()).rejects.toThrow(message)
  })

  test('is open to staff', async () => {
    const id = await place(ada)
    const sam = { id: 'sam', token: await platform.token('support') }
    // Others than the one who placed it see it once the event has come here.
    await vi.waitFor(async () => {
      await using subscriber = followOne(sam, { id })
      expect((await subscriber.next()).orderChanges.order.id).toBe(id)
    }, WAIT)
  })

  test.each([
    ['junk', () => 'junk', /not one of ours/],
    ['of another order', () => encodeCursor({ order: newId('order') }, {}), /another subscription/],
    ['of all orders', () => encodeCursor({ customer: ada.id }, {}), /another subscription/],
  ])('does not go on behind a cursor that is %s', async (_what, cursorOf, message) => {
    const id = await place(ada)
    await using subscriber = followOne(ada, { id, after: cursorOf() })
    await expect(subscriber.next()).rejects.toThrow(message)
  })
})

describe("a subscription to a customer's orders", () => {
  test('begins with the newest orders, then yields the changes of all of them, and of no others', async () => {
    const ids = [await place(eve), await place(eve)]
    const foreign = await place(ada)
    await using subscriber = followAll(eve, { first: 2 })
    const { myOrderChanges: present } = await subscriber.next()
    expect(present).toMatchObject({ kind: 'PRESENT', orders: ids.toReversed().map(id => ({ id })) })
    await cancel(ada, foreign)
    await cancel(eve, ids[0] ?? '')
    const placed = await place(eve)
    const seen = await subscriber.until(({ myOrderChanges }) =>
      myOrderChanges.events.some(({ type, orderId }) => type === 'ORDER_CONFIRMED' && orderId === placed),
    )
    const changes = seen.map(({ myOrderChanges }) => myOrderChanges)
    const about = new Set(changes.flatMap(({ events }) => events).map(({ orderId }) => orderId))
    expect(about).toContain(ids[0])
    expect(about).toContain(placed)
    expect(about).not.toContain(foreign)
    for (const { events, orders: cards } of changes)
      expect(new Set(cards.map(({ id }) => id))).toEqual(new Set(events.map(({ orderId }) => orderId)))
  })

  test('is for customers only, and begins with 0 to 50 orders', async () => {
    await using none = followAll(ada, { first: 0 })
    expect((await none.next()).myOrderChanges.orders).toEqual([])
    await using staff = followAll({ id: 'sam', token: await platform.token('support') }, {})
    await expect(staff.next()).rejects.toThrow(/role customer/)
    await using many = followAll(ada, { first: 51 })
    await expect(many.next()).rejects.toThrow(/0 to 50/)
  })
})
