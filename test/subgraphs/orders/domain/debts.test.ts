// Tests debts on an order: what is owed after the provider refused to move money, and how a debt ends.
import { describe, expect, test } from 'vitest'
import * as debts from '#subgraphs/orders/domain/debts.ts'
import type { DebtResolution } from '#subgraphs/orders/domain/events.ts'
import { absent } from '#subgraphs/orders/domain/order.ts'
import {
  AT,
  confirm,
  given,
  must,
  outcome,
  place,
  type Step,
  usd,
} from '#test/subgraphs/orders/domain/order-fixture.ts'

const LATER = '2026-03-02T10:00:00.000Z'
const owed = { debtId: 'cap_1', owedBy: 'CUSTOMER', amount: usd(8500), code: 'card_expired', at: AT } as const
const record =
  (changes: Partial<debts.RecordDebt> = {}): Step =>
  order =>
    debts.recordDebt(order, { ...owed, ...changes })
const resolve =
  (resolution: DebtResolution, debtId = 'cap_1'): Step =>
  order =>
    debts.resolveDebt(order, { debtId, resolution, at: LATER })
const confirmed = [place, confirm]
const texts = (...steps: Step[]) => must(given(...confirmed, ...steps)).timeline.map(({ text }) => text)

describe('a debt', () => {
  test('is recorded on the order and in its timeline, and does not change the status', () => {
    const order = must(given(...confirmed, record()))
    const { at, ...debt } = owed
    expect(order).toMatchObject({ status: 'CONFIRMED', debts: [{ ...debt, since: AT }] })
    expect(order.timeline.at(-1)?.text).toBe('The payment of 85.00 USD was refused and is still owed')
  })

  test('counts once when it is recorded twice', () => {
    const order = given(...confirmed, record())
    expect(outcome(record({ at: LATER })(order))).toBe('nothing')
    expect(outcome(record({ debtId: 'cap_2' })(order))).toBe('DebtRecorded')
  })

  test('ends once, with the first resolution', () => {
    const paid = given(...confirmed, record(), resolve('PAID'))
    expect(must(paid).debts).toMatchObject([{ debtId: 'cap_1', resolution: 'PAID', resolvedAt: LATER }])
    expect(outcome(resolve('WRITTEN_OFF')(paid))).toBe('nothing')
    expect(outcome(resolve('PAID')(paid))).toBe('nothing')
  })

  test('is refused when the debt or the order is unknown', () => {
    expect(outcome(resolve('PAID', 'cap_9')(given(...confirmed, record())))).toBe('DEBT_NOT_FOUND')
    expect(outcome(record()(absent))).toBe('ORDER_NOT_FOUND')
    expect(outcome(resolve('PAID')(absent))).toBe('ORDER_NOT_FOUND')
  })

  test('is described by its debtor and its resolution', () => {
    const refund = record({ debtId: 'ref_1', owedBy: 'SHOP', amount: usd(1000) })
    expect(texts(record(), refund, resolve('PAID'), resolve('PAID', 'ref_1')).slice(2)).toEqual([
      'The payment of 85.00 USD was refused and is still owed',
      'The refund of 10.00 USD was refused and is still owed to the customer',
      'The payment of 85.00 USD was taken',
      'The refund of 10.00 USD was paid',
    ])
    expect(texts(record(), resolve('WRITTEN_OFF')).at(-1)).toBe('The debt of 85.00 USD was written off')
  })
})
