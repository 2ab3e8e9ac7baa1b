// Tests shipping's commands on real PostgreSQL with the sandbox carrier: retries, crashes between two writes, races.
import pg from 'pg'
import { beforeAll, describe, expect, test } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import type { SandboxCarrier } from '#subgraphs/shipping/adapters/carrier.sandbox.ts'
import type { Carrier } from '#subgraphs/shipping/adapters/carrier.ts'
import {
  cancelShipment,
  createShipment,
  dispatchShipment,
  type NewShipment,
  recordNotice,
} from '#subgraphs/shipping/commands/shipments.ts'
import type { ShipmentRepository } from '#subgraphs/shipping/domain/aggregate.ts'
import { shipmentAggregate } from '#subgraphs/shipping/domain/aggregate.ts'
import type { Notice } from '#subgraphs/shipping/domain/shipment.ts'
import { countingReads } from '#test/fixtures/counting-reads.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { openSandbox } from '../adapters/carrier.contract.ts'
import { aRequest } from '../domain/shipment-fixture.ts'

let store: EventStore
let shipments: ShipmentRepository
let reads: () => number
let sandbox: SandboxCarrier
let database: pg.Client
const now = () => new Date()

beforeAll(async () => {
  const url = await freshDatabase()
  store = await openPostgresEventStore({ url })
  const counting = countingReads(store)
  reads = counting.reads
  shipments = createRepository(counting.store, shipmentAggregate)
  sandbox = await openSandbox(url)
  database = new pg.Client({ connectionString: url })
  await database.connect()
  return async () => {
    await database.end()
    await sandbox[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  }
})

const ports = (carrier: Partial<Carrier> = {}) => ({ shipments, carrier: { ...sandbox, ...carrier }, now })

/** A wish of one order, on hold at the carrier unless said otherwise. */
function wish(instructions: string | null = 'SANDBOX_HOLD'): NewShipment {
  const { warehouse, option, lines, weightGrams, address, customerId } = aRequest
  return {
    ...{ orderId: newId('order'), customerId, warehouse, option, lines, weightGrams, address, instructions },
  }
}
const asked = (key: string = newId('order')) => ({ key, meta: {} })

async function created(instructions?: string): Promise<string> {
  const outcome = await createShipment(ports(), wish(instructions), asked())
  if (outcome.status === 'refused') throw new Error(outcome.refusal.code)
  return outcome.shipment.id
}

async function types(id: string): Promise<string[]> {
  return (await shipments.history(id)).map(({ event }) => event.type)
}

async function parcels(reference: string): Promise<{ tracking_number: string; cancelled_at: Date | null }[]> {
  const text = 'SELECT tracking_number, cancelled_at FROM sandbox_carrier.parcels WHERE reference = $1'
  return (await database.query(text, [reference])).rows
}

async function shipmentOf(orderId: string): Promise<string[]> {
  const { events } = await store.readLog({ after: 0, limit: 10_000 })
  const ofOrder = events.filter(({ data }) => data.orderId === orderId)
  return [...new Set(ofOrder.map(({ data }) => String(data.shipmentId)))]
}

const down = () => Promise.reject(new Error('the connection was cut'))

describe('create', () => {
  test('requests, books and returns the label, and reads nothing', async () => {
    const before = reads()
    const outcome = await createShipment(ports(), wish(), asked())
    expect(reads()).toBe(before)
    expect(outcome).toMatchObject({
      status: 'accepted',
      shipment: { status: 'LABELLED', trackingNumber: expect.stringMatching(/^SB/), lines: aRequest.lines },
    })
    const id = 'shipment' in outcome ? outcome.shipment.id : ''
    expect(await types(id)).toEqual(['ShipmentRequested', 'ShipmentLabelled'])
    expect(await shipments.load(id)).toMatchObject({ state: 'shipment' in outcome ? outcome.shipment : {} })
  })

  test('twice gives the same shipment and books one label', async () => {
    const wanted = wish()
    const key = asked()
    const first = await createShipment(ports(), wanted, key)
    expect(await createShipment(ports(), wanted, key)).toMatchObject({
      ...first,
      position: expect.any(Number),
    })
    expect(await shipmentOf(wanted.orderId)).toHaveLength(1)
  })

  test('many times at once gives one shipment and one label', async () => {
    const wanted = wish()
    const key = asked()
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => createShipment(ports(), wanted, key)))
    const ids = new Set(outcomes.map(outcome => ('shipment' in outcome ? outcome.shipment.id : '')))
    expect(ids.size).toBe(1)
    expect(await types([...ids][0] ?? '')).toEqual(['ShipmentRequested', 'ShipmentLabelled'])
  })

  test('with a used key and another body is a conflict', async () => {
    const key = asked()
    await createShipment(ports(), wish(), key)
    await expect(createShipment(ports(), wish(), key)).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  test('continues with the same label after a crash between the booking and its record', async () => {
    const wanted = wish()
    const key = asked()
    const crashing = ports({
      async book(booking) {
        await sandbox.book(booking)
        throw new Error('killed')
      },
    })
    await expect(createShipment(crashing, wanted, key)).rejects.toThrow('killed')
    const [id = ''] = await shipmentOf(wanted.orderId)
    expect(await types(id)).toEqual(['ShipmentRequested'])
    const [parcel] = await parcels(id)
    expect(await createShipment(ports(), wanted, key)).toMatchObject({
      shipment: { id, status: 'LABELLED', trackingNumber: parcel?.tracking_number },
    })
    expect(await shipmentOf(wanted.orderId)).toEqual([id])
    expect(await parcels(id)).toHaveLength(1)
  })

  test('is UNAVAILABLE while the carrier is down, which is not recorded, and continues later', async () => {
    const wanted = wish('SANDBOX_DOWN')
    const key = asked()
    await expect(createShipment(ports(), wanted, key)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(createShipment(ports(), wanted, key)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const recovered = ports({ book: booking => sandbox.book({ ...booking, instructions: null }) })
    expect(await createShipment(recovered, wanted, key)).toMatchObject({ shipment: { status: 'LABELLED' } })
    expect(await shipmentOf(wanted.orderId)).toHaveLength(1)
  })

  test('ends the shipment when the carrier refuses it, and a repeat does not call the carrier again', async () => {
    const wanted = wish('SANDBOX_REFUSE')
    const key = asked()
    const refusal = { code: 'ADDRESS_REFUSED', message: 'The carrier does not deliver there.' }
    const expected = { status: 'accepted', shipment: { status: 'REFUSED', refusal } }
    expect(await createShipment(ports(), wanted, key)).toMatchObject(expected)
    expect(await createShipment(ports({ book: down }), wanted, key)).toMatchObject(expected)
  })

  test('voids the label when the shipment is cancelled during the booking', async () => {
    const wanted = wish()
    const overtaken = ports({
      async book(booking) {
        await cancelShipment(ports(), booking.reference, asked())
        return sandbox.book(booking)
      },
    })
    const outcome = await createShipment(overtaken, wanted, asked())
    expect(outcome).toMatchObject({ shipment: { status: 'CANCELLED' } })
    const [id = ''] = await shipmentOf(wanted.orderId)
    expect(await types(id)).toEqual(['ShipmentRequested', 'ShipmentCancelled'])
    expect(await parcels(id)).toMatchObject([{ cancelled_at: expect.any(Date) }])
  })
})

describe('cancel', () => {
  test('voids the label and ends the shipment, with the same result when repeated under any key', async () => {
    const id = await created()
    const key = asked()
    const expected = { status: 'accepted', shipment: { id, status: 'CANCELLED' } }
    expect(await cancelShipment(ports(), id, key)).toMatchObject(expected)
    expect(await cancelShipment(ports(), id, key)).toMatchObject(expected)
    expect(await cancelShipment(ports(), id, asked())).toMatchObject(expected)
    expect(await types(id)).toEqual(['ShipmentRequested', 'ShipmentLabelled', 'ShipmentCancelled'])
    expect(await parcels(id)).toMatchObject([{ cancelled_at: expect.any(Date) }])
  })

  test('is refused once the carrier has collected, even before its notice arrives', async () => {
    const id = await created()
    await sandbox.collect(id)
    const key = asked()
    const refused = { status: 'refused', refusal: { code: 'SHIPMENT_DISPATCHED' } }
    expect(await cancelShipment(ports(), id, key)).toMatchObject(refused)
    expect(await cancelShipment(ports(), id, key)).toMatchObject(refused)
    expect(await types(id)).toEqual(['ShipmentRequested', 'ShipmentLabelled'])
    await recordNotice(ports(), { id, notice: await dispatchNotice(id) }, asked())
    expect((await shipments.load(id)).state.status).toBe('DISPATCHED')
  })

  test('continues after a crash between the carrier and the record', async () => {
    const id = await created()
    const key = asked()
    const crashing = ports({
      async cancel(reference) {
        await sandbox.cancel(reference)
        throw new Error('killed')
      },
    })
    await expect(cancelShipment(crashing, id, key)).rejects.toThrow('killed')
    expect((await shipments.load(id)).state.status).toBe('LABELLED')
    expect(await cancelShipment(ports(), id, key)).toMatchObject({ shipment: { status: 'CANCELLED' } })
  })

  test('with the key of another cancellation is a conflict without a call to the carrier', async () => {
    const [one, other] = [await created(), await created()]
    const key = asked()
    await cancelShipment(ports(), one, key)
    await expect(cancelShipment(ports(), other, key)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await parcels(other)).toMatchObject([{ cancelled_at: null }])
  })

  test('concurrent with the collection has one winner, the same at the carrier and in the store', async () => {
    for (let round = 0; round < 5; round++) {
      const id = await created()
      const [cancelled, dispatched] = await Promise.all([
        cancelShipment(ports(), id, asked()),
        dispatchShipment(ports(), id, asked()),
      ])
      expect([cancelled.status, dispatched.status].sort()).toEqual(['accepted', 'refused'])
      const { status } = (await shipments.load(id)).state
      expect(status).toBe(cancelled.status === 'accepted' ? 'CANCELLED' : 'DISPATCHED')
    }
  })

  test('of what does not exist is not found', async () => {
    await expect(cancelShipment(ports(), newId('shipment'), asked())).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
  })
})

describe('dispatch', () => {
  test('has the carrier collect, with the same result when repeated', async () => {
    const id = await created()
    const key = asked()
    const expected = { status: 'accepted', shipment: { id, status: 'DISPATCHED' } }
    expect(await dispatchShipment(ports(), id, key)).toMatchObject(expected)
    expect(await dispatchShipment(ports(), id, key)).toMatchObject(expected)
    expect(await dispatchShipment(ports(), id, asked())).toMatchObject(expected)
    expect((await types(id)).filter(type => type === 'ShipmentDispatched')).toHaveLength(1)
    expect(await sandbox.cancel(id)).toBe('collected')
  })

  test('of a cancelled shipment is refused', async () => {
    const id = await created()
    await cancelShipment(ports(), id, asked())
    expect(await dispatchShipment(ports(), id, asked())).toMatchObject({
      refusal: { code: 'SHIPMENT_CANCELLED' },
    })
  })

  test('of what does not exist is refused', async () => {
    expect(await dispatchShipment(ports(), newId('shipment'), asked())).toMatchObject({
      status: 'refused',
      refusal: { code: 'SHIPMENT_NOT_FOUND' },
    })
  })
})

describe('note', () => {
  test('twice under one key, and under another, changes nothing the second time', async () => {
    const id = await created()
    const notice = await dispatchNotice(id)
    const key = asked()
    expect(await recordNotice(ports(), { id, notice }, key)).toEqual({ before: 'LABELLED', changed: true })
    expect(await recordNotice(ports(), { id, notice }, key)).toMatchObject({ changed: false })
    expect(await recordNotice(ports(), { id, notice }, asked())).toEqual({
      before: 'DISPATCHED',
      changed: false,
    })
    expect(await types(id)).toEqual(['ShipmentRequested', 'ShipmentLabelled', 'ShipmentDispatched'])
  })

  test('of a cancelled shipment changes nothing', async () => {
    const id = await created()
    await cancelShipment(ports(), id, asked())
    const noted = await recordNotice(ports(), { id, notice: await dispatchNotice(id) }, asked())
    expect(noted).toEqual({ before: 'CANCELLED', changed: false })
  })
})

async function dispatchNotice(id: string): Promise<Notice> {
  const [parcel] = await parcels(id)
  return {
    status: 'DISPATCHED',
    text: 'Collected by the carrier',
    at: now().toISOString(),
    label: { trackingNumber: parcel?.tracking_number ?? '', estimatedDelivery: null },
  }
}
