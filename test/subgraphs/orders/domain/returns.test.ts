// Tests returns: which units may be returned, how much money they give back, and the order's status.
import { describe, expect, test } from 'vitest'
import type { OrderEvent, OrderPlaced } from '#subgraphs/orders/domain/events.ts'
import * as decide from '#subgraphs/orders/domain/order-commands.ts'
import * as returns from '#subgraphs/orders/domain/returns.ts'
import {
  AT,
  complete,
  confirm,
  deliver,
  given,
  must,
  outcome,
  place,
  placement,
  type Step,
  ship,
  toUnits,
  usd,
} from '#test/subgraphs/orders/domain/order-fixture.ts'

const at = AT
const shipAll = ship('shp_1', ['MUG', 3], ['POT', 2])
const arrive = deliver('shp_1')
const ask =
  (returnId: string, ...lines: [string, number][]): Step =>
  order =>
    returns.requestReturn(order, {
      returnId,
      lines: lines.map(toUnits),
      reason: 'broken',
      at,
    })
const receive =
  (returnId: string): Step =>
  order =>
    returns.receiveReturn(order, { returnId, at })
const reject =
  (returnId: string): Step =>
  order =>
    returns.rejectReturn(order, { returnId, at })
const refunded =
  (returnId: string): Step =>
  order =>
    returns.noteReturnRefunded(order, { returnId, at })

function sale(minor: number): Partial<OrderPlaced> {
  return { adjustments: [{ label: 'Sale', amount: usd(minor) }], total: usd(8500 + minor) }
}

function acceptedBy(decision: ReturnType<Step>): readonly OrderEvent[] {
  return 'accepted' in decision ? decision.accepted : []
}

function refunds(...steps: Step[]): number[] {
  return must(given(...steps)).returns.map(entry => entry.refund.minor)
}

function delivered(changes: Partial<OrderPlaced> = {}): Step[] {
  return [order => decide.place(order, placement(changes)), confirm, shipAll, arrive]
}

describe('requesting a return', () => {
  test('a delivered unit can go back for its price', () => {
    const order = must(given(...delivered(), ask('ret_1', ['MUG', 2], ['POT', 1])))
    expect(order.returns).toMatchObject([{ status: 'REQUESTED', refund: usd(4500), reason: 'broken' }])
    expect(order.status).toBe('DELIVERED')
  })

  test('nothing can be returned before delivery', () => {
    const shipped = given(place, confirm, shipAll)
    expect(outcome(ask('ret_1', ['MUG', 1])(shipped))).toBe('ORDER_NOT_DELIVERED')
  })

  test('each unit can be returned once, and again after a rejection', () => {
    const once = [...delivered(), ask('ret_1', ['MUG', 2])]
    expect(outcome(ask('ret_2', ['MUG', 2])(given(...once)))).toBe('RETURN_EXCEEDS_DELIVERED')
    expect(outcome(ask('ret_2', ['MUG', 2])(given(...once, reject('ret_1'))))).toBe('ReturnRequested')
  })

  test('units that were not ordered, or not delivered yet, cannot be returned', () => {
    expect(outcome(ask('ret_1', ['CUP', 1])(given(...delivered())))).toBe('RETURN_EXCEEDS_DELIVERED')
    const half: Step[] = [
      ...[place, confirm, ship('shp_1', ['MUG', 3]), ship('shp_2', ['POT', 2]), arrive],
      complete, // the second shipment was lost
    ]
    expect(outcome(ask('ret_1', ['POT', 1])(given(...half)))).toBe('RETURN_EXCEEDS_DELIVERED')
    expect(outcome(ask('ret_1', ['MUG', 3])(given(...half)))).toBe('ReturnRequested')
  })

  test('a discount lowers refunds in proportion, and together they are the price of the goods', () => {
    const parts = [ask('ret_1', ['MUG', 1]), ask('ret_2', ['MUG', 2], ['POT', 2])]
    expect(refunds(...delivered(sale(-100)), ...parts)).toEqual([987, 6913])
    expect(refunds(...delivered(sale(-3500)), ...parts)).toEqual([562, 3938])
    expect(refunds(...delivered(sale(-8400)), ...parts)).toEqual([0, 0])
  })

  test('the cheaper units of a product at two prices are returned first', () => {
    const lines = [
      { lineNo: 1, sku: 'MUG', title: 'Mug', quantity: 3, unitPrice: usd(1000), weightGrams: 300 },
      { lineNo: 2, sku: 'POT', title: 'Pot', quantity: 1, unitPrice: usd(2500), weightGrams: 900 },
      { lineNo: 3, sku: 'POT', title: 'Pot', quantity: 1, unitPrice: usd(2000), weightGrams: 900 },
    ]
    const two = { lines, itemsTotal: usd(7500), total: usd(8000) }
    expect(refunds(...delivered(two), ask('ret_1', ['POT', 1]), ask('ret_2', ['POT', 1]))).toEqual([
      2000, 2500,
    ])
  })

  test('a return gives back the price of the goods, never the fee or a surcharge', () => {
    const wrapped = { adjustments: [{ label: 'Gift wrap', amount: usd(300) }], total: usd(8800) }
    expect(refunds(...delivered(wrapped), ask('ret_1', ['MUG', 3], ['POT', 2]))).toEqual([8000])
  })

  test('a returned and a lost unit of a product at two prices together give back both prices', () => {
    const lines = [
      { lineNo: 1, sku: 'SOCK', title: 'Sock', quantity: 1, unitPrice: usd(1000), weightGrams: 100 },
      { lineNo: 2, sku: 'SOCK', title: 'Sock', quantity: 1, unitPrice: usd(200), weightGrams: 100 },
    ]
    const sendSock = (shipmentId: string, lineNo: number): Step => {
      const units = [{ lineNo, from: 0, to: 1 }]
      return o => decide.noteShipped(o, { shipmentId, lines: [{ sku: 'SOCK', quantity: 1 }], units, at })
    }
    const steps = (lost: number): Step[] => [
      o => decide.place(o, placement({ lines, itemsTotal: usd(1200), total: usd(1700) })),
      confirm,
      ...[sendSock('shp_2', 2 - lost), sendSock('shp_1', 1 + lost), arrive],
      o => decide.noteLost(o, { shipmentId: 'shp_2', at }),
      complete,
      ask('ret_1', ['SOCK', 1]),
    ]
    expect(refunds(...steps(0))).toEqual([1000])
    expect(refunds(...steps(1))).toEqual([200])
  })

  test('the number of returns of an order is limited', () => {
    const cycles = Array.from({ length: returns.RETURNS_LIMIT }, (_, n) => [
      ask(`ret_${n}`, ['MUG', 1]),
      reject(`ret_${n}`),
    ]).flat()
    expect(outcome(ask('ret_more', ['MUG', 1])(given(...delivered(), ...cycles)))).toBe('RETURNS_EXHAUSTED')
  })
})

