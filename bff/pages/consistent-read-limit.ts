// Reads of callers who must see more than the bus has told: so many at once, so that they hold nobody else up.
import { covers, type PositionVector } from '#platform/consistency/position-vector.ts'
import { createWaitingPlaces } from '#platform/consistency/wait-limit.ts'
import type { RequestContext } from '#platform/graphql/context.ts'

/**
 * Calls `read` with `required`, or with nothing required where too many operations, of the caller or of all, read ahead of
 * the bus already: the answer then names what may be stale. All reads of one operation count once.
 */
export type LimitConsistentRead = <T>(
  context: RequestContext,
  required: PositionVector,
  read: (required: PositionVector) => Promise<T>,
) => Promise<T>

const MOST_OPERATIONS = 256
const MOST_OPERATIONS_OF_CALLER = 8

type Ahead = { readonly place: Disposable; reads: number }

export function createConsistentReadLimit(heard: () => PositionVector): LimitConsistentRead {
  const places = createWaitingPlaces({ perCaller: MOST_OPERATIONS_OF_CALLER, total: MOST_OPERATIONS })
  const operations = new WeakMap<RequestContext, Ahead>()

  function enter(context: RequestContext): Ahead | undefined {
    const found = operations.get(context)
    if (found) return found
    const place = places.take(context.viewer?.subject)
    const ahead = place && { place, reads: 0 }
    if (ahead) operations.set(context, ahead)
    return ahead
  }

  function leave(context: RequestContext, ahead: Ahead): void {
    ahead.reads -= 1
    if (ahead.reads > 0) return
    operations.delete(context)
    ahead.place[Symbol.dispose]()
  }

  return async (context, required, read) => {
    if (covers(heard(), required)) return read(required)
    const ahead = enter(context)
    if (ahead === undefined) {
      noteStale(context, Object.keys(required))
      return read({})
    }
    ahead.reads += 1
    try {
      return await read(required)
    } finally {
      leave(context, ahead)
    }
  }
}

function noteStale({ consistency: { stale } }: RequestContext, services: readonly string[]): void {
  for (const service of services) if (!stale.includes(service)) stale.push(service)
}
