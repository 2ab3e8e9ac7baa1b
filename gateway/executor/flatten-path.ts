// Finds the objects in the response so far that a plan's path leads to, and the position of each.
import type { JsonObject, PathKey, SharedValues } from '#gateway/executor/execution.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'
import type { FlattenPath } from '#gateway/planner/plan/query-plan.ts'
import { isObject } from '#platform/domain/json.ts'

/** A position in the response: its key, and the position of its parent. */
export type ResponsePath = { readonly key: PathKey; readonly parent: ResponsePath | undefined }
type Found = (entity: JsonObject, position: ResponsePath | undefined) => void

export type Targets = {
  /** Visits each object at least once: what is shared by several positions is walked once. */
  each(data: JsonObject, shared: SharedValues | undefined, found: (entity: JsonObject) => void): void
  /** Visits each object at each of its positions. Only errors need it: it costs more. */
  positions(data: JsonObject, found: Found): void
}

type Walk = {
  readonly found: Found
  readonly withPositions: boolean
  readonly shared: SharedValues | undefined
  /** The shared values that were met, by the depth of the step. */
  readonly seen: Set<unknown>[]
}

type Step = (value: unknown, position: ResponsePath | undefined, walk: Walk) => void

export function compileFlattenPath(path: FlattenPath, matches: TypeMatch): Targets {
  const step = path.reduceRight<Step>(
    (next, segment, depth) => stepOf(segment, { next, depth, matches }),
    atEnd,
  )
  return {
    each: (data, shared, found) => step(data, undefined, { found, withPositions: false, shared, seen: [] }),
    positions: (data, found) =>
      step(data, undefined, { found, withPositions: true, shared: undefined, seen: [] }),
  }
}

function atEnd(value: unknown, position: ResponsePath | undefined, walk: Walk): void {
  if (Array.isArray(value)) eachItem(value, { position, walk, visit: atEnd })
  else if (isObject(value)) walk.found(value, position)
}

type Onward = { readonly next: Step; readonly depth: number; readonly matches: TypeMatch }

function stepOf(segment: FlattenPath[number], { next, depth, matches }: Onward): Step {
  if (segment === '@')
    return (value, position, walk) => {
      if (Array.isArray(value)) eachItem(value, { position, walk, visit: next })
    }
  if ('Field' in segment) {
    const key = segment.Field
    const step: Step = (value, position, walk) => {
      if (Array.isArray(value)) return eachItem(value, { position, walk, visit: step })
      if (!isObject(value)) return
      const inner = value[key]
      if (inner === null || inner === undefined || wasSeen(inner, depth, walk)) return
      next(inner, walk.withPositions ? { key, parent: position } : undefined, walk)
    }
    return step
  }
  const conditions = segment.TypeCondition
  const step: Step = (value, position, walk) => {
    if (Array.isArray(value)) return eachItem(value, { position, walk, visit: step })
    if (!isObject(value)) return
    const typename = typeof value.__typename === 'string' ? value.__typename : undefined
    if (typename === undefined || conditions.some(condition => matches(typename, condition)))
      next(value, position, walk)
  }
  return step
}

/** A value that was met at the same step before led to the same objects. */
function wasSeen(value: unknown, depth: number, { shared, seen }: Walk): boolean {
  if (shared === undefined || !shared.has(value)) return false
  const here = seen[depth] ?? new Set()
  seen[depth] = here
  if (here.has(value)) return true
  here.add(value)
  return false
}

type Visiting = { readonly position: ResponsePath | undefined; readonly walk: Walk; readonly visit: Step }

function eachItem(items: readonly unknown[], { position, walk, visit }: Visiting): void {
  for (let index = 0; index < items.length; index++) {
    const item = items[index]
    if (item !== null && item !== undefined)
      visit(item, walk.withPositions ? { key: index, parent: position } : undefined, walk)
  }
}

/** Returns the keys from the root to the position. */
export function pathKeys(position: ResponsePath | undefined): PathKey[] {
  const path: PathKey[] = []
  for (let at = position; at !== undefined; at = at.parent) path.push(at.key)
  return path.reverse()
}