describe('deciding on a return', () => {
  const asked = [...delivered(), complete, ask('ret_1', ['MUG', 3])]

  test('each decision is made once, and the opposite one is refused afterwards', () => {
    expect(outcome(receive('ret_1')(given(...asked)))).toBe('ReturnReceived')
    expect(outcome(receive('ret_1')(given(...asked, receive('ret_1'))))).toBe('nothing')
    expect(outcome(reject('ret_1')(given(...asked, receive('ret_1'))))).toBe('RETURN_RECEIVED')
    expect(outcome(reject('ret_1')(given(...asked, reject('ret_1'))))).toBe('nothing')
    expect(outcome(receive('ret_1')(given(...asked, reject('ret_1'))))).toBe('RETURN_REJECTED')
    expect(outcome(receive('ret_9')(given(...asked)))).toBe('RETURN_NOT_FOUND')
  })

  test('only received goods are refunded, once', () => {
    expect(outcome(refunded('ret_1')(given(...asked)))).toBe('RETURN_NOT_RECEIVED')
    const back = [...asked, receive('ret_1'), refunded('ret_1')]
    expect(must(given(...back)).returns[0]?.status).toBe('REFUNDED')
    expect(outcome(refunded('ret_1')(given(...back)))).toBe('nothing')
  })

  test('the refund is recalculated when the goods arrive, and is the refunded amount in the end', () => {
    const lines = [
      { lineNo: 1, sku: 'MUG', title: 'Mug', quantity: 1, unitPrice: usd(500), weightGrams: 300 },
      { lineNo: 2, sku: 'MUG', title: 'Mug', quantity: 2, unitPrice: usd(1000), weightGrams: 300 },
    ]
    const two = { lines, itemsTotal: usd(2500), total: usd(3000) }
    const both = [
      ...[(o => decide.place(o, placement(two))) satisfies Step, confirm, ship('shp_1', ['MUG', 3]), arrive],
      ...[ask('ret_1', ['MUG', 1]), ask('ret_2', ['MUG', 1])],
    ]
    expect(refunds(...both)).toEqual([500, 1000])
    const turned = [...both, receive('ret_2'), receive('ret_1')]
    expect(refunds(...turned)).toEqual([1000, 500])
    const told: Step = o => returns.noteReturnRefunded(o, { returnId: 'ret_1', refund: usd(499), at })
    expect(refunds(...turned, told)).toEqual([499, 500])
  })

  test('an amount that an older build promised too much is not promised again', () => {
    const history = given(...delivered(sale(-100)), ask('ret_1', ['MUG', 3]), receive('ret_1'))
    const [older] = must(history).returns
    const promised = { ...must(history), returns: older ? [{ ...older, refund: usd(3000) }] : [] }
    const [event] = acceptedBy(ask('ret_2', ['POT', 2])(promised))
    expect(event).toMatchObject({ type: 'ReturnRequested', data: { refund: usd(7900 - 3000) } })
  })

  test('the order is returned once every unit is back', () => {
    const some = [...asked, receive('ret_1')]
    expect(given(...some).status).toBe('COMPLETED')
    const rest = [...some, ask('ret_2', ['POT', 2]), receive('ret_2')]
    expect(given(...rest).status).toBe('RETURNED')
    expect(must(given(...rest)).lines.map(line => line.returned)).toEqual([3, 2])
  })
})

test('every command on returns is refused for an unknown order', () => {
  for (const command of [ask('ret_1', ['MUG', 1]), receive('ret_1'), reject('ret_1'), refunded('ret_1')])
    expect(outcome(command({ status: 'ABSENT' }))).toBe('ORDER_NOT_FOUND')
})
