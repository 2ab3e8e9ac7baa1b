// Puts one answer into another, in place: what is new is taken over as it is, what both have is merged.
import { isObject, type JsonObject } from '#gateway/executor/execution.ts'

/** `source` may become part of `target`. A value of both that is no object or list of objects is taken from `source`. */
export function mergeInto(target: JsonObject, source: JsonObject): void {
  for (const key in source) {
    const value = source[key]
    const present = target[key]
    if (present === undefined || present === null) {
      if (value !== undefined && key !== '__proto__') target[key] = value
    } else if (value !== null && value !== undefined && present !== value)
      target[key] = mergedValue(present, value)
  }
}

function mergedValue(present: unknown, value: unknown): unknown {
  if (isObject(present) && isObject(value)) {
    mergeInto(present, value)
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
            : mergedValue(item, value[index])
    }
    return present
  }
  return value
}
