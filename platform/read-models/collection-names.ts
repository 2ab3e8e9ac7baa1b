// Checks the names and paths in a collection's definition, which adapters write into their query language.
import { OperatorError } from '#platform/domain/errors.ts'
import type { CollectionDefinition, Document } from '#platform/read-models/read-models.ts'
import { FOLDING_VERSION } from '#platform/read-models/search-terms.ts'

const NAME = /^[a-z][a-z0-9_]{0,30}$/
const PATH = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*$/

/**
 * Returns the stored name of a collection: its name and version, and with terms the version of their folding. Throws
 * OperatorError READ_MODEL_INVALID for names that an engine may not take.
 */
export function storedName<Doc extends Document>(definition: CollectionDefinition<Doc>): string {
  const { name, version, indexes, terms } = definition
  if (!NAME.test(name)) throw invalid(`the collection name "${name}" must match ${NAME}`)
  if (!Number.isInteger(version) || version < 1 || version > 9_999)
    throw invalid(`the version of collection "${name}" must be 1 to 9999, not ${version}`)
  for (const path of indexes.flat()) checkPath(path)
  return terms ? `${name}_v${version}_f${FOLDING_VERSION}` : `${name}_v${version}`
}

/** Returns whether `name` is what an earlier version of the collection was stored as. */
export function isEarlierName<Doc extends Document>(
  { name: collection, version, terms }: CollectionDefinition<Doc>,
  name: string,
): boolean {
  const found = new RegExp(`^${collection}_v(\\d+)(?:_f(\\d+))?$`).exec(name)
  if (!found) return false
  const [storedVersion, folding] = [Number(found[1]), Number(found[2] ?? FOLDING_VERSION)]
  return storedVersion < version || (storedVersion === version && !!terms && folding < FOLDING_VERSION)
}

/** Returns the path, or throws: letters, digits, underscores and dots only, so that it needs no quoting. */
export function checkPath(path: string): string {
  if (!PATH.test(path)) throw invalid(`the path "${path}" must match ${PATH}`)
  return path
}

function invalid(problem: string): OperatorError {
  return new OperatorError('READ_MODEL_INVALID', problem)
}
