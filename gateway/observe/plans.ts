// Counts how often an operation was ready, and times those that had to be made so. Free of making them.
import { counter, deferredCounter, durationHistogram } from '#platform/telemetry/metrics.ts'

/** Told of each `prepare`. */
export type PlanObserver = {
  /** It was ready. */
  cached(): void
  /** It took `seconds`, whether it can be run or not. */
  prepared(seconds: number): void
}

let observer: PlanObserver | undefined

/** One for the process: supergraphs come and go. */
export function observePlans(): PlanObserver {
  observer ??= createObserver()
  return observer
}

function createObserver(): PlanObserver {
  const plans = counter(
    'waybill_gateway_plans_total',
    'Operations asked for, by whether one was ready (known) or had to be checked and planned (made)',
    ['result'],
  )
  const seconds = durationHistogram<never>(
    'waybill_gateway_plan_seconds',
    'Checking and planning of operations',
  ).of({})
  const made = deferredCounter(plans, { result: 'made' })
  return {
    cached: deferredCounter(plans, { result: 'known' }),
    prepared(took) {
      made()
      seconds(took)
    },
  }
}
