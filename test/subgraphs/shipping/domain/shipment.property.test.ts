// Tests invariants of a shipment under random histories of commands and notices.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Decision } from '#platform/domain/decision.ts'
import {
  cancel,
  dispatch,
  evolve,
  label,
  note,
  refuseBooking,
  request,
  type Shipment,
  type ShipmentEvent,
  type ShipmentRefusal,
  type ShipmentStatus,
} from '#subgraphs/shipping/domain/shipment.ts'
import { aRequest, LABEL, minute, notice } from './shipment-fixture.ts'

type Step = (state: Shipment) => Decision<ShipmentEvent, ShipmentRefusal>

const LAWFUL: Readonly<Record<Shipment['status'], readonly ShipmentStatus[]>> = {
  ABSENT: ['REQUESTED'],
  REQUESTED: ['LABELLED', 'REFUSED', 'CANCELLED'],
  LABELLED: ['DISPATCHED', 'CANCELLED'],
  REFUSED: [],
  CANCELLED: [],
  DISPATCHED: ['IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED', 'LOST'],
  IN_TRANSIT: ['IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED', 'LOST'],
  OUT_FOR_DELIVERY: ['OUT_FOR_DELIVERY', 'DELIVERED', 'LOST'],
  DELIVERED: [],
  LOST: [],
}

const time = fc.integer({ min: 0, max: 30 })
const status = fc.constantFrom('DISPATCHED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED', 'LOST')
const cancelling = fc.constantFrom('cancelled', 'collected')
const collecting = fc.constantFrom('collected', 'cancelled', 'unknown')
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constant<Step>(state => request(state, aRequest)),
  stepOf(time, (state, n) => label(state, LABEL, minute(n))),
  stepOf(time, (state, n) => refuseBooking(state, { code: 'NO', message: 'no' }, minute(n))),
  stepOf(fc.tuple(time, cancelling), (state, [n, said]) => cancel(state, said, minute(n))),
  stepOf(fc.tuple(time, collecting), (state, [n, said]) => dispatch(state, said, minute(n))),
  stepOf(fc.tuple(time, status), (state, [n, told]) => note(state, notice(n, told))),
)
const steps = fc
  .array(step, { maxLength: 25 })
  .map(some => [(state: Shipment) => request(state, aRequest), ...some])

/** Steps that decide with values of `arbitrary`. */
function stepOf<T>(
  arbitrary: fc.Arbitrary<T>,
  decide: (state: Shipment, value: T) => ReturnType<Step>,
): fc.Arbitrary<Step> {
  return arbitrary.map(value => state => decide(state, value))
}

function play(all: readonly Step[]): { state: Shipment; events: ShipmentEvent[]; statuses: string[] } {
  let state: Shipment = { status: 'ABSENT' }
  const events: ShipmentEvent[] = []
  const statuses: string[] = [state.status]
  for (const one of all) {
    const decision = one(state)
    for (const event of 'accepted' in decision ? decision.accepted : []) {
      const next = evolve(state, event)
      expect(LAWFUL[state.status], `${state.status} -> ${next.status}`).toContain(next.status)
      state = next
      events.push(event)
      statuses.push(state.status)
    }
  }
  return { state, events, statuses }
}

test('the status changes only by the allowed transitions', () => {
  fc.assert(fc.property(steps, all => void play(all)))
})

test('nothing is delivered or lost that was not dispatched, once', () => {
  fc.assert(
    fc.property(steps, all => {
      const { statuses } = play(all)
      const dispatches = statuses.filter(status => status === 'DISPATCHED').length
      const ended = statuses.some(status => status === 'DELIVERED' || status === 'LOST')
      expect(dispatches).toBeLessThanOrEqual(1)
      if (ended) expect(dispatches).toBe(1)
    }),
  )
})

test('nothing that was cancelled or refused is ever dispatched', () => {
  fc.assert(
    fc.property(steps, all => {
      const { statuses } = play(all)
      if (statuses.includes('CANCELLED') || statuses.includes('REFUSED'))
        expect(statuses).not.toContain('DISPATCHED')
    }),
  )
})

test('replaying the events gives the same state', () => {
  fc.assert(
    fc.property(steps, all => {
      const { state, events } = play(all)
      const stored: ShipmentEvent[] = JSON.parse(JSON.stringify(events))
      expect(stored.reduce(evolve, { status: 'ABSENT' } as Shipment)).toEqual(state)
    }),
  )
})

test('a step repeated at once changes nothing the second time', () => {
  fc.assert(
    fc.property(steps, step, (all, last) => {
      const once = play([...all, last])
      const twice = last(once.state)
      if ('accepted' in twice) expect(twice.accepted).toEqual([])
    }),
  )
})

test('a delivered parcel ends delivered, in whatever order its notices arrive and repeat', () => {
  const story = (['DISPATCHED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED'] as const).map((status, n) =>
    notice(n + 1, status),
  )
  const told = fc.shuffledSubarray([...story, ...story], { minLength: 8, maxLength: 8 })
  fc.assert(
    fc.property(told, notices => {
      const noted = notices.map<Step>(one => state => note(state, one))
      const { state } = play([
        state => request(state, aRequest),
        state => label(state, LABEL, minute(0)),
        ...noted,
      ])
      expect(state.status).toBe('DELIVERED')
    }),
  )
})
