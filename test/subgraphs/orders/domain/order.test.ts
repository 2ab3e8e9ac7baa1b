// Tests the order's decisions by given/when/then: past events, a command, and its result.
import { describe, expect, test } from 'vitest'
import type { OrderEvent } from '#subgraphs/orders/domain/events.ts'
import * as decide from '#subgraphs/orders/domain/order-commands.ts'
import { orderNumber } from '#subgraphs/orders/domain/order-number.ts'
import { TIMELINE_LIMIT } from '#subgraphs/orders/domain/timeline.ts'
import {
  AT,
  complete,
  confirm,
  deliver,
  given,
  must,
  ORDER_ID,
  outcome,
  place,
  placement,
  type Step,
  ship,
  usd,
} from '#test/subgraphs/orders/domain/order-fixture.ts'

const at = AT
const awaitApproval: Step = order => decide.noteApprovalAwaited(order, { at })
const requestCancellation: Step = order => decide.requestCancellation(order, { at })
const rejectCancellation: Step = order => decide.rejectCancellation(order, { message: 'It has left.', at })
const cancel: Step = order =>
  decide.cancel(order, { reason: 'OUT_OF_STOCK', message: 'Gone.', details: { shortages: [] }, at })
const shipAll = ship('shp_1', ['MUG', 3], ['POT', 2])

const histories = {
  absent: [],
  placed: [place],
  awaiting: [place, awaitApproval],
  cancelling: [place, requestCancellation],
  confirmed: [place, confirm],
  partlyShipped: [place, confirm, ship('shp_1', ['MUG', 2])],
  shipped: [place, confirm, shipAll],
  delivered: [place, confirm, shipAll, deliver('shp_1')],
  completed: [place, confirm, shipAll, deliver('shp_1'), complete],
  cancelled: [place, cancel],
} satisfies Record<string, Step[]>
type History = keyof typeof histories

describe('each command in each state', () => {
  const table: [string, Step, Record<string, string>][] = [
    ['place', place, all('nothing', { absent: 'OrderPlaced' })],
    [
      'await approval',
      awaitApproval,
      all('nothing', {
        placed: 'PaymentApprovalAwaited',
        cancelling: 'PaymentApprovalAwaited',
      }),
    ],
    [
      'confirm',
      confirm,
      all('nothing', {
        placed: 'OrderConfirmed',
        awaiting: 'OrderConfirmed',
        cancelling: 'OrderConfirmed',
        cancelled: 'ORDER_CANCELLED',
      }),
    ],
    [
      'request cancellation',
      requestCancellation,
      all('ORDER_SHIPPED', {
        placed: 'CancellationRequested',
        awaiting: 'CancellationRequested',
        confirmed: 'CancellationRequested',
        cancelling: 'nothing',
        cancelled: 'nothing',
      }),
    ],
    ['reject cancellation', rejectCancellation, all('nothing', { cancelling: 'CancellationRejected' })],
    [
      'cancel',
      cancel,
      all('ORDER_SHIPPED', {
        placed: 'OrderCancelled',
        awaiting: 'OrderCancelled',
        cancelling: 'OrderCancelled',
        confirmed: 'OrderCancelled',
        cancelled: 'nothing',
      }),
    ],
    [
      'note a new shipment',
      ship('shp_2', ['MUG', 1]),
      all('SHIPMENT_EXCEEDS_ORDER', {
        placed: 'ORDER_NOT_CONFIRMED',
        awaiting: 'ORDER_NOT_CONFIRMED',
        cancelling: 'ORDER_NOT_CONFIRMED',
        cancelled: 'ORDER_CANCELLED',
        confirmed: 'OrderShipped',
        partlyShipped: 'OrderShipped',
      }),
    ],
    [
      'note a delivery',
      deliver('shp_1'),
      all('SHIPMENT_NOT_FOUND', {
        partlyShipped: 'OrderDelivered',
        shipped: 'OrderDelivered',
        delivered: 'nothing',
        completed: 'nothing',
      }),
    ],
    [
      'complete',
      complete,
      all('ORDER_NOT_SHIPPED', {
        cancelled: 'ORDER_CANCELLED',
        partlyShipped: 'OrderCompleted',
        shipped: 'OrderCompleted',
        delivered: 'OrderCompleted',
        completed: 'nothing',
      }),
    ],
  ]

  test.each(table)('%s', (_, command, expected) => {
    const found = Object.fromEntries(
      Object.entries(histories).map(([name, steps]) => [name, outcome(command(given(...steps)))]),
    )
    expect(found).toEqual(expected)
  })

  test.each(table)('%s twice changes nothing the second time', (_, command) => {
    for (const steps of Object.values(histories)) {
      const first = command(given(...steps))
      if ('refused' in first) continue
      expect(outcome(command(given(...steps, command)))).toBe('nothing')
    }
  })
})

