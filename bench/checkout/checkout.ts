// Benchmarks checkouts through the web BFF: latency, sustained rate, projection lag, and what an order costs.
import { lagBuckets, lagQuantiles } from '#bench/checkout/projection-lag.ts'
import { type CheckoutCounts, countFigures, countGoals, printCounts } from '#bench/checkout/report-counts.ts'
import { atLeast, atMost, type Bench, measureLoad, printTable, rounded } from '#bench/harness/benchmark.ts'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import type { CheckoutLoad } from '#testbed/checkout-load.ts'
import { startCountedInstance } from '#testbed/counts/counted-instance.ts'
import { perOrder } from '#testbed/counts/measured.ts'
import { countIdle, countLoad, countOneByOne, runLoad } from '#testbed/counts/order-counts.ts'

const LATENCY_CALLERS = 10
const RATE_CALLERS = 48
const IDLE_MS = 12_000

export const bench: Bench = async ({ quick }) => {
  await using running = await startCountedInstance({ connections: RATE_CALLERS * 2 })
  const { instance, meters, unused, shop } = running
  const { checkout, outcomes } = shop
  const subgraphs = SUBGRAPHS.map(name => instance.url(name))

  // Warms up: compiled code, cached plans.
  await runLoad(meters, checkout, send => measureLoad(RATE_CALLERS, quick ? 3000 : 10_000, send))
  const idle = await countIdle(meters, IDLE_MS)
  const alone = await countOneByOne(meters, checkout, quick ? 10 : 30)
  const latency = await countLoad(meters, checkout, send =>
    measureLoad(LATENCY_CALLERS, quick ? 5000 : 15_000, send),
  )
  const before = await lagBuckets(subgraphs)
  const rate = await countLoad(meters, checkout, send =>
    measureLoad(RATE_CALLERS, quick ? 10_000 : 60_000, send),
  )
  const lag = lagQuantiles(before, await lagBuckets(subgraphs))

  const counts: CheckoutCounts = {
    unused,
    idle,
    beforeAnswer: alone.beforeAnswer,
    oneByOne: perOrder(alone, idle),
    together: perOrder(latency, idle),
    sustained: perOrder(rate, idle),
  }
  printCounts(counts)
  console.log()
  printTable(
    ['', 'checkouts/s', 'p50 ms', 'p99 ms', 'ms until all were completed'],
    Object.entries({ [LATENCY_CALLERS]: latency, [RATE_CALLERS]: rate }).map(
      ([callers, { result, drainMs }]) => [
        `${callers} callers`,
        ...[...Object.values(result), drainMs].map(rounded),
      ],
    ),
  )
  console.log(`projection lag: p50 up to ${lag.p50} ms, p99 up to ${lag.p99} ms`)
  console.log(describeOutcomes(outcomes))
  return {
    versions: {},
    figures: {
      latency: { callers: LATENCY_CALLERS, ...latency.result },
      rate: { callers: RATE_CALLERS, ...rate.result },
      projectionLagMs: lag,
      outcomes,
      counts: countFigures(counts),
    },
    goals: [
      atMost(`place-to-confirmed p50 at ${LATENCY_CALLERS} callers`, latency.result.p50, 'ms', 100),
      atLeast('checkouts to Confirmed, sustained', rate.result.perSecond, 'per second', 200),
      atMost('projection lag p99', lag.p99, 'ms', 100),
      ...countGoals(counts),
    ],
  }
}

function describeOutcomes({
  confirmed,
  unconfirmed,
  refused,
  failed,
  lastFailure,
}: CheckoutLoad['outcomes']): string {
  const why = lastFailure === undefined ? '' : `, the last: ${lastFailure}`
  return `checkouts: ${confirmed} confirmed, ${unconfirmed} not confirmed in time, ${refused} refused, ${failed} failed${why}`
}
