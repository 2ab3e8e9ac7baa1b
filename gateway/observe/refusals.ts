// Counts operations that were refused.
import type { ExecutionError } from '#gateway/executor/execution.ts'
import { counter } from '#platform/telemetry/metrics.ts'

/** Counts a refusal by its code. */
export function countRefusal({ extensions }: Pick<ExecutionError, 'extensions'>): void {
  counter('waybill_gateway_turned_away_total', 'Operations that were not run, by the code of why', [
    'code',
  ]).inc({ code: String(extensions.code) })
}
