// Counts how often an operation was ready, and times those that had to be made so. Free of making them.
import type { ObservePrepare } from '#gateway/operations/operation-cache.ts'
import { counter, durations, tally } from '#platform/telemetry/metrics.ts'

let observer: ObservePrepare | undefined

/** One for the process: supergraphs come and go. */
export function observePlans(): ObservePrepare {
  observer ??= createObserver()
  return observer
}

function createObserver(): ObservePrepare {
  const plans = counter(
    'waybill_gateway_plans_total',
    'Operations asked for, by whether one was ready (known) or had to be checked and planned (made)',
    ['result'],
  )
  const seconds = durations<never>('waybill_gateway_plan_seconds', 'Checking and planning of operations').of(
    {},
  )
  const made = tally(plans, { result: 'made' })
  return {
    known: tally(plans, { result: 'known' }),
    made(took) {
      made()
      seconds(took)
    },
  }
}
