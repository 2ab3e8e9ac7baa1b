// A copy of parsed JSON, for who changes it in place. Free of what it is.
import type { JsonObject } from '#gateway/executor/execution.ts'
import { isObject } from '#platform/domain/json.ts'

/** Deeper than any operation asks, so that nobody changes what is further down: copies share it. */
const MAX_LEVELS = 1000

/**
 * Its objects and lists anew, as far down as anybody looks: what is merged into one must not show in another. Texts are the
 * same ones: of most answers this is a fraction of parsing again.
 */
export function cloneJson(source: JsonObject, levels: number = MAX_LEVELS): JsonObject {
  const copy = { ...source }
  for (const key in copy) {
    const value = copy[key]
    if (typeof value === 'object' && value !== null) copy[key] = copyOfValue(value, levels - 1)
  }
  return copy
}

function copyOfValue(value: unknown, levels: number): unknown {
  if (levels === 0) return value
  if (Array.isArray(value)) return copyOfList(value, levels)
  return isObject(value) ? cloneJson(value, levels) : value
}

function copyOfList(source: readonly unknown[], levels: number): unknown[] {
  const copy = source.slice()
  for (let index = 0; index < copy.length; index++) {
    const item = copy[index]
    if (typeof item === 'object' && item !== null) copy[index] = copyOfValue(item, levels - 1)
  }
  return copy
}
