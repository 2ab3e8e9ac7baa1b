// How an order stands, over every combination of what may have happened to it, in every language.
import { describe, expect, test } from 'vitest'
import { localizationFor, remarkTexts, statusText } from '#bff-mobile/views/localization.ts'
import {
  factsOf,
  type OrderFacts,
  type OrderProgress,
  orderProgress,
} from '#bff-mobile/views/order-progress.ts'
import type { OrderPartsFragment, OrderStatus } from '#schema/generated/bff-mobile-operations.ts'

const usd = (amount: string) => ({ amount, currency: 'USD' })
type Order = Parameters<typeof factsOf>[0]
type Line = OrderPartsFragment['lines'][number]

/** Units shipped, delivered, lost and returned of so many that were ordered. */
function line(ordered: number, shipped = 0, delivered = 0, lost = 0, returned = 0): Line {
  return {
    lineNo: 1,
    sku: 'mug',
    title: 'Mug',
    quantity: ordered,
    shippedQuantity: shipped,
    deliveredQuantity: delivered,
    lostQuantity: lost,
    returnedQuantity: returned,
  }
}

function order(status: OrderStatus, of: Line, more: Partial<Order> = {}): Order {
  return { status, awaitingApproval: false, lines: [of], refunded: usd('0.00'), debts: [], ...more }
}

const open = (owedBy: 'CUSTOMER' | 'SHOP') => ({ debts: [{ owedBy, resolution: null }] })
const back = { refunded: usd('27.94') }

const TABLE: readonly [string, Order, string, OrderProgress['tone']][] = [
  ['placed', order('PLACED', line(2)), 'Being confirmed', 'WAITING'],
  ['waiting', order('PLACED', line(2), { awaitingApproval: true }), 'Waiting for your payment', 'WAITING'],
  ['confirmed', order('CONFIRMED', line(2), { awaitingApproval: true }), 'Confirmed', 'ACTIVE'],
  ['partly sent', order('PARTIALLY_SHIPPED', line(2, 1)), 'Partly on its way', 'ACTIVE'],
  ['partly there', order('PARTIALLY_SHIPPED', line(2, 1, 1)), 'Partly delivered', 'ACTIVE'],
  ['partly lost', order('PARTIALLY_SHIPPED', line(2, 1, 0, 1)), 'Confirmed · part of it was lost', 'PROBLEM'],
  ['sent', order('SHIPPED', line(2, 2)), 'On its way', 'ACTIVE'],
  ['one arrived', order('SHIPPED', line(2, 2, 1)), 'Partly delivered', 'ACTIVE'],
  [
    'one lost, one coming',
    order('SHIPPED', line(2, 2, 0, 1)),
    'Partly on its way · part of it was lost',
    'PROBLEM',
  ],
  ['all lost, not settled', order('SHIPPED', line(2, 2, 0, 2)), 'Lost on its way', 'PROBLEM'],
  ['delivered', order('DELIVERED', line(2, 2, 2)), 'Delivered', 'DONE'],
  ['completed', order('COMPLETED', line(2, 2, 2)), 'Delivered', 'DONE'],
  [
    'lost and refunded',
    order('COMPLETED', line(1, 1, 0, 1), back),
    'Lost on its way · $27.94 refunded',
    'PROBLEM',
  ],
  [
    'half lost and refunded',
    order('COMPLETED', line(2, 2, 1, 1), back),
    'Partly delivered · part of it was lost · $27.94 refunded',
    'PROBLEM',
  ],
  ['cut short', order('COMPLETED', line(3, 2, 2)), 'Partly delivered · the rest was cancelled', 'DONE'],
  [
    'partly back',
    order('COMPLETED', line(2, 2, 2, 0, 1), back),
    'Delivered · partly returned · $27.94 refunded',
    'DONE',
  ],
  ['all back', order('RETURNED', line(2, 2, 2, 0, 2), back), 'Returned · $27.94 refunded', 'DONE'],
  [
    'a refund refused',
    order('COMPLETED', line(1, 1, 0, 1), open('SHOP')),
    'Lost on its way · a refund is outstanding',
    'PROBLEM',
  ],
  [
    'a payment refused',
    order('COMPLETED', line(1, 1, 1), open('CUSTOMER')),
    'Delivered · a payment is outstanding',
    'PROBLEM',
  ],
  [
    'a debt that was paid',
    order('COMPLETED', line(1, 1, 1), { debts: [{ owedBy: 'CUSTOMER', resolution: 'PAID' }] }),
    'Delivered',
    'DONE',
  ],
  ['cancelled', order('CANCELLED', line(2)), 'Cancelled', 'PROBLEM'],
]

test.each(TABLE)('an order that is %s says so', (_what, parts, text, tone) => {
  const situation = orderProgress(factsOf(parts))
  expect(statusText(localizationFor('en-US'), situation, parts.refunded)).toBe(text)
  expect(situation.tone).toBe(tone)
})

/** Every state that units can be in under each status, with all that may have happened to the money. */
function* everyOrder(): Generator<Order> {
  for (const of of everyLine())
    for (const status of statusesOf(of))
      for (const refunded of ['0.00', '5.00'])
        for (const owed of [[], ['CUSTOMER'], ['SHOP'], ['CUSTOMER', 'SHOP']] as const)
          for (const awaitingApproval of [true, false])
            yield order(status, of, {
              awaitingApproval,
              refunded: usd(refunded),
              debts: owed.map(owedBy => ({ owedBy, resolution: null })),
            })
}

