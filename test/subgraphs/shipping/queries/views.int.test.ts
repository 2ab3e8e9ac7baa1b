// Tests the shipments view on real PostgreSQL: a rebuild from the log equals the live view.
import { expect, test } from 'vitest'
import { newId } from '#platform/domain/ids.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import { startProjections } from '#platform/read-models/run-projections.ts'
import { shipmentAggregate } from '#subgraphs/shipping/domain/aggregate.ts'
import { dispatch, label, note, request, type ShipmentStatus } from '#subgraphs/shipping/domain/shipment.ts'
import { shipmentsView, stages } from '#subgraphs/shipping/queries/views.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { aRequest, LABEL, minute, notice } from '../domain/shipment-fixture.ts'

test('the view is the same after a replay of the log, and finds shipments by order and by status', async () => {
  const url = await freshDatabase()
  await using store = await openPostgresEventStore({ url })
  await using readModels = await openReadModels(url)
  await using projections = await startProjections({ store, readModels, views: [shipmentsView] })
  const shipments = createRepository(store, shipmentAggregate)
  const ids = Array.from({ length: 4 }, () => newId('shipment'))
  let position = 0
  for (const [index, id] of ids.entries()) {
    const data = { ...aRequest, shipmentId: id, at: minute(index) }
    const steps = [
      (state: Parameters<typeof request>[0]) => request(state, data),
      (state: Parameters<typeof label>[0]) => label(state, LABEL, minute(10)),
      (state: Parameters<typeof dispatch>[0]) => dispatch(state, 'collected', minute(11)),
      (state: Parameters<typeof note>[0]) => note(state, notice(12, 'DELIVERED')),
    ].slice(0, index + 1)
    for (const [step, decide] of steps.entries()) {
      const handled = await shipments.handle(id, { key: `${id}:${step}`, body: null }, decide)
      position = handled.position
    }
  }
  expect(await projections.reached(position, 10_000)).toBe(true)
  const live = await projections.collection(shipmentsView).getMany(ids)
  expect([...live.values()].map(({ status }) => status).sort()).toEqual([
    ...['DELIVERED', 'DISPATCHED', 'LABELLED', 'REQUESTED'],
  ])

  expect(await projections.rebuild(shipmentsView)).toBe(position)
  const collection = projections.collection(shipmentsView)
  expect(await collection.getMany(ids)).toEqual(live)
  const ofOrder = await collection.find({
    where: [{ path: 'orderId', equals: aRequest.orderId }],
    orderBy: { path: 'createdAt' },
    limit: 10,
  })
  expect(ofOrder.items.map(({ id }) => id)).toEqual(ids)
  const having = async (...statuses: ShipmentStatus[]) => {
    const query = { where: stages.filters(statuses), orderBy: { path: 'createdAt' }, limit: 10 }
    return (await collection.find(query)).items.map(({ id }) => id)
  }
  expect(await having('LABELLED')).toEqual([ids[1]])
  expect(await having('DELIVERED')).toEqual([ids[3]])
  expect(await having('DELIVERED', 'DISPATCHED', 'LOST')).toEqual([ids[2], ids[3]])
  expect(await having()).toEqual([])
})
