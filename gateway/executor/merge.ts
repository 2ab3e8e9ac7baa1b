// Merges a response into another, in place: a value that is new is taken as it is, a value that both have is merged.
import type { JsonObject } from '#gateway/executor/execution.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'
import { isObject } from '#platform/domain/json.ts'

/** No operation selects deeper: values further down are taken as they are, so that the stack cannot overflow. */
const MAX_LEVELS = 1000

/**
 * `source` may become part of `target`. A value of both that is no object or list of objects is taken from `source`, except
 * for a `__typename` that is more exact: an interface object has that of the interface. Four parameters, since an object
 * would be allocated for each entity.
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
        key === '__typename' ? moreExact(present, value, matches) : merged(present, value, matches, levels)
  }
}

function moreExact(present: unknown, value: unknown, matches: TypeMatch): unknown {
  return typeof present === 'string' && typeof value === 'string' && matches(present, value) ? present : value
}

/** Has four parameters for the same reason. */
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
