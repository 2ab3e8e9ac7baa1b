// Tests waiting for the outcome of an order: the log of any process drives it, and its number is bounded.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import {
  createOrderWatches,
  followOrder,
  type OrderWatches,
  type VersionedOrder,
} from '#subgraphs/orders/commands/order-watch.ts'
import { orderAggregate } from '#subgraphs/orders/domain/aggregate.ts'
import type { PlacedOrder } from '#subgraphs/orders/domain/order.ts'
import * as decide from '#subgraphs/orders/domain/order-commands.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { AT, must, placement } from '#test/subgraphs/orders/domain/order-fixture.ts'

let store: EventStore
let elsewhere: EventStore
let watches: OrderWatches

beforeAll(async () => {
  const url = await freshDatabase()
  store = await openPostgresEventStore({ url })
  elsewhere = await openPostgresEventStore({ url })
  watches = createOrderWatches(store, { onError: fail })
})

afterAll(async () => {
  await watches[Symbol.asyncDispose]()
  await elsewhere[Symbol.asyncDispose]()
  await store[Symbol.asyncDispose]()
})

const isConfirmed = (order: PlacedOrder) => order.status === 'CONFIRMED'

function handle(on: EventStore, orderId: string, step: 'place' | 'confirm') {
  return createRepository(on, orderAggregate).handle(
    orderId,
    { key: `${orderId}:${step}`, body: null },
    order =>
      step === 'place' ? decide.place(order, placement({ orderId })) : decide.confirm(order, { at: AT }),
  )
}

async function placed(orderId: string): Promise<VersionedOrder> {
  const { position } = await handle(store, orderId, 'place')
  const { state, version } = await createRepository(store, orderAggregate).load(orderId)
  return { order: must(state), version, position }
}

test('a wait ends with the event that settles it, written by another process', async () => {
  const orderId = newId('order')
  using watch = await watches.watch(orderId, 60_000)
  const known = await placed(orderId)
  const settled = followOrder(watch, known, isConfirmed)
  const { position } = await handle(elsewhere, orderId, 'confirm')
  expect(await settled).toMatchObject({ order: { status: 'CONFIRMED' }, version: 2, position })
})

test('an event between the watch and the wait is not missed', async () => {
  const orderId = newId('order')
  using watch = await watches.watch(orderId, 60_000)
  const known = await placed(orderId)
  await handle(elsewhere, orderId, 'confirm')
  expect((await followOrder(watch, known, isConfirmed)).order.status).toBe('CONFIRMED')
})

test('a wait ends at its deadline with the order as it is', async () => {
  const orderId = newId('order')
  using watch = await watches.watch(orderId, 200)
  const known = await placed(orderId)
  expect(await followOrder(watch, known, isConfirmed)).toEqual(known)
})

test('many concurrent waits for different orders share few reads of the log', async () => {
  let reads = 0
  const readLog: EventStore['readLog'] = range => {
    reads += 1
    return store.readLog(range)
  }
  const counted: EventStore = { ...store, readLog }
  await using counting = createOrderWatches(counted, { onError: fail })
  const waits = Array.from({ length: 200 }, async () => {
    const orderId = newId('order')
    using watch = await counting.watch(orderId, 60_000)
    const known = await placed(orderId)
    void handle(elsewhere, orderId, 'confirm')
    return await followOrder(watch, known, isConfirmed) // the watch ends with this function
  })
  const settled = await Promise.all(waits)
  expect(new Set(settled.map(({ order }) => order.status))).toEqual(new Set(['CONFIRMED']))
  expect(reads).toBeLessThan(600)
})

test('a wait can begin again after all others have ended', async () => {
  for (let round = 0; round < 3; round++) {
    const orderId = newId('order')
    using watch = await watches.watch(orderId, 60_000)
    const known = await placed(orderId)
    const settled = followOrder(watch, known, isConfirmed)
    await handle(store, orderId, 'confirm')
    expect((await settled).order.status).toBe('CONFIRMED')
  }
})

test('a wait beyond the limit ends at once', async () => {
  await using small = createOrderWatches(store, { limit: 1, onError: fail })
  const first = await small.watch('ord_1', 60_000)
  expect(await small.watch('ord_2', 60_000)).toBeUndefined()
  first?.[Symbol.dispose]()
  using again = await small.watch('ord_2', 60_000)
  expect(again).toBeDefined()
})

test('a release ends all waits with the current state, and later waits end at once', async () => {
  await using closing = createOrderWatches(store, { onError: fail })
  const orderId = newId('order')
  using watch = await closing.watch(orderId, 60_000)
  const known = await placed(orderId)
  const settled = followOrder(watch, known, isConfirmed)
  closing.release()
  expect(await settled).toEqual(known)
  expect(await closing.watch(orderId, 60_000)).toBeUndefined()
})

function fail(error: unknown): never {
  throw error
}