function* everyLine(most = 3): Generator<Line> {
  for (let ordered = 1; ordered <= most; ordered++)
    for (let shipped = 0; shipped <= ordered; shipped++)
      for (let delivered = 0; delivered <= shipped; delivered++)
        for (let lost = 0; lost <= shipped - delivered; lost++)
          for (let returned = 0; returned <= delivered; returned++)
            yield line(ordered, shipped, delivered, lost, returned)
}

function statusesOf(of: Line): OrderStatus[] {
  const { quantity, shippedQuantity: shipped, deliveredQuantity: delivered } = of
  const { lostQuantity: lost, returnedQuantity: returned } = of
  if (shipped === 0) return ['PLACED', 'CONFIRMED', 'CANCELLED']
  const isOver = delivered + lost === shipped
  const all: readonly [OrderStatus, boolean][] = [
    ['PARTIALLY_SHIPPED', shipped < quantity && returned === 0],
    ['SHIPPED', shipped === quantity && delivered < shipped && returned === 0],
    ['DELIVERED', delivered === quantity && returned < delivered],
    ['COMPLETED', isOver && (returned < delivered || delivered === 0)],
    ['RETURNED', isOver && returned === delivered && returned > 0],
  ]
  return all.flatMap(([status, may]) => (may ? [status] : []))
}

/** The claim that each part of a text makes. */
const CLAIMS: Readonly<
  Record<OrderProgress['stage'] | OrderProgress['remarks'][number], (f: OrderFacts) => boolean>
> = {
  APPROVAL: f => f.status === 'PLACED' && f.awaitingApproval,
  PLACED: f => f.status === 'PLACED',
  CONFIRMED: f => f.coming > 0 && f.underWay === 0 && f.delivered === 0,
  ON_ITS_WAY: f => f.underWay === f.ordered,
  PARTLY_ON_ITS_WAY: f => f.underWay > 0 && f.underWay < f.ordered,
  PARTLY_DELIVERED: f => f.delivered > 0 && f.delivered < f.ordered,
  DELIVERED: f => f.delivered === f.ordered && f.lost === 0,
  RETURNED: f => f.returned > 0 && f.returned === f.delivered,
  LOST: f => f.lost > 0 && f.delivered === 0 && f.coming === 0,
  CANCELLED: f => f.status === 'CANCELLED',
  PARTLY_LOST: f => f.lost > 0 && f.lost < f.ordered,
  REST_CANCELLED: f => f.coming === 0 && f.ordered > f.delivered + f.lost,
  PARTLY_RETURNED: f => f.returned > 0 && f.returned < f.delivered,
  REFUNDED: f => f.isRefunded,
  REFUND_OWED: f => f.isRefundOwed,
  PAYMENT_OWED: f => f.isPaymentOwed,
}

test('no text contradicts a fact, and none omits one, whatever happened', () => {
  let count = 0
  for (const parts of everyOrder()) {
    count++
    const facts = factsOf(parts)
    const { stage, remarks, tone } = orderProgress(facts)
    const said = [stage, ...remarks]
    const why = JSON.stringify({ facts, said, tone })
    for (const part of said) expect(CLAIMS[part](facts), `${part}: ${why}`).toBe(true)
    const isLossTold = said.includes('LOST') || said.includes('PARTLY_LOST')
    expect(isLossTold, why).toBe(facts.lost > 0)
    const isReturnTold = said.includes('RETURNED') || said.includes('PARTLY_RETURNED')
    expect(isReturnTold, why).toBe(facts.returned > 0)
    const isCutShort = facts.status !== 'CANCELLED' && CLAIMS.REST_CANCELLED(facts)
    expect(said.includes('REST_CANCELLED'), why).toBe(isCutShort)
    expect(said.includes('REFUNDED'), why).toBe(facts.isRefunded)
    expect(said.includes('REFUND_OWED'), why).toBe(facts.isRefundOwed)
    expect(said.includes('PAYMENT_OWED'), why).toBe(facts.isPaymentOwed)
    const isTrouble = facts.lost > 0 || facts.isPaymentOwed || facts.isRefundOwed
    if (isTrouble) expect(tone, why).toBe('PROBLEM')
    if (tone === 'DONE') expect(facts.coming, why).toBe(0)
  }
  expect(count).toBeGreaterThan(500)
})

describe.each(['en-US', 'de', 'pt-BR'])('in %s', locale => {
  const texts = localizationFor(locale)

  test('each part of a status text is distinct, and is not a code', () => {
    const said = new Map<string, string>()
    for (const parts of everyOrder()) {
      const situation = orderProgress(factsOf(parts))
      const remarks = remarkTexts(texts, situation, parts.refunded)
      said.set(situation.stage, texts.translations.order[situation.stage])
      for (const [index, remark] of situation.remarks.entries()) said.set(remark, remarks[index] ?? '')
      const status = statusText(texts, situation, parts.refunded)
      expect(status.split(' · ')).toEqual([texts.translations.order[situation.stage], ...remarks])
      if (parts.refunded.amount !== '0.00') expect(status).toContain(texts.money(parts.refunded))
    }
    expect([...said.keys()].sort()).toEqual(Object.keys(CLAIMS).sort())
    expect(new Set(said.values()).size).toBe(said.size)
    for (const text of said.values()) expect(text).not.toMatch(/_|^$/)
  })
})
