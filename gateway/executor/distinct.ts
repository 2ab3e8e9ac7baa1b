// Entities that a request asks for, each representation once. For one request; free of what becomes of the answer.
import type { Execution, JsonObject } from '#gateway/executor/execution.ts'
import type { Representation } from '#gateway/executor/representations.ts'

export type Distinct = {
  /** Those that differ, as JSON. */
  readonly texts: readonly string[]
  /** Which of `texts` stands for an entity; undefined when none does. */
  indexOf(entity: JsonObject): number | undefined
}

type Level = Map<unknown, unknown>

/** Equal entities are known by the values that they are written from: most are never written. */
export function createDistinct(
  { write, keysOf }: Representation,
  variables: Execution['variables'],
): Distinct {
  const texts: string[] = []
  const byText = new Map<string, number>()
  const types: Level = new Map()

  function indexOfText(entity: JsonObject): number | undefined {
    const text = write(entity, variables)
    if (text === undefined) return undefined
    const known = byText.get(text)
    if (known !== undefined) return known
    const index = texts.push(text) - 1
    byText.set(text, index)
    return index
  }

  return {
    texts,
    indexOf(entity) {
      const { __typename: typename } = entity
      const keys = typeof typename === 'string' ? keysOf(typename) : undefined
      if (keys === undefined) return indexOfText(entity)
      let level = below(types, typename)
      for (const key of keys) {
        const value = entity[key]
        if (typeof value === 'object' && value !== null) return indexOfText(entity)
        level = below(level, value)
      }
      const known = level.get(INDEX)
      if (typeof known === 'number') return known
      const index = indexOfText(entity)
      level.set(INDEX, index)
      return index
    },
  }
}

/** Where the values end. */
const INDEX = Symbol('index')

function below(level: Level, value: unknown): Level {
  const found = level.get(value)
  if (found instanceof Map) return found
  const made: Level = new Map()
  level.set(value, made)
  return made
}
