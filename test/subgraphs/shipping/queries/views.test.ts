// Tests the shipments view as a function: the document after each event, in any batch, and when repeated.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import { evolve, type Shipment, type ShipmentEvent } from '#subgraphs/shipping/domain/shipment.ts'
import { type ShipmentDoc, shipmentsView } from '#subgraphs/shipping/queries/views.ts'
import {
  delivered,
  dispatched,
  labelled,
  minute,
  requested,
  SHIPMENT_ID,
  tracked,
} from '../domain/shipment-fixture.ts'

const story: ShipmentEvent[] = [requested, labelled, dispatched, tracked(3, 'IN_TRANSIT'), delivered(5)]

function recorded(event: { type: string; data: RecordedEvent['data'] }, position: number): RecordedEvent {
  const { type, data } = event
  const place = { position, version: position, stream: `shipment-${SHIPMENT_ID}` as const }
  return { ...place, type, data, id: String(position), schema: 1, meta: {}, recordedAt: minute(position) }
}

function project(events: readonly ShipmentEvent[]): ShipmentDoc | undefined {
  let doc: ShipmentDoc | undefined
  events.forEach((event, index) => {
    for (const { id, update } of shipmentsView.project(recorded(event, index + 1))) {
      expect(id).toBe(SHIPMENT_ID)
      doc = update(doc)
    }
  })
  return doc
}

test('the document is the state of the aggregate with its stage after every event', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: story.length }), length => {
      const events = story.slice(0, length)
      const state: Shipment = events.reduce(evolve, { status: 'ABSENT' } as Shipment)
      const stage = state.status === 'DELIVERED' ? 'DELIVERED' : 'OPEN'
      expect(project(events)).toEqual({ ...state, stage })
      expect(project(events)).toEqual(project(events))
    }),
  )
})

test('no document holds an address or instructions', () => {
  const text = JSON.stringify(project(story))
  expect(text).not.toMatch(/Hauptstr|Lovelace|10115|instructions/)
})

test('an event of an unknown type changes nothing', () => {
  expect(shipmentsView.project(recorded({ type: 'ShipmentPainted', data: {} }, 9))).toEqual([])
})
