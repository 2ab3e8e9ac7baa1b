// Holds what an order costs in statements, commits, fsyncs and WAL: counts, which do not depend on the machine.
import { beforeAll, expect, test } from 'vitest'
import { startCountedInstance } from '#testbed/counts/counted-instance.ts'
import { perOrder } from '#testbed/counts/measured.ts'
import { countIdle, countLoad, countOneByOne, runLoad } from '#testbed/counts/order-counts.ts'

const CALLERS = 10
const ORDERS_ALONE = 5
const ORDERS_TOGETHER = 80
const IDLE_MS = 12_000
/** It takes a minute on two idle cores, and four where twenty processes want them. */
const LIMIT_MS = 600_000

let measured: Readonly<Record<'before' | 'alone' | 'together' | 'unused', Readonly<Record<string, number>>>>

beforeAll(async () => {
  await using running = await startCountedInstance({ connections: CALLERS, vacuum: false })
  const { meters, shop, unused } = running
  const hasty = { ...meters, reportMs: 0 }
  await runLoad(meters, shop.checkout, sendTogether(CALLERS)) // statements that each session prepares once
  const alone = await countOneByOne(hasty, shop.checkout, ORDERS_ALONE)
  const idle = await countIdle(hasty, IDLE_MS) // while sessions report the fsyncs of the orders before
  const together = await countLoad(meters, shop.checkout, sendTogether(ORDERS_TOGETHER))
  const nothingLate = { ...idle, late: { transactions: 0, fsyncs: 0 } }
  measured = {
    before: alone.beforeAnswer,
    alone: { ...perOrder(alone, idle).counts },
    together: { ...perOrder(together, nothingLate).counts, ...perOrder(together, nothingLate).late },
    unused: unused.counts,
  }
  expect(shop.outcomes).toMatchObject({ failed: 0 })
}, LIMIT_MS)

/** Sends `orders` orders from all callers. */
function sendTogether(orders: number) {
  return async (send: () => Promise<boolean>) => {
    let sent = 0
    const caller = async () => {
      while (sent++ < orders) await send()
    }
    await Promise.all(Array.from({ length: CALLERS }, caller))
  }
}

// An order alone takes longer on a busy machine, and what is done from time to time counts with it.
test.each([
  ['statements', 120],
  ['commits', 110],
  ['appends', 23],
  ['walBytes', 90_000],
  ['httpExchanges', 3],
])('an order alone costs at most so many %s until it is completed: %d', (name, most) => {
  expect(measured.alone[name]).toBeLessThanOrEqual(most)
})

test.each([
  ['statements', 36],
  ['appends', 8],
  ['appendsToConfirmation', 6],
  ['httpExchanges', 2],
])('an order alone costs at most so many %s until its answer: %d', (name, most) => {
  expect(measured.before[name]).toBeLessThanOrEqual(most)
})

test.each([
  ['statements', 70],
  ['commits', 20],
  ['fsyncs', 14],
  ['walBytes', 68_000],
])('an order of ten callers costs at most so many %s: %d', (name, most) => {
  expect(measured.together[name]).toBeLessThanOrEqual(most)
})

test.each([['statements', 2.2]])('an unused instance runs at most so many %s a second: %d', (name, most) => {
  expect(measured.unused[name]).toBeLessThanOrEqual(most)
})
