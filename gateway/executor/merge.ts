// Puts one answer into another, in place: what is new is taken over as it is, what both have is merged.
import type { JsonObject } from '#gateway/executor/execution.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'
import { isObject } from '#platform/domain/json.ts'

/** Deeper than any operation asks: further down values are taken as they are, or shared, not walked till the stack is full. */
const MAX_LEVELS = 1000

/**
 * `source` may become part of `target`. A value of both that is no object or list of objects is taken from `source`; but
 * `__typename` stays when it is the more exact of the two: an object that stands for an interface has the interface's.
 */
export function mergeInto(
  target: JsonObject,
  source: JsonObject,
  matches: TypeMatch,
  levels: number = MAX_LEVELS,
): void {
  for (const key in source) {
    const value = source[key]
    const present = target[key]
    if (present === undefined || present === null) {
      if (value !== undefined && key !== '__proto__') target[key] = value
    } else if (value !== null && value !== undefined && present !== value)
      target[key] =
        key === '__typename' ? exacter(present, value, matches) : merged(present, value, matches, levels)
  }
}

function exacter(present: unknown, value: unknown, matches: TypeMatch): unknown {
  return typeof present === 'string' && typeof value === 'string' && matches(present, value) ? present : value
}

function merged(present: unknown, value: unknown, matches: TypeMatch, levels: number): unknown {
  if (levels === 0) return value
  if (isObject(present) && isObject(value)) {
    mergeInto(present, value, matches, levels - 1)
    return present
  }
  if (Array.isArray(present) && Array.isArray(value) && present.length === value.length) {
    for (let index = 0; index < value.length; index++) {
      const item: unknown = present[index]
      present[index] =
        item === null || item === undefined
          ? value[index]
          : value[index] === null
            ? item
            : merged(item, value[index], matches, levels - 1)
    }
    return present
  }
  return value
}
