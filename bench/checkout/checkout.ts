// Benchmarks checkouts through the web BFF: latency, sustained rate, projection lag, and what an order costs.
import { lagBuckets, lagQuantiles } from '#bench/checkout/projection-lag.ts'
import { countFigures, countGoals, printCounts } from '#bench/checkout/report-counts.ts'
import {
  atLeast,
  atMost,
  type Bench,
  type Load,
  measureLoad,
  printTable,
  rounded,
} from '#bench/harness/benchmark.ts'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import type { CheckoutLoad } from '#testbed/checkout-load.ts'
import { startCountedInstance } from '#testbed/counts/counted-instance.ts'
import { countIdle, countLoad, countOneByOne, runLoad } from '#testbed/counts/order-counts.ts'

const LATENCY_CALLERS = 10
const RATE_CALLERS = 48
const IDLE_MS = 12_000
const NO_LOAD: Load = { perSecond: 0, p50: 0, p99: 0 }

export const bench: Bench = async ({ quick }) => {
  await using running = await startCountedInstance({ connections: RATE_CALLERS * 2 })
  const { instance, meters, shop } = running
  const subgraphs = SUBGRAPHS.map(name => instance.url(name))
  const { checkout, outcomes } = shop

  // Warms up: compiled code, cached plans.
  await runLoad(meters, checkout, send => measureLoad(RATE_CALLERS, quick ? 3000 : 10_000, send))
  const idle = await countIdle(meters, IDLE_MS)
  const oneByOne = await countOneByOne(meters, { checkout, idle, orders: quick ? 10 : 30 })
  const measure = async (callers: number, ms: number) => {
    let load = NO_LOAD
    const counts = await countLoad(meters, {
      checkout,
      idle,
      load: async send => {
        load = await measureLoad(callers, ms, send)
      },
    })
    return { load, counts }
  }
  const latency = await measure(LATENCY_CALLERS, quick ? 5000 : 15_000)
  const before = await lagBuckets(subgraphs)
  const rate = await measure(RATE_CALLERS, quick ? 10_000 : 60_000)
  const lag = lagQuantiles(before, await lagBuckets(subgraphs))

  const counts = { idle, oneByOne, together: latency.counts, sustained: rate.counts }
  printCounts(counts)
  console.log()
  printTable(
    ['', 'checkouts/s', 'p50 ms', 'p99 ms', 'ms until all were completed'],
    Object.entries({ [LATENCY_CALLERS]: latency, [RATE_CALLERS]: rate }).map(
      ([callers, { load, counts }]) => [
        `${callers} callers`,
        ...[...Object.values(load), counts.drainMs].map(rounded),
      ],
    ),
  )
  console.log(`projection lag: p50 up to ${lag.p50} ms, p99 up to ${lag.p99} ms`)
  console.log(describeOutcomes(outcomes))
  return {
    versions: {},
    figures: {
      latency: { callers: LATENCY_CALLERS, ...latency.load },
      rate: { callers: RATE_CALLERS, ...rate.load },
      projectionLagMs: lag,
      outcomes,
      counts: countFigures(counts),
    },
    goals: [
      atMost(`place-to-confirmed p50 at ${LATENCY_CALLERS} callers`, latency.load.p50, 'ms', 100),
      atLeast('checkouts to Confirmed, sustained', rate.load.perSecond, 'per second', 200),
      atMost('projection lag p99', lag.p99, 'ms', 100),
      ...countGoals(counts),
    ],
  }
}

function describeOutcomes({ confirmed, unconfirmed, failed, lastFailure }: CheckoutLoad['outcomes']): string {
  const why = lastFailure === undefined ? '' : `, the last: ${lastFailure}`
  return `checkouts: ${confirmed} confirmed, ${unconfirmed} not confirmed in time, ${failed} failed${why}`
}
