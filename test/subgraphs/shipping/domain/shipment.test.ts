// Tests the shipment decider by given/when/then: every command in every state, repeated, late and out of order.
import { describe, expect, test } from 'vitest'
import {
  cancel,
  dispatch,
  evolve,
  label,
  MAX_TRACKING,
  note,
  refuseBooking,
  request,
  type Shipment,
  type ShipmentEvent,
} from '#subgraphs/shipping/domain/shipment.ts'
import {
  aRequest,
  cancelled,
  delivered,
  dispatched,
  LABEL,
  labelled,
  lost,
  minute,
  notice,
  of,
  requested,
  SHIPMENT_ID,
  tracked,
} from './shipment-fixture.ts'

const given = (...events: ShipmentEvent[]): Shipment => events.reduce(evolve, { status: 'ABSENT' })
const nothing = { accepted: [] }
const inTransit = tracked(3, 'IN_TRANSIT')
const outForDelivery = tracked(4, 'OUT_FOR_DELIVERY')
const refused: ShipmentEvent = {
  type: 'ShipmentRefused',
  data: { ...of(1), code: 'ADDRESS_UNKNOWN', message: 'No such street.' },
}

const ABSENT = given()
const REQUESTED = given(requested)
const LABELLED = given(requested, labelled)
const REFUSED = given(requested, refused)
const CANCELLED = given(requested, labelled, cancelled)
const DISPATCHED = given(requested, labelled, dispatched)
const IN_TRANSIT = given(requested, labelled, dispatched, inTransit)
const OUT_FOR_DELIVERY = given(requested, labelled, dispatched, inTransit, outForDelivery)
const DELIVERED = given(requested, labelled, dispatched, inTransit, outForDelivery, delivered(5))
const LOST = given(requested, labelled, dispatched, inTransit, lost(5))
const handedOver = { DISPATCHED, IN_TRANSIT, OUT_FOR_DELIVERY, DELIVERED, LOST }
const everyKnown = { REQUESTED, LABELLED, REFUSED, CANCELLED, ...handedOver }

describe('request', () => {
  test('records the goods and the destination', () => {
    expect(request(ABSENT, aRequest)).toEqual({ accepted: [requested] })
    expect(REQUESTED).toMatchObject({ id: SHIPMENT_ID, status: 'REQUESTED', warehouse: 'BER', tracking: [] })
  })
  test('the state keeps no address', () => {
    expect(JSON.stringify(REQUESTED)).not.toContain('Hauptstr')
  })
  test.each(Object.entries(everyKnown))('is refused for a shipment that is %s', (_, state) => {
    expect(request(state, aRequest)).toMatchObject({ refused: { code: 'SHIPMENT_EXISTS' } })
  })
})

describe('label', () => {
  test('gives the tracking number and the day of delivery', () => {
    expect(label(REQUESTED, LABEL, minute(1))).toEqual({ accepted: [labelled] })
    expect(LABELLED).toMatchObject({ status: 'LABELLED', ...LABEL, updatedAt: minute(1) })
  })
  test.each(Object.entries({ LABELLED, REFUSED, CANCELLED, ...handedOver }))(
    'changes nothing of a shipment that is %s',
    (_, state) => {
      expect(label(state, LABEL, minute(9))).toEqual(nothing)
    },
  )
})

describe('refuseBooking', () => {
  const refusal = { code: 'ADDRESS_UNKNOWN', message: 'No such street.' }
  test('ends the shipment with the reason of the carrier', () => {
    expect(refuseBooking(REQUESTED, refusal, minute(1))).toEqual({ accepted: [refused] })
    expect(REFUSED).toMatchObject({ status: 'REFUSED', refusal })
  })
  test.each(Object.entries({ LABELLED, REFUSED, CANCELLED, ...handedOver }))(
    'changes nothing of a shipment that is %s',
    (_, state) => {
      expect(refuseBooking(state, refusal, minute(9))).toEqual(nothing)
    },
  )
})

describe('cancel', () => {
  test.each(Object.entries({ REQUESTED, LABELLED }))('ends a shipment that is %s', (_, state) => {
    expect(cancel(state, 'cancelled', minute(2))).toEqual({ accepted: [cancelled] })
  })
  test.each(Object.entries({ CANCELLED, REFUSED }))(
    'twice, or of one that is %s, changes nothing and succeeds',
    (_, state) => {
      expect(cancel(state, 'cancelled', minute(9))).toEqual(nothing)
    },
  )
  test.each(Object.entries(handedOver))('is refused for a shipment that is %s', (_, state) => {
    expect(cancel(state, 'cancelled', minute(9))).toMatchObject({ refused: { code: 'SHIPMENT_DISPATCHED' } })
  })
  test('is refused when the carrier says that it has collected the parcel', () => {
    expect(cancel(LABELLED, 'collected', minute(2))).toMatchObject({
      refused: { code: 'SHIPMENT_DISPATCHED' },
    })
  })
})

describe('dispatch', () => {
  test('hands a labelled shipment over', () => {
    const text = 'Handed over to the carrier'
    expect(dispatch(LABELLED, 'collected', minute(2))).toEqual({
      accepted: [{ type: 'ShipmentDispatched', data: { ...of(2), text } }],
    })
  })
  test.each(Object.entries(handedOver))('changes nothing of one that is %s', (_, state) => {
    expect(dispatch(state, 'collected', minute(9))).toEqual(nothing)
  })
  test.each([
    ['REQUESTED', REQUESTED, 'SHIPMENT_NOT_LABELLED'],
    ['REFUSED', REFUSED, 'SHIPMENT_NOT_LABELLED'],
    ['CANCELLED', CANCELLED, 'SHIPMENT_CANCELLED'],
    ['ABSENT', ABSENT, 'SHIPMENT_NOT_FOUND'],
  ])('is refused for a shipment that is %s', (_, state, code) => {
    expect(dispatch(state, 'collected', minute(9))).toMatchObject({ refused: { code } })
  })
})

