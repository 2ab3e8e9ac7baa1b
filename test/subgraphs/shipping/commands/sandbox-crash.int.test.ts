// Tests that a database server which is killed leaves no label that the sandbox carrier does not know.
import { expect, test } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import { createShipment, type NewShipment } from '#subgraphs/shipping/commands/shipments.ts'
import { shipmentAggregate } from '#subgraphs/shipping/domain/aggregate.ts'
import { queryDatabase } from '#test/fixtures/databases.ts'
import { killAmid, startDurablePostgres } from '#testbed/fleet/durable-postgres.ts'
import { openSandbox } from '../adapters/carrier.contract.ts'
import { aRequest } from '../domain/shipment-fixture.ts'

const SHIPMENTS = 60

async function openShipping(url: string) {
  const open = new AsyncDisposableStack()
  const store = open.use(await openPostgresEventStore({ url }))
  const carrier = open.use(await openSandbox(url))
  const ports = { shipments: createRepository(store, shipmentAggregate), carrier, now: () => new Date() }
  return {
    store,
    create: (wanted: NewShipment) => createShipment(ports, wanted, { key: wanted.orderId, meta: {} }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}

function wish(): NewShipment {
  const { warehouse, option, lines, weightGrams, address, customerId } = aRequest
  const parcel = { warehouse, option, lines, weightGrams, address }
  return { orderId: newId('order'), customerId, ...parcel, instructions: 'SANDBOX_HOLD' }
}

async function parcelsIn(url: string): Promise<string[]> {
  const rows: { reference?: string }[] = await queryDatabase(
    url,
    'SELECT reference FROM sandbox_carrier.parcels',
  )
  return rows.map(({ reference = '' }) => reference)
}

test('a killed server takes no booking whose label is recorded, and repeats book each parcel once', async () => {
  await using server = await startDurablePostgres()
  const url = await server.database('shipping')
  const wishes = Array.from({ length: SHIPMENTS }, wish)
  {
    await using before = await openShipping(url)
    await killAmid(
      server,
      wishes.map(wanted => () => before.create(wanted)),
    )
  }
  await using after = await openShipping(url)
  const { events } = await after.store.readLog({ after: 0, limit: 10_000 })
  const labelled = events
    .filter(({ type }) => type === 'ShipmentLabelled')
    .map(({ data }) => String(data.shipmentId))
  expect(labelled.length).toBeGreaterThanOrEqual(SHIPMENTS / 3)
  expect(await parcelsIn(url)).toEqual(expect.arrayContaining(labelled))
  for (const wanted of wishes) expect(await after.create(wanted)).toMatchObject({ status: 'accepted' })
  expect(await parcelsIn(url)).toHaveLength(SHIPMENTS)
})
