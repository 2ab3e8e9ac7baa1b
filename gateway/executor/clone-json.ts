// Clones parsed JSON, so that one copy can be changed in place without the other.
import type { JsonObject } from '#gateway/executor/execution.ts'
import { isObject } from '#platform/domain/json.ts'

/** No operation selects deeper, so that nobody changes what is further down: clones share it. */
const MAX_LEVELS = 1000

/** Clones objects and lists, and shares strings: for most responses this takes a fraction of the time of parsing again. */
export function cloneJson(source: JsonObject, levels: number = MAX_LEVELS): JsonObject {
  const copy = { ...source }
  for (const key in copy) {
    const value = copy[key]
    if (typeof value === 'object' && value !== null) copy[key] = cloneValue(value, levels - 1)
  }
  return copy
}

function cloneValue(value: unknown, levels: number): unknown {
  if (levels === 0) return value
  if (Array.isArray(value)) return cloneList(value, levels)
  return isObject(value) ? cloneJson(value, levels) : value
}

function cloneList(source: readonly unknown[], levels: number): unknown[] {
  const copy = source.slice()
  for (let index = 0; index < copy.length; index++) {
    const item = copy[index]
    if (typeof item === 'object' && item !== null) copy[index] = cloneValue(item, levels - 1)
  }
  return copy
}
