// Deduplicates the representations of a request, so that each distinct entity is fetched once.
import type { Execution, JsonObject } from '#gateway/executor/execution.ts'
import type { Representation } from '#gateway/executor/representations.ts'

type UniqueRepresentations = {
  /** The distinct representations, as JSON. */
  readonly texts: readonly string[]
  /** Returns the index in `texts` of the entity's representation; undefined when it has none. */
  indexOf(entity: JsonObject): number | undefined
}

/** Maps a value to the level of the next key or, for the last key, to an index. */
type Level = Map<unknown, unknown>

/** The index of entities without a representation. */
const NONE = -1

/** Equal entities are recognised by the values of their key fields, so that most are never written. */
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
