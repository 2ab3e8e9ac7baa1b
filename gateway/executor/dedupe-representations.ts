// Entities that a request asks for, each representation once. For one request; free of what becomes of the answer.
import type { Execution, JsonObject } from '#gateway/executor/execution.ts'
import type { Representation } from '#gateway/executor/representations.ts'

export type UniqueRepresentations = {
  /** Those that differ, as JSON. */
  readonly texts: readonly string[]
  /** Which of `texts` stands for an entity; undefined when none does. */
  indexOf(entity: JsonObject): number | undefined
}

/** By a value: the level of the next key, or what the last key leads to. */
type Level = Map<unknown, unknown>

/** What has no representation, among indexes. */
const NONE = -1

/** Equal entities are known by the values that they are written from: most are never written. */
export function dedupeRepresentations(
  { write, keysOf }: Representation,
  variables: Execution['variables'],
): UniqueRepresentations {
  const texts: string[] = []
  const byText = new Map<string, number>()
  const byType: Level = new Map()

  function add(text: string | undefined): number {
    return text === undefined ? NONE : texts.push(text) - 1
  }

  function indexByText(entity: JsonObject): number {
    const text = write(entity, variables)
    if (text === undefined) return NONE
    const index = byText.get(text) ?? add(text)
    byText.set(text, index)
    return index
  }

  function indexByKeys(entity: JsonObject, keys: readonly string[]): number {
    let level = byType
    let value = entity.__typename
    for (const key of keys) {
      level = below(level, value)
      value = entity[key]
      if (typeof value === 'object' && value !== null) return indexByText(entity)
    }
    const known = level.get(value)
    if (typeof known === 'number') return known
    const index = add(write(entity, variables))
    level.set(value, index)
    return index
  }

  return {
    texts,
    indexOf(entity) {
      const { __typename: typename } = entity
      const keys = typeof typename === 'string' ? keysOf(typename) : undefined
      const index = keys === undefined ? indexByText(entity) : indexByKeys(entity, keys)
      return index === NONE ? undefined : index
    },
  }
}

function below(level: Level, value: unknown): Level {
  const found = level.get(value)
  if (found instanceof Map) return found
  const made: Level = new Map()
  level.set(value, made)
  return made
}
