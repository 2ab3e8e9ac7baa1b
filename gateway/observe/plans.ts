// Counts operations by whether they were cached, and times the preparation of the others.
import { counter, deferredCounter, durationHistogram } from '#platform/telemetry/metrics.ts'

/** Called for each `prepare`. */
export type PlanObserver = {
  /** The operation was cached. */
  cached(): void
  /** Preparing the operation took `seconds`, whether it is valid or not. */
  prepared(seconds: number): void
}

let observer: PlanObserver | undefined

/** Returns one observer for the process, across reloads. */
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
