// Counts what an order costs, from its checkout until it is completed, and what an idle instance does.
import { setTimeout as delay } from 'node:timers/promises'
import type { Checkout } from '#testbed/checkout-load.ts'
import type { DatabaseMeter } from '#testbed/counts/database-meter.ts'
import { httpExchanges } from '#testbed/counts/http-exchanges.ts'
import {
  type CountedOrders,
  type Counts,
  type Measured,
  type Observed,
  perSecond,
  statementsBetween,
  zip,
} from '#testbed/counts/measured.ts'
import type { CpuTimes } from '#testbed/counts/process-cpu.ts'

export type Meters = {
  readonly database: DatabaseMeter
  readonly cpu: () => Promise<CpuTimes>
  /** The root URL of a service of each process. */
  readonly urls: readonly string[]
  /** How long to wait for late counts; with 0 they are not to be relied on. */
  readonly reportMs: number
}

/** Sends a load through `send`, which resolves to false when the order was not confirmed within its wait. */
type SendLoad<Result> = (send: () => Promise<boolean>) => Promise<Result>

/** Counts what an order costs until its answer. */
export type AnswerCounts = Counts & {
  /** The appends that were durable when the confirmation was, which the answer waits for; the rest ran beside the answer. */
  readonly appendsToConfirmation: number
}

const COMPLETION_PATIENCE_MS = 120_000

/** Counts what an instance does in a second when nothing is asked of it. It must be quiet. */
export async function countIdle(meters: Meters, ms: number): Promise<Measured> {
  await delay(meters.reportMs)
  return perSecond(await observe(meters, () => delay(ms)))
}

/**
 * Counts orders that are sent one after another, each when the one before is completed and the instance is quiet.
 * `beforeAnswer` is what an order costs until its response.
 */
export async function countOneByOne(
  meters: Meters,
  checkout: Checkout,
  orders: number,
): Promise<CountedOrders & { readonly beforeAnswer: AnswerCounts }> {
  const { database, urls } = meters
  const answers: AnswerCounts[] = []
  const observed = await observe(meters, async () => {
    for (let sent = 0; sent < orders; sent++) {
      const [httpFrom, from] = [await httpExchanges(urls), await database.mark()]
      const { order } = await checkout()
      const [to, httpTo] = [await database.mark(), await httpExchanges(urls)]
      await drain(database, order === undefined ? [] : [order])
      const counted = { statements: to.statements - from.statements, httpExchanges: httpTo - httpFrom }
      const appendsToConfirmation =
        order === undefined ? 0 : await database.appendsToConfirmation(from, to, order)
      answers.push({ ...(await database.wal(from, to)), ...counted, appendsToConfirmation })
    }
  })
  return { ...observed, orders, beforeAnswer: meanOf(answers) }
}

/** Counts the orders that `load` sends, until all are completed, and returns what it resolved with. */
export async function countLoad<Result>(
  meters: Meters,
  checkout: Checkout,
  load: SendLoad<Result>,
): Promise<CountedOrders & Drained<Result>> {
  const running = Promise.withResolvers<Drained<Result>>()
  const observed = await observe(meters, async () => running.resolve(await runLoad(meters, checkout, load)))
  return { ...observed, ...(await running.promise) }
}

/** `drainMs` is the time from the last answer until all orders were completed. */
type Drained<Result> = { readonly orders: number; readonly drainMs: number; readonly result: Result }

/** Runs `load` and waits until its orders are completed. */
export async function runLoad<Result>(
  { database }: Meters,
  checkout: Checkout,
  load: SendLoad<Result>,
): Promise<Drained<Result>> {
  const ids: string[] = []
  const result = await load(async () => {
    const { order, confirmed } = await checkout()
    if (order !== undefined) ids.push(order)
    return confirmed
  })
  return { orders: ids.length, drainMs: await drain(database, ids), result }
}

/** Waits until the orders are completed and the instance is quiet, and returns the milliseconds until they were completed. */
async function drain(database: DatabaseMeter, orders: readonly string[]): Promise<number> {
  const began = performance.now()
  await database.completed(orders, COMPLETION_PATIENCE_MS)
  const drainMs = performance.now() - began
  await database.quiet()
  return drainMs
}

async function observe(
  { database, cpu, urls, reportMs }: Meters,
  work: () => Promise<void>,
): Promise<Observed> {
  const [lateFrom, cpuFrom, httpFrom] = [await database.late(), await cpu(), await httpExchanges(urls)]
  const [statementsFrom, from] = [await database.statements(), await database.mark()]
  await work()
  const [to, statementsTo] = [await database.mark(), await database.statements()]
  const [cpuTo, httpTo] = [await cpu(), await httpExchanges(urls)]
  await delay(reportMs)
  const lateTo = await database.late()
  const lateSeconds = (performance.now() - from.at) / 1000
  const minus = (now: number, then: number) => now - then
  return {
    seconds: (to.at - from.at) / 1000,
    lateSeconds,
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

function meanOf(all: readonly AnswerCounts[]): AnswerCounts {
  const sum = all.reduce((one, other) => zip(one, other, (a, b) => a + b))
  return zip(sum, sum, value => value / all.length)
}
