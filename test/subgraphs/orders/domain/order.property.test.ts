// Tests invariants of an order under random commands: lawful status changes, sums of units and money, and replay.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { OrderEvent, OrderStatus } from '#subgraphs/orders/domain/events.ts'
import { absent, evolve, isKnownAt, type Order } from '#subgraphs/orders/domain/order.ts'
import * as decide from '#subgraphs/orders/domain/order-commands.ts'
import * as returns from '#subgraphs/orders/domain/returns.ts'
import {
  AT,
  complete,
  confirm,
  deliver,
  isPlaced,
  place,
  placement,
  type Step,
  usd,
} from '#test/subgraphs/orders/domain/order-fixture.ts'

const at = AT
const LEGAL: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  PLACED: ['CONFIRMED', 'CANCELLED'],
  CONFIRMED: ['PARTIALLY_SHIPPED', 'SHIPPED', 'CANCELLED'],
  PARTIALLY_SHIPPED: ['SHIPPED', 'COMPLETED'],
  SHIPPED: ['DELIVERED', 'COMPLETED'],
  DELIVERED: ['COMPLETED', 'RETURNED'],
  COMPLETED: ['RETURNED'],
  CANCELLED: [],
  RETURNED: [],
}

const shipment = fc.constantFrom('shp_1', 'shp_2', 'shp_3')
const returned = fc.constantFrom('ret_1', 'ret_2', 'ret_3')
const lines = fc.array(
  fc.record({ sku: fc.constantFrom('MUG', 'POT', 'CUP'), quantity: fc.integer({ min: 1, max: 3 }) }),
  { minLength: 1, maxLength: 3 },
)
const total = fc.integer({ min: 0, max: 12_000 })

const command: fc.Arbitrary<Step> = fc.oneof(
  stepOf(total, (order, minor) => decide.place(order, placement({ total: usd(minor) }))),
  fc.constant<Step>(order => decide.noteApprovalAwaited(order, { at })),
  { weight: 3, arbitrary: fc.constant(confirm) },
  fc.constant<Step>(order => decide.requestCancellation(order, { at })),
  fc.constant<Step>(order => decide.rejectCancellation(order, { message: 'no', at })),
  fc.constant<Step>(order =>
    decide.cancel(order, { reason: 'CUSTOMER_REQUEST', message: 'no', details: {}, at }),
  ),
  {
    weight: 4,
    arbitrary: stepOf(fc.tuple(shipment, lines), (order, [shipmentId, units]) =>
      decide.noteShipped(order, { shipmentId, lines: units, at }),
    ),
  },
  { weight: 3, arbitrary: shipment.map(deliver) },
  fc.constant(complete),
  {
    weight: 3,
    arbitrary: stepOf(fc.tuple(returned, lines), (order, [returnId, units]) =>
      returns.requestReturn(order, { returnId, lines: units, reason: 'no', at }),
    ),
  },
  {
    weight: 3,
    arbitrary: stepOf(returned, (order, returnId) => returns.receiveReturn(order, { returnId, at })),
  },
  stepOf(returned, (order, returnId) => returns.rejectReturn(order, { returnId, at })),
  stepOf(returned, (order, returnId) => returns.noteReturnRefunded(order, { returnId, at })),
)
const start = fc.constantFrom<Step[]>([], [place], [place, confirm])
const commands = fc
  .tuple(start, fc.array(command, { maxLength: 40 }))
  .map(([first, rest]) => [...first, ...rest])

/** Steps that decide with values of `arbitrary`. */
function stepOf<T>(
  arbitrary: fc.Arbitrary<T>,
  decision: (order: Order, value: T) => ReturnType<Step>,
): fc.Arbitrary<Step> {
  return arbitrary.map(value => order => decision(order, value))
}

type Run = {
  readonly order: Order
  readonly events: readonly OrderEvent[]
  readonly visited: readonly Order[]
}

function run(steps: readonly Step[]): Run {
  let order: Order = absent
  const events: OrderEvent[] = []
  const visited: Order[] = [order]
  for (const step of steps) {
    const decision = step(order)
    for (const event of 'accepted' in decision ? decision.accepted : []) {
      order = evolve(order, event)
      events.push(event)
      visited.push(order)
    }
  }
  return { order, events, visited }
}

test('a status changes only along the flow, and the events record each change', () => {
  fc.assert(
    fc.property(commands, steps => {
      const { visited, events } = run(steps)
      events.forEach((event, index) => {
        const [before, after] = [visited[index], visited[index + 1]]
        if (!before || !after) throw new Error('an event without states around it')
        if (before.status === 'ABSENT') expect(after.status).toBe('PLACED')
        else if (before.status !== after.status) expect(LEGAL[before.status]).toContain(after.status)
        if ('from' in event.data)
          expect([event.data.from, event.data.to]).toEqual([before.status, after.status])
      })
    }),
    { numRuns: 1000 },
  )
})

test('no unit is shipped that was not ordered, or returned that was not shipped', () => {
  fc.assert(
    fc.property(commands, steps => {
      const { order } = run(steps)
      for (const line of isPlaced(order) ? order.lines : []) {
        expect(line.shipped).toBeLessThanOrEqual(line.quantity)
        expect(line.returned).toBeLessThanOrEqual(line.shipped)
      }
    }),
    { numRuns: 1000 },
  )
})

test('refunds never exceed what was paid, nor the value of the goods', () => {
  fc.assert(
    fc.property(commands, steps => {
      const { order } = run(steps)
      if (!isPlaced(order)) return
      const refunds = order.returns
        .filter(({ status }) => status !== 'REJECTED')
        .map(entry => entry.refund.minor)
      const sum = refunds.reduce((one, other) => one + other, 0)
      expect(Math.min(...refunds, 0)).toBe(0)
      expect(sum).toBeLessThanOrEqual(Math.min(order.total.minor, order.itemsTotal.minor))
    }),
    { numRuns: 1000 },
  )
})

test('replaying the events, through JSON, gives the same state', () => {
  fc.assert(
    fc.property(commands, steps => {
      const { order, events } = run(steps)
      const stored: OrderEvent[] = JSON.parse(JSON.stringify(events))
      expect(JSON.parse(JSON.stringify(stored.reduce(evolve, absent)))).toEqual(
        JSON.parse(JSON.stringify(order)),
      )
    }),
  )
})

test('at each instant of its timeline an order has the state after that event, even when clocks differ', () => {
  fc.assert(
    fc.property(commands, fc.infiniteStream(fc.integer({ min: 0, max: 5 })), (steps, minutes) => {
      const events = run(steps).events.map(event => happenedAt(event, minutes.next().value))
      const visited = events.map((_, index) => events.slice(0, index + 1).reduce(evolve, absent as Order))
      const order = visited.at(-1)
      if (!order || !isPlaced(order)) return
      const times = order.timeline.map(entry => entry.at)
      expect(times).toEqual(times.toSorted())
      times.forEach(time => {
        const known = visited.filter(state => isKnownAt(state, time))
        expect(known).toEqual(visited.slice(0, times.filter(other => other <= time).length))
      })
    }),
    { numRuns: 500 },
  )
})

function happenedAt(event: OrderEvent, minute: number): OrderEvent {
  const time = `2026-03-01T10:0${minute}:00.000Z`
  return event.type === 'OrderPlaced'
    ? { ...event, data: { ...event.data, placedAt: time } }
    : ({ ...event, data: { ...event.data, at: time } } as OrderEvent)
}
