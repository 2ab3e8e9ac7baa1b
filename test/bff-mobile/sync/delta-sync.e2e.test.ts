// Delta sync against the whole platform: a phone's copy is filled, follows, forgets what ages, at any size.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeCursor } from '#bff/order-feed/cursor.ts'
import { decodeSyncCursor, encodeSyncCursor } from '#bff-mobile/sync/sync-cursor.ts'
import { newId } from '#platform/domain/ids.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { Order, OrdersChange } from '#schema/generated/bff-mobile.ts'
import type { OrderStatus } from '#subgraphs/orders/domain/events.ts'
import { absent, evolve } from '#subgraphs/orders/domain/order.ts'
import { ordersView, stages } from '#subgraphs/orders/queries/views.ts'
import { openSyncClient, type SyncClient } from '#test/bff-mobile/sync/sync-client.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { subscribe } from '#test/fixtures/subscription-client.ts'
import { must, placedEvent } from '#test/subgraphs/orders/domain/order-fixture.ts'
import { ADDRESS, addProduct, registerShopper, type Shopper } from '#testbed/shop-client.ts'

const DAY_MS = 24 * 3_600_000
let platform: TestPlatform
beforeAll(async () => {
  platform = await startPlatform({
    CARRIER_SANDBOX_STEP_MS: '3600000', // parcels stay where they are
    CAPTURE_AT: 'dispatch', // and so does their money
  })
  await addProduct(platform, { sku: 'mug', price: '12.00', stock: { 'BER-1': 500 } })
})
afterAll(() => platform?.[Symbol.asyncDispose]())

async function newPhone(headers = {}): Promise<{ shopper: Shopper; phone: SyncClient }> {
  const shopper = await registerShopper(platform)
  return { shopper, phone: openSyncClient(platform, shopper.token, headers) }
}

const PLACE =
  'mutation ($input: CheckoutInput!) { checkout(input: $input) { ... on OrderAccepted { order { id } } ... on OrderPending { order { id } } } }'
let orders = 0
async function place(phone: SyncClient): Promise<string> {
  orders += 1
  const { data } = await phone.ask<{ checkout: { order: Order } }>(PLACE, {
    input: {
      idempotencyKey: `sync-${orders}`,
      lines: [{ sku: 'mug', quantity: 1 }],
      tenders: [{ kind: 'CARD', token: 'tok_approve' }],
      deliveryAddress: ADDRESS,
    },
  })
  return data.checkout.order.id
}

const cancel = (phone: SyncClient, id: string) =>
  phone.ask(
    'mutation ($id: ID!, $key: String!) { cancelOrder(input: { idempotencyKey: $key, orderId: $id }) { __typename } }',
    { id, key: `cancel-${id}` },
  )

/** Until the bus has told this process all that was done: then an answer repeats nothing. */
async function settled(phone: SyncClient): Promise<void> {
  await expect.poll(async () => (await phone.sync()).flatMap(({ changed }) => changed)).toEqual([])
}

describe('a local copy', () => {
  test('is filled page by page, shows a command at once, and then gets only changes', async () => {
    const { phone } = await newPhone({ 'accept-language': 'de' })
    const ids = [await place(phone), await place(phone), await place(phone)]
    const pages = await phone.sync(2)
    expect(pages.map(({ reset }) => reset)).toEqual([true, ...pages.slice(1).map(() => false)])
    expect([...phone.copy.keys()].sort()).toEqual(ids.toSorted())
    await settled(phone)

    await cancel(phone, ids[1] ?? '')
    const [delta] = await phone.sync()
    expect(delta).toMatchObject({ removed: [], hasMore: false, reset: false })
    expect(delta?.changed).toEqual([{ id: ids[1], title: 'Product mug', statusText: 'Storniert' }])
    const listed = await phone.ask<{ orders: { nodes: object[] } }>(
      '{ orders { nodes { id title statusText } } }',
    )
    expect(listed.data.orders.nodes).toEqual([...phone.copy.values()].sort((a, b) => (a.id < b.id ? 1 : -1)))
  })

  test("contains only the caller's orders", async () => {
    const { phone } = await newPhone()
    const other = await newPhone()
    await place(other.phone)
    await phone.sync()
    expect(phone.copy.size).toBe(0)
    phone.rewind((await other.phone.sync()).at(-1)?.cursor ?? '')
    await expect(phone.sync()).rejects.toThrow(/^BAD_USER_INPUT: .*another/)
  })

  test('continues live from its cursor, for all orders or for one, without a gap', async () => {
    const { shopper, phone } = await newPhone()
    const id = await place(phone)
    await phone.sync()
    await settled(phone)
    await cancel(phone, id)
    const common = { url: platform.urls['bff-mobile'], token: shopper.token }
    const fields = 'changes { events { id type service orderId } }'
    await using all = subscribe<{ changes: OrdersChange }>({
      ...common,
      query: `subscription ($after: String) { ${fields.replace('changes', 'changes: myOrderChanges(after: $after)')} }`,
      variables: { after: phone.cursor },
    })
    await using one = subscribe<{ changes: OrdersChange }>({
      ...common,
      query: `subscription ($id: ID!, $after: String) {
        ${fields.replace('changes', 'changes: orderChanges(id: $id, after: $after)')} }`,
      variables: { id, after: phone.cursor },
    })
    for (const subscriber of [all, one]) {
      const seen = await subscriber.until(({ changes }) => changes.events.some(isCancelled))
      const events = seen.flatMap(({ changes }) => changes.events)
      expect(new Set(events.map(event => event.id)).size).toBe(events.length)
      expect(new Set(events.map(event => event.orderId))).toEqual(new Set([id]))
      const own = events.filter(({ service }) => service === 'ORDERS').map(({ type }) => type)
      expect(own).toEqual(['CANCELLATION_REQUESTED', 'ORDER_CANCELLED'])
    }
  })
})

