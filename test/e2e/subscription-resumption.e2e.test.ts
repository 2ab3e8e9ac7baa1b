// Cuts subscribers' connections at random while orders change. `npm run test:resume` sets RESUME_SECONDS to two minutes.
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { orderIdOf } from '#bff/bus/message-ids.ts'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import { openEventBus } from '#platform/event-bus/open.ts'
import { type BffProcess, startBffProcess } from '#test/fixtures/bff-process.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import {
  type ResumingSubscriber,
  type SeenEvent,
  startResumingSubscriber,
} from '#test/fixtures/resuming-subscriber.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
  type Shopper,
} from '#testbed/shop-client.ts'

const SECONDS = Number(process.env.RESUME_SECONDS ?? 12)
const SHOPPERS = 10
/** Subscribers by what they follow, 200 altogether. */
const FOLLOWERS = { order: 100, mine: 60, all: 40 }
const PARTS = 'kind cursor events { id service orderId }'

let platform: TestPlatform
let bus: EventBus
let bff: BffProcess
const shoppers: Shopper[] = []

beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '400' })
  bus = await openEventBus(platform.databases.bus)
  bff = await startBffProcess(platform, 'bff-web')
  await addProduct(platform, { sku: 'mug', price: '12.00', stock: { 'BER-1': 100_000 } })
  for (let index = 0; index < SHOPPERS; index++) shoppers.push(await registerShopper(platform))
})
afterAll(async () => {
  await bff?.stop()
  await bus?.[Symbol.asyncDispose]()
  await platform?.[Symbol.asyncDispose]()
})

async function buy(shopper: Shopper, key: string): Promise<string> {
  const input = checkoutInput({ idempotencyKey: key, sku: 'mug', settleWithinMs: 0 })
  const reply = await platform.send<CheckoutResponse>('bff-web', shopper.token, CHECKOUT, { input })
  return reply.data.checkout.order?.id ?? ''
}

type Followed = {
  readonly subscriber: ResumingSubscriber
  readonly isAbout: (orderId: string, owner: string) => boolean
}

function shopperAt(index: number): Shopper {
  const shopper = shoppers[index % shoppers.length]
  if (!shopper) throw new Error('no shoppers')
  return shopper
}

/** Uses a token per subscriber where one subject would exceed its limit of connections. */
async function follow(
  kind: keyof typeof FOLLOWERS,
  index: number,
  orders: readonly string[],
): Promise<Followed> {
  const staff = () => platform.token('ops', `ops-${kind}-${index}`)
  const url = () => bff.url
  if (kind === 'order') {
    const id = orders[index % orders.length] ?? ''
    const query = `subscription ($id: ID!, $after: String) { orderChanges(id: $id, after: $after) { ${PARTS} } }`
    const subscriber = startResumingSubscriber({ url, token: await staff(), query, variables: { id } })
    return { subscriber, isAbout: orderId => orderId === id }
  }
  if (kind === 'mine') {
    const shopper = shopperAt(index)
    const query = `subscription ($after: String) { myOrderChanges(after: $after) { ${PARTS} } }`
    const subscriber = startResumingSubscriber({ url, token: shopper.token, query })
    return { subscriber, isAbout: (_orderId, owner) => owner === shopper.id }
  }
  const query = `subscription ($after: String) { operationsFeed(after: $after) { ${PARTS} } }`
  return { subscriber: startResumingSubscriber({ url, token: await staff(), query }), isAbout: () => true }
}

/** Reads every event about an order from the bus itself, and the owner of each order. */
async function history(): Promise<{ events: SeenEvent[]; owners: Map<string, string> }> {
  const events: SeenEvent[] = []
  const owners = new Map<string, string>()
  for (const topic of ['orders', 'inventory', 'payment', 'shipping'])
    for (let after = 0; ; ) {
      const batch = await bus.read(topic, after, 10_000)
      for (const message of batch) {
        const orderId = orderIdOf(message)
        if (!orderId) continue
        events.push({ id: message.eventId, service: topic.toUpperCase(), orderId })
        const { customer } = message.data
        if (message.type === 'OrderPlaced' && typeof customer === 'object' && customer && 'id' in customer)
          owners.set(orderId, String(customer.id))
      }
      after = batch.at(-1)?.position ?? 0
      if (batch.length < 10_000) break
    }
  return { events, owners }
}

function byService(events: readonly SeenEvent[]): Record<string, string[]> {
  const grouped: Record<string, string[]> = { ORDERS: [], INVENTORY: [], PAYMENT: [], SHIPPING: [] }
  for (const { service, id } of events) grouped[service]?.push(id)
  return grouped
}

test(
  '200 subscribers whose connections are cut at random get each event once and in order',
  async () => {
    const orders = await Promise.all(
      Array.from({ length: 20 }, (_, index) => buy(shopperAt(index), `first-${index}`)),
    )
    const kinds = Object.entries(FOLLOWERS) as [keyof typeof FOLLOWERS, number][]
    const followed: Followed[] = []
    for (const [kind, count] of kinds)
      for (let index = 0; index < count; index++) followed.push(await follow(kind, index, orders))
    await Promise.all(followed.map(({ subscriber }) => subscriber.started))
    const before = new Set((await history()).events.map(({ id }) => id))

    const end = performance.now() + SECONDS * 1000
    let bought = 0
    const shop = async () => {
      for (; performance.now() < end; await delay(150)) await buy(shopperAt(bought), `later-${bought++}`)
    }
    let cuts = 0
    const cutting = async () => {
      for (; performance.now() < end; await delay(25)) {
        followed[Math.floor(Math.random() * followed.length)]?.subscriber.cut()
        cuts += 1
      }
    }
    const restarting = async () => {
      await delay((SECONDS * 1000) / 2)
      const old = bff
      bff = await startBffProcess(platform, 'bff-web')
      await old.stop()
    }
    await Promise.all([shop(), cutting(), restarting()])

    // Everyone gets exactly what happened and still happens, until the last parcel is delivered.
    let events: SeenEvent[] = []
    const differing = async () => {
      const settled = await history()
      events = settled.events
      const isNew = ({ id }: { readonly id: string }) => !before.has(id)
      return followed.flatMap(({ subscriber, isAbout }) => {
        const mine = ({ orderId }: SeenEvent) => isAbout(orderId, settled.owners.get(orderId) ?? '')
        const expected = byService(events.filter(event => isNew(event) && mine(event)))
        const got = byService(subscriber.events.filter(isNew))
        return isDeepStrictEqual(got, expected) ? [] : [{ got, expected }]
      })
    }
    await expect.poll(differing, { interval: 1_000, timeout: 90_000 }).toEqual([])
    for (const { subscriber } of followed) {
      expect(subscriber.failures).toEqual([])
      expect(new Set(subscriber.events.map(({ id }) => id)).size).toBe(subscriber.events.length)
      expect(
        subscriber.changes.every(({ kind }, index) => kind === (index === 0 ? 'PRESENT' : 'CHANGED')),
      ).toBe(true)
    }
    const connections = followed.reduce((sum, { subscriber }) => sum + subscriber.connections(), 0)
    console.log(`${events.length} events, ${bought} orders, ${cuts} cuts, ${connections} connections`)
    await Promise.all(followed.map(({ subscriber }) => subscriber[Symbol.asyncDispose]()))
  },
  (SECONDS + 120) * 1000,
)
