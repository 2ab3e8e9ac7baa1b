// Counts operations by name, kind and outcome, with a bounded number of names.
import { counter, deferredCounter } from '#platform/telemetry/metrics.ts'

type CountedOperation = {
  readonly name: string | undefined
  readonly kind: string | undefined
  readonly outcome: 'ok' | 'error'
}

/** Clients choose the names: past this many, the rest are counted as `other`. */
const MAX_NAMES = 200

/** Counts into `waybill_graphql_operations_total`. */
export function createOperationCounter(service: string): (operation: CountedOperation) => void {
  const operations = counter('waybill_graphql_operations_total', 'GraphQL operations by name and outcome', [
    'service',
    'operation',
    'kind',
    'outcome',
  ])
  const names = new Set<string>()
  const counts = new Map<string, () => void>()
  const bounded = (name: string): string => {
    if (names.has(name)) return name
    if (names.size >= MAX_NAMES) return 'other'
    names.add(name)
    return name
  }
  return ({ name, kind = 'none', outcome }) => {
    const operation = kind === 'none' ? 'invalid' : name === undefined ? 'anonymous' : bounded(name)
    const key = `${kind} ${outcome} ${operation}`
    const known = counts.get(key)
    if (known) return known()
    const count = deferredCounter(operations, { service, operation, kind, outcome })
    counts.set(key, count)
    count()
  }
}
