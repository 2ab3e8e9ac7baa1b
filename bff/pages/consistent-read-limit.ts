// Limits how many operations may wait for positions that the bus has not delivered yet, so that they hold nobody else up.
import { covers, type PositionVector } from '#platform/consistency/position-vector.ts'
import { createWaitLimit } from '#platform/consistency/wait-limit.ts'
import type { RequestContext } from '#platform/graphql/context.ts'

/**
 * Calls `read` with `required`. Where the caller, or all callers together, have too many operations ahead of the bus, it
 * calls `read` with nothing required and notes in `context` what may be stale. All reads of one operation count once.
 */
export type LimitConsistentRead = <T>(
  context: RequestContext,
  required: PositionVector,
  read: (required: PositionVector) => Promise<T>,
) => Promise<T>

const MAX_OPERATIONS = 256
const MAX_OPERATIONS_PER_CALLER = 8

/** An operation that reads ahead of the bus, and how many of its reads are running. */
type WaitingOperation = { readonly place: Disposable; reads: number }

export function createConsistentReadLimit(heard: () => PositionVector): LimitConsistentRead {
  const limit = createWaitLimit({ perCaller: MAX_OPERATIONS_PER_CALLER, total: MAX_OPERATIONS })
  const operations = new WeakMap<RequestContext, WaitingOperation>()

  function enter(context: RequestContext): WaitingOperation | undefined {
    const entered = operations.get(context)
    if (entered) return entered
    const place = limit.enter(context.viewer?.subject)
    const operation = place && { place, reads: 0 }
    if (operation) operations.set(context, operation)
    return operation
  }

  function leave(context: RequestContext, operation: WaitingOperation): void {
    operation.reads -= 1
    if (operation.reads > 0) return
    operations.delete(context)
    operation.place[Symbol.dispose]()
  }

  return async (context, required, read) => {
    if (covers(heard(), required)) return read(required)
    const operation = enter(context)
    if (operation === undefined) {
      noteStale(context, Object.keys(required))
      return read({})
    }
    operation.reads += 1
    try {
      return await read(required)
    } finally {
      leave(context, operation)
    }
  }
}

function noteStale({ consistency: { stale } }: RequestContext, services: readonly string[]): void {
  for (const service of services) if (!stale.includes(service)) stale.push(service)
}
