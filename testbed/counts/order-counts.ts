// Counts what an order costs, from its checkout until it is completed, and what an idle instance does.
import { setTimeout as delay } from 'node:timers/promises'
import type { Checkout } from '#testbed/checkout-load.ts'
import { type DatabaseMeter, REPORT_MS } from '#testbed/counts/database-meter.ts'
import { httpExchanges } from '#testbed/counts/http-exchanges.ts'
import {
  type Counts,
  type Measured,
  perOrder,
  perSecond,
  type Span,
  statementsBetween,
  zip,
} from '#testbed/counts/measured.ts'
import type { CpuTimes } from '#testbed/counts/process-cpu.ts'

export type Meters = {
  readonly database: DatabaseMeter
  readonly cpu: () => Promise<CpuTimes>
  /** The root URL of a service of each process. */
  readonly urls: readonly string[]
}

export type OrderCounts = Measured & {
  readonly orders: number
  /** Milliseconds from the last answer until all orders were completed. */
  readonly drainMs: number
}

/** Sends a load through `send`, which resolves to false when the order was not confirmed within its wait. */
type SendLoad = (send: () => Promise<boolean>) => Promise<unknown>

const COMPLETION_PATIENCE_MS = 120_000

/** Counts what an instance does in a second when nothing is asked of it. It must be quiet. */
export async function countIdle(meters: Meters, ms: number): Promise<Measured> {
  await delay(REPORT_MS)
  const { all, span } = await observe(meters, () => delay(ms))
  return perSecond(all, span)
}

/**
 * Counts orders that are sent one after another, each when the one before is completed and the instance is quiet.
 * `beforeAnswer` is what an order costs until its response. What an idle instance does in the time is left out.
 */
export async function countOneByOne(
  meters: Meters,
  { checkout, orders, idle }: { checkout: Checkout; readonly orders: number; readonly idle: Measured },
): Promise<OrderCounts & { readonly beforeAnswer: Counts }> {
  const { database, urls } = meters
  const answers: Counts[] = []
  let drainMs = 0
  const { all, span } = await observe(meters, async () => {
    for (let sent = 0; sent < orders; sent++) {
      const [httpFrom, from] = [await httpExchanges(urls), await database.mark()]
      const { order } = await checkout()
      const [to, httpTo] = [await database.mark(), await httpExchanges(urls)]
      drainMs = await drain(database, order === undefined ? [] : [order])
      const counted = { statements: to.statements - from.statements, httpExchanges: httpTo - httpFrom }
      answers.push({ ...(await database.wal(from, to)), ...counted })
    }
  })
  return { ...perOrder(all, { orders, idle, span }), orders, drainMs, beforeAnswer: meanOf(answers) }
}

/** Counts the orders that `load` sends, until all are completed. */
export async function countLoad(
  meters: Meters,
  {
    checkout,
    idle,
    load,
  }: {
    readonly checkout: Checkout
    readonly idle: Measured
    readonly load: SendLoad
  },
): Promise<OrderCounts> {
  let [orders, drainMs] = [0, 0]
  const { all, span } = await observe(meters, async () => {
    const sent = await runLoad(meters, checkout, load)
    orders = sent.orders
    drainMs = sent.drainMs
  })
  return { ...perOrder(all, { orders, idle, span }), orders, drainMs }
}

/** Runs `load` and waits until its orders are completed. */
export async function runLoad(
  { database }: Meters,
  checkout: Checkout,
  load: SendLoad,
): Promise<{ readonly orders: number; readonly drainMs: number }> {
  const ids: string[] = []
  await load(async () => {
    const { order, confirmed } = await checkout()
    if (order !== undefined) ids.push(order)
    return confirmed
  })
  return { orders: ids.length, drainMs: await drain(database, ids) }
}

/** Waits until the orders are completed and the instance is quiet, and returns the milliseconds until they were completed. */
async function drain(database: DatabaseMeter, orders: readonly string[]): Promise<number> {
  const began = performance.now()
  await database.completed(orders, COMPLETION_PATIENCE_MS)
  const drainMs = performance.now() - began
  await database.quiet()
  return drainMs
}

/** Counts what happens during `work`. Takes ten seconds more, until all sessions have reported what they did. */
async function observe(
  { database, cpu, urls }: Meters,
  work: () => Promise<void>,
): Promise<{ readonly all: Measured; readonly span: Span }> {
  const [lateFrom, cpuFrom, httpFrom] = [await database.late(), await cpu(), await httpExchanges(urls)]
  const [statementsFrom, from] = [await database.statements(), await database.mark()]
  await work()
  const [to, statementsTo] = [await database.mark(), await database.statements()]
  const [cpuTo, httpTo] = [await cpu(), await httpExchanges(urls)]
  await delay(REPORT_MS)
  const lateTo = await database.late()
  const lateSeconds = (performance.now() - from.at) / 1000
  const minus = (now: number, then: number) => now - then
  return {
    span: { seconds: (to.at - from.at) / 1000, lateSeconds },
    all: {
      counts: {
        ...(await database.wal(from, to)),
        statements: to.statements - from.statements,
        httpExchanges: httpTo - httpFrom,
      },
      late: zip(lateTo, lateFrom, minus),
      cpuMs: zip(cpuTo, cpuFrom, minus),
      statements: statementsBetween(statementsFrom, statementsTo),
    },
  }
}

function meanOf(all: readonly Counts[]): Counts {
  const sum = all.reduce((one, other) => zip(one, other, (a, b) => a + b))
  return zip(sum, sum, value => value / all.length)
}