const isCancelled = ({ type }: { readonly type: string }) => type === 'ORDER_CANCELLED'

describe('a refused sync', () => {
  test.each([
    ['junk', 'junk', () => 'junk'],
    ['one of a subscription', 'changesSince', (id: string) => encodeCursor({ customer: id }, { orders: 1 })],
    [
      'one past the end',
      'unknown',
      (id: string) => encodeSyncCursor(id, { positions: { orders: 1_000_000_000 }, prunedTo: 1 }),
    ],
  ])('names the reason for the cursor: %s', async (_what, why, make) => {
    const { shopper, phone } = await newPhone()
    phone.rewind(make(shopper.id))
    await expect(phone.sync()).rejects.toThrow(
      new RegExp(`^BAD_USER_INPUT: .*${why === 'junk' ? 'not one of ours' : why}`),
    )
  })

  test('has the code for staff, anonymous callers and invalid page sizes', async () => {
    const codeOf = async (token: string | undefined, first = 1) => {
      const query = `{ changesSince(first: ${first}) { cursor } }`
      return (await platform.send('bff-mobile', token, query)).errors?.[0]?.extensions.code
    }
    const { shopper } = await newPhone()
    expect(await codeOf(await platform.token('support'))).toBe('FORBIDDEN')
    expect(await codeOf(undefined)).toBe('UNAUTHENTICATED')
    for (const first of [0, 101]) expect(await codeOf(shopper.token, first)).toBe('BAD_USER_INPUT')
  })
})

describe('a local copy of 10,000 orders', () => {
  const RECENT = 9_850
  /** Finished long ago: never in the list. */
  const ANCIENT = 115
  const AGED = 5
  /** Placed long ago and still under way: in the list. */
  const LATE = 30
  let phone: SyncClient
  let shopper: Shopper

  /** Documents as the view would have them, below positions that the store has passed. */
  beforeAll(async () => {
    ;({ shopper, phone } = await newPhone())
    await using open = new AsyncDisposableStack()
    const store = open.use(await openPostgresEventStore({ url: platform.databases.orders }))
    const start = await store.head()
    for (let version = 0; version < 10_000; version += 1_000)
      await store.append({
        writes: [
          {
            stream: 'filler-1',
            expected: version,
            events: Array.from({ length: 1_000 }, () => ({ type: 'Filled', data: {} })),
          },
        ],
      })
    const view = await open
      .use(await openReadModels(platform.databases.orders))
      .collection(ordersView.collection)
    const docs = [
      ...Array.from({ length: RECENT }, () => order('COMPLETED', 10)),
      ...Array.from({ length: ANCIENT }, () => order('COMPLETED', 430)),
      ...Array.from({ length: AGED }, () => order('CANCELLED', 405)),
      ...Array.from({ length: LATE }, () => order('SHIPPED', 401)),
    ].map((doc, index) => ({ ...doc, stage: stages.of(doc.status), changedAt: start + 1 + index }))
    await view.write(docs.map(doc => ({ id: doc.id, doc, position: doc.changedAt })))
    await place(phone) // what the bus tells is past them all
  })

  function order(status: OrderStatus, daysAgo: number) {
    const placedAt = new Date(Date.now() - daysAgo * DAY_MS - 3_600_000).toISOString()
    const customer = { id: shopper.id, name: 'Ada', email: 'ada@example.com' }
    return { ...must(evolve(absent, placedEvent({ orderId: newId('order'), customer, placedAt }))), status }
  }

  test('is filled with each order once, and is then up to date after one small response', async () => {
    const pages = await phone.sync(100)
    expect(phone.copy.size).toBe(RECENT + LATE + 1)
    expect(pages.flatMap(({ removed }) => removed)).toEqual([])
    const given = pages.slice(0, -1).flatMap(({ changed }) => changed.map(({ id }) => id))
    expect(new Set(given).size).toBe(given.length)
    await settled(phone)
    const again = await phone.sync()
    expect(again).toMatchObject([{ changed: [], removed: [], hasMore: false, reset: false }])
    expect(Buffer.byteLength(JSON.stringify(again))).toBeLessThan(300)
  })

  test('drops orders that became too old, and is filled anew when that is more than 100', async () => {
    const now = Math.floor(Date.now() / 1000)
    const { positions } = decodeSyncCursor(shopper.id, phone.cursor ?? '', now)
    const before = (days: number) =>
      encodeSyncCursor(shopper.id, { positions, prunedTo: now - (days * DAY_MS) / 1000 })

    phone.rewind(before(4))
    expect(await phone.sync(100)).toMatchObject([{ removed: [], reset: false }])
    phone.rewind(before(6))
    const [delta] = await phone.sync(100)
    expect(delta).toMatchObject({ changed: [], reset: false, hasMore: false })
    expect(new Set(delta?.removed).size).toBe(AGED)

    phone.rewind(before(40))
    const [reset, ...pages] = await phone.sync(100)
    expect(reset).toMatchObject({ removed: [], reset: true, hasMore: true })
    expect(pages.some(page => page.reset)).toBe(false)
    expect(phone.copy.size).toBe(RECENT + LATE + 1)
  })
})
