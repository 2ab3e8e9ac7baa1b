// Operations that were made ready, kept by their text: bounded, with how often each was asked for. Free of how they are made.
import { LRUCache } from 'lru-cache'
import type { PlanObserver } from '#gateway/observe/plans.ts'
import type { PrepareResult, RestrictedOperation } from '#gateway/operations/prepared-operation.ts'
import type { Claims } from '#gateway/safety/authorization/grants.ts'
import { inSpan } from '#platform/telemetry/tracing.ts'

export type OperationKey = { readonly text: string; readonly name: string | undefined }

export type OperationCache = {
  /**
   * The operation called `name` of the text, or its only one, for a caller with `claims`: somebody unknown when they are
   * left out. Callers who may see the same of it share what is prepared. A promise when it is asked for the first time;
   * rejects when it cannot be planned.
   */
  prepare(text: string, name: string | undefined, claims?: Claims): PrepareResult | Promise<PrepareResult>
  /** Those that can be run, most used first. */
  mostUsed(limit: number): readonly OperationKey[]
}

type CacheEntry = OperationKey & { readonly prepared: PrepareResult | RestrictedOperation; uses: number }

const MAX_OPERATIONS = 5_000
/** Of all texts together. */
const MAX_CHARACTERS = 32_000_000
const UNSEEN: PlanObserver = { cached() {}, prepared() {} }

/** `make` is called once for a text and name, until they give way to others for want of room. */
export function createOperationCache(
  make: (asked: OperationKey) => Promise<PrepareResult | RestrictedOperation>,
  seen: PlanObserver = UNSEEN,
): OperationCache {
  const known = new LRUCache<string, CacheEntry>({
    max: MAX_OPERATIONS,
    maxSize: MAX_CHARACTERS,
    sizeCalculation: ({ text }) => text.length + 1,
  })

  const underWay = new Map<string, Promise<PrepareResult | RestrictedOperation>>()

  async function makeNew(
    key: string,
    text: string,
    name: string | undefined,
  ): Promise<PrepareResult | RestrictedOperation> {
    const began = performance.now()
    try {
      const prepared = await inSpan('graphql.plan', {}, () => make({ text, name }))
      known.set(key, { text, name, prepared, uses: 1 })
      return prepared
    } finally {
      underWay.delete(key)
      seen.prepared((performance.now() - began) / 1000)
    }
  }

  function makeOnce(
    key: string,
    text: string,
    name: string | undefined,
  ): Promise<PrepareResult | RestrictedOperation> {
    const found = underWay.get(key)
    if (found) return found
    const making = makeNew(key, text, name)
    underWay.set(key, making)
    return making
  }

  return {
    prepare(text, name, claims) {
      const key = `${name === undefined ? '' : JSON.stringify(name)}\n${text}` // a name may be any text at all
      const found = known.get(key)
      if (!found) return makeOnce(key, text, name).then(prepared => forCaller(prepared, claims))
      found.uses += 1
      seen.cached()
      return forCaller(found.prepared, claims)
    },
    mostUsed: limit =>
      [...known.values()]
        .filter(({ prepared }) => !('errors' in prepared))
        .sort((one, other) => other.uses - one.uses)
        .slice(0, limit)
        .map(({ text, name }) => ({ text, name })),
  }
}

function forCaller(
  prepared: PrepareResult | RestrictedOperation,
  claims: Claims | undefined,
): PrepareResult | Promise<PrepareResult> {
  return 'prepareFor' in prepared ? prepared.prepareFor(claims) : prepared
}
