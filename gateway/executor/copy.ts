// A copy of parsed JSON, for who changes it in place. Free of what it is.
import { isObject, type JsonObject } from '#gateway/executor/execution.ts'

/** Its objects and lists anew, all the way down. Texts are the same ones: of most answers this is a fraction of parsing again. */
export function copyOf(source: JsonObject): JsonObject {
  const copy = { ...source }
  for (const key in copy) {
    const value = copy[key]
    if (typeof value === 'object' && value !== null) copy[key] = copyOfValue(value)
  }
  return copy
}

function copyOfValue(value: unknown): unknown {
  if (Array.isArray(value)) return copyOfList(value)
  return isObject(value) ? copyOf(value) : value
}

function copyOfList(source: readonly unknown[]): unknown[] {
  const copy = source.slice()
  for (let index = 0; index < copy.length; index++) {
    const item = copy[index]
    if (typeof item === 'object' && item !== null) copy[index] = copyOfValue(item)
  }
  return copy
}