describe('shipping in parts', () => {
  test('an order is partially shipped until its last unit has left, and delivered when all has arrived', () => {
    const parts = [place, confirm, ship('shp_1', ['MUG', 3], ['POT', 1])]
    expect(given(...parts).status).toBe('PARTIALLY_SHIPPED')
    const early = [...parts, deliver('shp_1')]
    expect(given(...early).status).toBe('PARTIALLY_SHIPPED')
    const both = [...early, ship('shp_2', ['POT', 1])]
    expect(given(...both).status).toBe('SHIPPED')
    expect(given(...both, deliver('shp_2')).status).toBe('DELIVERED')
  })

  test('a shipment counts once, and what was shipped and delivered is kept by line', () => {
    const order = must(given(place, confirm, ship('shp_1', ['MUG', 2]), ship('shp_1', ['MUG', 2])))
    expect(order.lines.map(line => line.shipped)).toEqual([2, 0])
    expect(order.shipments).toHaveLength(1)
  })

  test('more than is still to be sent is refused, also of a product that was not ordered', () => {
    const order = given(place, confirm, ship('shp_1', ['MUG', 2]))
    expect(outcome(ship('shp_2', ['MUG', 2])(order))).toBe('SHIPMENT_EXCEEDS_ORDER')
    expect(outcome(ship('shp_2', ['CUP', 1])(order))).toBe('SHIPMENT_EXCEEDS_ORDER')
    expect(outcome(ship('shp_2', ['MUG', 1], ['MUG', 1])(order))).toBe('SHIPMENT_EXCEEDS_ORDER')
  })

  test('lines of one product at two prices are filled in their order', () => {
    const lines = [
      { lineNo: 1, sku: 'MUG', title: 'Mug', quantity: 2, unitPrice: usd(1000), weightGrams: 300 },
      { lineNo: 2, sku: 'MUG', title: 'Mug', quantity: 2, unitPrice: usd(900), weightGrams: 300 },
    ]
    const order = given(o => decide.place(o, placement({ lines })), confirm, ship('shp_1', ['MUG', 3]))
    expect(must(order).lines.map(line => line.shipped)).toEqual([2, 1])
    expect(order.status).toBe('PARTIALLY_SHIPPED')
  })

  test('an order whose remaining units were released completes with the shipped ones', () => {
    const order = given(place, confirm, ship('shp_1', ['MUG', 2]), deliver('shp_1'), complete)
    expect(order.status).toBe('COMPLETED')
    expect(outcome(ship('shp_2', ['MUG', 1])(order))).toBe('SHIPMENT_EXCEEDS_ORDER')
  })

  test('a fully shipped order is delivered with its last delivery, not before', () => {
    const sent = [place, confirm, ship('shp_1', ['MUG', 3]), ship('shp_2', ['POT', 2])]
    expect(given(...sent, deliver('shp_2')).status).toBe('SHIPPED')
    expect(given(...sent, deliver('shp_2'), deliver('shp_1')).status).toBe('DELIVERED')
  })
})

test('a cancelled order keeps the first reason and its total', () => {
  const again: Step = order =>
    decide.cancel(order, { reason: 'CUSTOMER_REQUEST', message: 'Later.', details: {}, at })
  const order = must(given(place, cancel, again))
  expect(order.cancellation).toEqual({
    reason: 'OUT_OF_STOCK',
    message: 'Gone.',
    details: { shortages: [] },
    at,
  })
  expect(eventOf(cancel, place)).toMatchObject({
    data: { from: 'PLACED', to: 'CANCELLED', total: usd(8500) },
  })
})

test('approval is awaited until the order is confirmed', () => {
  expect(must(given(place, awaitApproval)).awaitingApproval).toBe(true)
  expect(must(given(place, awaitApproval, confirm)).awaitingApproval).toBe(false)
})

test.each<[string, Step[], RegExp]>([
  ['on its way', [place, confirm, shipAll], /on its way: it can be sent back after delivery/],
  ['partly on its way', [place, confirm, ship('shp_1', ['MUG', 1])], /A part of the order is on its way/],
  ['there', [place, confirm, shipAll, deliver('shp_1')], /has arrived: it can be sent back/],
  ['completed', [place, confirm, shipAll, complete], /is completed/],
  [
    'partly cancelled',
    [place, confirm, requestCancellation, rejectCancellation, ship('shp_1', ['MUG', 1])],
    /^It has left\.$/,
  ],
])(
  'a cancellation of an order that is %s is refused with a message on what cannot be cancelled',
  (_what, steps, why) => {
    const decision = requestCancellation(given(...steps))
    expect(decision).toMatchObject({
      refused: { code: 'ORDER_SHIPPED', message: expect.stringMatching(why) },
    })
  },
)

test('a cancellation can be requested again after a rejection', () => {
  const order = given(place, requestCancellation, rejectCancellation)
  expect(must(order).cancellationRequested).toBe(false)
  expect(outcome(requestCancellation(order))).toBe('CancellationRequested')
})

test('payment tokens are stored in the event and not in the state', () => {
  expect(JSON.stringify(given(place))).not.toContain('tok_approve')
})

test('the timeline describes each event, and keeps the first and the newest ones', () => {
  const few = must(given(place, confirm, ship('shp_1', ['MUG', 1])))
  expect(few.timeline.map(entry => entry.text)).toEqual([
    'Order placed',
    'Order confirmed: the goods are held and the payment is authorised',
    '1 unit sent',
  ])
  const back = Array.from({ length: TIMELINE_LIMIT }, () => [requestCancellation, rejectCancellation]).flat()
  const many = must(given(place, ...back)).timeline
  expect(many).toHaveLength(TIMELINE_LIMIT)
  expect(many.at(0)?.type).toBe('OrderPlaced')
  expect(many.at(-1)?.type).toBe('CancellationRejected')
})

test('the number is W and ten base32 digits of the id, stable and without look-alikes', () => {
  expect(orderNumber(ORDER_ID)).toBe('W014D2PF2DB')
  expect(orderNumber('ord_ffffffff-ffff-7fff-bfff-ffffffffffff')).toBe('WZZZZZZZZZZ')
})

/** The same answer in all states, but for `others`; an absent order is not found unless they say so. */
function all(answer: string, others: Partial<Record<History, string>> = {}): Record<string, string> {
  const same = Object.fromEntries(Object.keys(histories).map(name => [name, answer]))
  return { ...same, absent: 'ORDER_NOT_FOUND', ...others }
}

function eventOf(command: Step, ...steps: Step[]): OrderEvent | undefined {
  const decision = command(given(...steps))
  return 'accepted' in decision ? decision.accepted[0] : undefined
}