test.each([
  ['cancelled', 'SHIPMENT_CANCELLED'],
  ['unknown', 'SHIPMENT_NOT_LABELLED'],
] as const)('dispatch is refused when the parcel is %s to the carrier', (carrier, code) => {
  expect(dispatch(LABELLED, carrier, minute(2))).toMatchObject({ refused: { code } })
})

describe('a notice of the carrier', () => {
  test.each([
    ['LABELLED', LABELLED],
    ['IN_TRANSIT', IN_TRANSIT],
  ])('is refused when it has another tracking number: %s', (_, state) => {
    const wrong = { ...notice(9, 'DELIVERED'), label: { trackingNumber: 'ZZ', estimatedDelivery: null } }
    expect(note(state, wrong)).toMatchObject({ refused: { code: 'TRACKING_NUMBER_MISMATCH' } })
  })

  test('moves the shipment one step when it is in order', () => {
    expect(note(LABELLED, notice(2, 'DISPATCHED'))).toEqual({ accepted: [dispatched] })
    expect(note(DISPATCHED, notice(3, 'IN_TRANSIT'))).toEqual({ accepted: [inTransit] })
    expect(note(IN_TRANSIT, notice(4, 'OUT_FOR_DELIVERY'))).toEqual({ accepted: [outForDelivery] })
    expect(note(OUT_FOR_DELIVERY, notice(5, 'DELIVERED'))).toEqual({ accepted: [delivered(5)] })
    expect(note(IN_TRANSIT, notice(5, 'LOST'))).toEqual({ accepted: [lost(5)] })
  })
  test('is added to the tracking, oldest first', () => {
    expect(DELIVERED).toMatchObject({
      status: 'DELIVERED',
      updatedAt: minute(5),
      tracking: [
        { status: 'DISPATCHED', at: minute(2) },
        { status: 'IN_TRANSIT', at: minute(3) },
        { status: 'OUT_FOR_DELIVERY', at: minute(4) },
        { status: 'DELIVERED', at: minute(5) },
      ],
    })
  })
  test('implies the dispatch when it reports a delivery, and the dispatch is recorded first', () => {
    expect(note(LABELLED, notice(5, 'DELIVERED'))).toEqual({
      accepted: [
        { type: 'ShipmentDispatched', data: { ...of(5), text: 'Collected by the carrier' } },
        delivered(5),
      ],
    })
  })
  test('implies the label when none is known', () => {
    expect(note(REQUESTED, notice(3, 'IN_TRANSIT'))).toEqual({
      accepted: [
        { type: 'ShipmentLabelled', data: { ...of(3), ...LABEL } },
        { type: 'ShipmentDispatched', data: { ...of(3), text: 'Collected by the carrier' } },
        inTransit,
      ],
    })
  })
  test('changes nothing when it is older than the last one', () => {
    expect(note(OUT_FOR_DELIVERY, notice(3, 'IN_TRANSIT'))).toEqual(nothing)
    expect(note(OUT_FOR_DELIVERY, notice(9, 'DISPATCHED'))).toEqual(nothing)
  })
  test('changes nothing when it is repeated', () => {
    expect(note(DISPATCHED, notice(2, 'DISPATCHED'))).toEqual(nothing)
    expect(note(IN_TRANSIT, notice(3, 'IN_TRANSIT'))).toEqual(nothing)
    expect(note(DELIVERED, notice(5, 'DELIVERED'))).toEqual(nothing)
  })
  test('is another entry when it reports the same stage later', () => {
    expect(note(IN_TRANSIT, notice(7, 'IN_TRANSIT'))).toEqual({ accepted: [tracked(7, 'IN_TRANSIT')] })
  })
  test('is dropped beyond the limit of entries of one stage', () => {
    const many = Array.from({ length: MAX_TRACKING }, (_, n) => tracked(n + 3, 'IN_TRANSIT'))
    const state = given(requested, labelled, dispatched, ...many)
    expect(note(state, notice(500, 'IN_TRANSIT'))).toEqual(nothing)
    expect(note(state, notice(500, 'DELIVERED'))).toEqual({ accepted: [delivered(500)] })
  })
  test.each(Object.entries({ CANCELLED, REFUSED, DELIVERED, LOST }))(
    'changes nothing of a shipment that is %s',
    (_, state) => {
      for (const status of ['DISPATCHED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED', 'LOST'] as const)
        expect(note(state, notice(9, status))).toEqual(nothing)
    },
  )
})

test('every command on an absent shipment is refused as not found', () => {
  const found = { refused: { code: 'SHIPMENT_NOT_FOUND' } }
  expect(label(ABSENT, LABEL, minute(1))).toMatchObject(found)
  expect(refuseBooking(ABSENT, { code: 'X', message: 'x' }, minute(1))).toMatchObject(found)
  expect(cancel(ABSENT, 'cancelled', minute(1))).toMatchObject(found)
  expect(note(ABSENT, notice(1, 'DISPATCHED'))).toMatchObject(found)
})
