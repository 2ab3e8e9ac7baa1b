// The objects that a plan's path leads to, in the answer so far, with where each stands. Compiled once per path.
import { isObject, type JsonObject, type PathKey } from '#gateway/executor/execution.ts'
import type { FlattenPath } from '#gateway/executor/plan.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'

/** A place in the answer: its key, and the place that it is in. Made as the path is walked, read only for errors. */
export type Place = { readonly key: PathKey; readonly parent: Place | undefined }
export type Found = (entity: JsonObject, place: Place | undefined) => void
export type FindTargets = (data: JsonObject, found: Found) => void

type Step = (value: unknown, place: Place | undefined, found: Found) => void

export function compilePath(path: FlattenPath, matches: TypeMatch): FindTargets {
  const step = path.reduceRight<Step>((next, segment) => stepOf(segment, next, matches), atEnd)
  return (data, found) => step(data, undefined, found)
}

function atEnd(value: unknown, place: Place | undefined, found: Found): void {
  if (Array.isArray(value)) eachItem(value, place, (item, at) => atEnd(item, at, found))
  else if (isObject(value)) found(value, place)
}

function stepOf(segment: FlattenPath[number], next: Step, matches: TypeMatch): Step {
  if (segment === '@')
    return (value, place, found) => {
      if (Array.isArray(value)) eachItem(value, place, (item, at) => next(item, at, found))
    }
  if ('Field' in segment) {
    const key = segment.Field
    const step: Step = (value, place, found) => {
      if (Array.isArray(value)) return eachItem(value, place, (item, at) => step(item, at, found))
      if (!isObject(value)) return
      const inner = value[key]
      if (inner !== null && inner !== undefined) next(inner, { key, parent: place }, found)
    }
    return step
  }
  const conditions = segment.TypeCondition
  const step: Step = (value, place, found) => {
    if (Array.isArray(value)) return eachItem(value, place, (item, at) => step(item, at, found))
    if (!isObject(value)) return
    const typename = typeof value.__typename === 'string' ? value.__typename : undefined
    if (typename === undefined || conditions.some(condition => matches(typename, condition)))
      next(value, place, found)
  }
  return step
}

function eachItem(
  items: readonly unknown[],
  parent: Place | undefined,
  visit: (item: unknown, place: Place) => void,
): void {
  for (let index = 0; index < items.length; index++) {
    const item = items[index]
    if (item !== null && item !== undefined) visit(item, { key: index, parent })
  }
}

/** From the root. */
export function pathOf(place: Place | undefined): PathKey[] {
  const path: PathKey[] = []
  for (let at = place; at !== undefined; at = at.parent) path.push(at.key)
  return path.reverse()
}
