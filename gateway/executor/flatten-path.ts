// The objects that a plan's path leads to, in the answer so far, with where each stands. Compiled once per path.
import type { JsonObject, PathKey, SharedValues } from '#gateway/executor/execution.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'
import type { FlattenPath } from '#gateway/planner/plan/query-plan.ts'
import { isObject } from '#platform/domain/json.ts'

/** A place in the answer: its key, and the place that it is in. */
export type ResponsePath = { readonly key: PathKey; readonly parent: ResponsePath | undefined }
export type Found = (entity: JsonObject, place: ResponsePath | undefined) => void

export type Targets = {
  /** Each object at least once, whatever its places: what `shared` has is walked once. */
  each(data: JsonObject, shared: SharedValues | undefined, found: (entity: JsonObject) => void): void
  /** At each of its places. For errors: it costs more. */
  places(data: JsonObject, found: Found): void
}

type Walk = {
  readonly found: (entity: JsonObject, place: ResponsePath | undefined) => void
  readonly placed: boolean
  readonly shared: SharedValues | undefined
  /** Of what is shared, by the step that it was met at. */
  readonly seen: Set<unknown>[]
}

type Step = (value: unknown, place: ResponsePath | undefined, walk: Walk) => void

export function compileFlattenPath(path: FlattenPath, matches: TypeMatch): Targets {
  const step = path.reduceRight<Step>(
    (next, segment, depth) => stepOf(segment, { next, depth, matches }),
    atEnd,
  )
  return {
    each: (data, shared, found) => step(data, undefined, { found, placed: false, shared, seen: [] }),
    places: (data, found) => step(data, undefined, { found, placed: true, shared: undefined, seen: [] }),
  }
}

function atEnd(value: unknown, place: ResponsePath | undefined, walk: Walk): void {
  if (Array.isArray(value)) eachItem(value, { place, walk, visit: atEnd })
  else if (isObject(value)) walk.found(value, place)
}

type Onward = { readonly next: Step; readonly depth: number; readonly matches: TypeMatch }

function stepOf(segment: FlattenPath[number], { next, depth, matches }: Onward): Step {
  if (segment === '@')
    return (value, place, walk) => {
      if (Array.isArray(value)) eachItem(value, { place, walk, visit: next })
    }
  if ('Field' in segment) {
    const key = segment.Field
    const step: Step = (value, place, walk) => {
      if (Array.isArray(value)) return eachItem(value, { place, walk, visit: step })
      if (!isObject(value)) return
      const inner = value[key]
      if (inner === null || inner === undefined || wasSeen(inner, depth, walk)) return
      next(inner, walk.placed ? { key, parent: place } : undefined, walk)
    }
    return step
  }
  const conditions = segment.TypeCondition
  const step: Step = (value, place, walk) => {
    if (Array.isArray(value)) return eachItem(value, { place, walk, visit: step })
    if (!isObject(value)) return
    const typename = typeof value.__typename === 'string' ? value.__typename : undefined
    if (typename === undefined || conditions.some(condition => matches(typename, condition)))
      next(value, place, walk)
  }
  return step
}

/** What was met at the same step before led to the same objects. */
function wasSeen(value: unknown, depth: number, { shared, seen }: Walk): boolean {
  if (shared === undefined || !shared.has(value)) return false
  const here = seen[depth] ?? new Set()
  seen[depth] = here
  if (here.has(value)) return true
  here.add(value)
  return false
}

type Visiting = { readonly place: ResponsePath | undefined; readonly walk: Walk; readonly visit: Step }

function eachItem(items: readonly unknown[], { place, walk, visit }: Visiting): void {
  for (let index = 0; index < items.length; index++) {
    const item = items[index]
    if (item !== null && item !== undefined)
      visit(item, walk.placed ? { key: index, parent: place } : undefined, walk)
  }
}

/** From the root. */
export function pathKeys(place: ResponsePath | undefined): PathKey[] {
  const path: PathKey[] = []
  for (let at = place; at !== undefined; at = at.parent) path.push(at.key)
  return path.reverse()
}
