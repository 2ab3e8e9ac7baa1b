// Tests many concurrent orders for the same units, through one process and through two: no unit is sold twice.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { CommandResult } from '#platform/event-store/aggregate.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import type { StockRepository } from '#subgraphs/inventory/domain/aggregate.ts'
import { stockAggregate } from '#subgraphs/inventory/domain/aggregate.ts'
import { type ReserveRefusal, reserve } from '#subgraphs/inventory/domain/reservation.ts'
import { addProduct, available } from '#subgraphs/inventory/domain/stock.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { AT, CUSTOMER, facts, LATER } from '../domain/stock-fixture.ts'

const ORDERS = 200
let stores: EventStore[]
let repositories: StockRepository[]

beforeAll(async () => {
  const url = await freshDatabase()
  stores = [await openPostgresEventStore({ url }), await openPostgresEventStore({ url })]
  repositories = stores.map(store => createRepository(store, stockAggregate))
})

afterAll(async () => {
  await Promise.all(stores.map(store => store[Symbol.asyncDispose]()))
})

function repositoryOf(index: number): StockRepository {
  const repository = repositories[index % repositories.length]
  if (!repository) throw new Error('there is no repository')
  return repository
}

async function givenStock(units: Record<string, number>): Promise<string> {
  const sku = `sku-${randomUUID()}`
  const listed = Object.entries(units).map(([warehouse, quantity]) => ({ warehouse, quantity }))
  await repositoryOf(0).handle(sku, { key: `add:${sku}`, body: sku }, stock =>
    addProduct(stock, { sku, facts, units: listed, at: AT }),
  )
  return sku
}

function reserveOne(
  repository: StockRepository,
  skus: readonly string[],
): Promise<CommandResult<ReserveRefusal>> {
  const orderId = `ord_${randomUUID()}`
  const lines = skus.map(sku => ({ sku, quantity: 1 }))
  return repository.handleMany(skus, { key: `reserve:${orderId}`, body: orderId }, stocks =>
    reserve(stocks, { orderId, customerId: CUSTOMER, lines, expiresAt: LATER, at: AT }),
  )
}

async function confirmed(attempts: readonly Promise<CommandResult<ReserveRefusal>>[]): Promise<number> {
  const answers = await Promise.all(attempts)
  for (const answer of answers)
    if (answer.status === 'refused') expect(answer.refusal.code).toBe('INSUFFICIENT_STOCK')
  return answers.filter(({ status }) => status === 'accepted').length
}

async function left(sku: string): Promise<number> {
  return available((await repositoryOf(0).load(sku)).state)
}

describe(`${ORDERS} orders at once for 20 units`, () => {
  it.each([1, 2])('confirms exactly 20 through %i instances', async instances => {
    const sku = await givenStock({ 'BER-1': 12, 'MUC-1': 8 })
    const attempts = Array.from({ length: ORDERS }, (_, index) =>
      reserveOne(repositoryOf(index % instances), [sku]),
    )
    expect(await confirmed(attempts)).toBe(20)
    expect(await left(sku)).toBe(0)
  })

  it('confirms exactly 20 when every order wants a second SKU too, and holds as much of the one as of the other', async () => {
    const [scarce, plenty] = [await givenStock({ 'BER-1': 20 }), await givenStock({ 'BER-1': 500 })]
    const attempts = Array.from({ length: ORDERS }, (_, index) =>
      reserveOne(repositoryOf(index), index % 2 ? [scarce, plenty] : [plenty, scarce]),
    )
    expect(await confirmed(attempts)).toBe(20)
    expect([await left(scarce), await left(plenty)]).toEqual([0, 480])
  })
})

describe('a repeated command', () => {
  it('takes effect once, and gets the same result, including a refusal', async () => {
    const sku = await givenStock({ 'BER-1': 1 })
    const ask = (key: string) =>
      repositoryOf(0).handleMany([sku], { key: `${key}:${sku}`, body: 'same' }, stocks =>
        reserve(stocks, {
          orderId: `ord_${key}`,
          customerId: CUSTOMER,
          lines: [{ sku, quantity: 1 }],
          expiresAt: LATER,
          at: AT,
        }),
      )
    expect(await ask('first')).toMatchObject({ status: 'accepted', repeated: false })
    expect(await ask('second')).toMatchObject({ status: 'refused', repeated: false })
    expect(await ask('first')).toMatchObject({ status: 'accepted', repeated: true })
    expect(await ask('second')).toMatchObject({ status: 'refused', repeated: true })
    expect((await repositoryOf(0).load(sku)).version).toBe(4) // added, received, reserved, low stock reached
  })
})

it('a busy SKU is restored from its snapshot to the same state', async () => {
  const sku = await givenStock({ 'BER-1': 300 })
  await Promise.all(Array.from({ length: 210 }, () => reserveOne(repositoryOf(0), [sku])))
  const [store] = stores
  if (!store) throw new Error('there is no store')
  const snapshot = await vi.waitFor(async () => {
    const saved = await store.loadSnapshot(`stock-${sku}`, stockAggregate.snapshot?.schema ?? 0)
    return saved ?? Promise.reject(new Error('no snapshot yet'))
  }, WAIT)
  expect(snapshot.version).toBe(200)
  const restored = await createRepository(store, stockAggregate).load(sku)
  expect(restored).toEqual(await repositoryOf(0).load(sku))
  expect(restored.version).toBe(212)
})
