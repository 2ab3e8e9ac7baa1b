// Caches prepared operations by their text and name, bounded in number and in characters.
import { LRUCache } from 'lru-cache'
import type { PlanObserver } from '#gateway/observe/plans.ts'
import type { PrepareResult, RestrictedOperation } from '#gateway/operations/prepared-operation.ts'
import type { Claims } from '#gateway/safety/authorization/grants.ts'
import { inSpan } from '#platform/telemetry/tracing.ts'

export type OperationKey = { readonly text: string; readonly name: string | undefined }

export type OperationCache = {
  /**
   * Prepares the operation called `name` of the text, or its only one, for a caller with `claims`; left out, the caller is
   * anonymous. Callers who may see the same part of the operation share it. Returns a promise for an operation that is not
   * cached yet, which rejects when the operation cannot be planned.
   */
  prepare(text: string, name: string | undefined, claims?: Claims): PrepareResult | Promise<PrepareResult>
  /** Returns the valid operations, most used first. */
  mostUsed(limit: number): readonly OperationKey[]
}

type Prepared = PrepareResult | RestrictedOperation
type CacheEntry = OperationKey & { readonly prepared: Prepared; uses: number }

const MAX_OPERATIONS = 5_000
/** The bound on the texts of all operations together. */
const MAX_CHARACTERS = 32_000_000
const NO_OBSERVER: PlanObserver = { cached() {}, prepared() {} }

/** Calls `prepareNew` once for each text and name, until the least recently used are evicted. */
export function createOperationCache(
  prepareNew: (operation: OperationKey) => Promise<Prepared>,
  observer: PlanObserver = NO_OBSERVER,
): OperationCache {
  const entries = new LRUCache<string, CacheEntry>({
    max: MAX_OPERATIONS,
    maxSize: MAX_CHARACTERS,
    sizeCalculation: ({ text }) => text.length + 1,
  })
  const running = new Map<string, Promise<Prepared>>()

  async function add(key: string, operation: OperationKey): Promise<Prepared> {
    const began = performance.now()
    try {
      const prepared = await inSpan('graphql.plan', {}, () => prepareNew(operation))
      entries.set(key, { ...operation, prepared, uses: 1 })
      return prepared
    } finally {
      running.delete(key)
      observer.prepared((performance.now() - began) / 1000)
    }
  }

  function addOnce(key: string, operation: OperationKey): Promise<Prepared> {
    const found = running.get(key)
    if (found) return found
    const adding = add(key, operation)
    running.set(key, adding)
    return adding
  }

  return {
    prepare(text, name, claims) {
      const key = `${name === undefined ? '' : JSON.stringify(name)}\n${text}` // a name may be any text at all
      const found = entries.get(key)
      if (!found) return addOnce(key, { text, name }).then(prepared => forCaller(prepared, claims))
      found.uses += 1
      observer.cached()
      return forCaller(found.prepared, claims)
    },
    mostUsed: limit =>
      [...entries.values()]
        .filter(({ prepared }) => !('errors' in prepared))
        .sort((one, other) => other.uses - one.uses)
        .slice(0, limit)
        .map(({ text, name }) => ({ text, name })),
  }
}

function forCaller(prepared: Prepared, claims: Claims | undefined): PrepareResult | Promise<PrepareResult> {
  return 'prepareFor' in prepared ? prepared.prepareFor(claims) : prepared
}
