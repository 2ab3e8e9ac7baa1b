// Errors that subgraphs tell, at the places in the answer that they are about. Free of requests.
import type {
  Execution,
  ExecutionError,
  JsonObject,
  PathKey,
  SubgraphResponse,
} from '#gateway/executor/execution.ts'
import type { IsSelected } from '#gateway/executor/selected-paths.ts'
import type { PlanNames } from '#gateway/planner/normalization/plan-names.ts'
import { isObject } from '#platform/domain/json.ts'

/** Errors of one fetch that are told, at most. */
export const MAX_ERRORS = 100

export type ErrorContext = {
  readonly names: Pick<PlanNames, 'clientPath' | 'isAmbiguous'>
  readonly isSelected: IsSelected
}

/** `place` has the places in the answer so far, which the subgraph's data is part of already, for one in the subgraph's. */
export function addErrors(
  { data, errors = [] }: SubgraphResponse,
  place: (path: readonly PathKey[]) => readonly (readonly PathKey[])[],
  { execution, ...telling }: ErrorContext & { readonly execution: Execution },
): void {
  const end = execution.errors.length + MAX_ERRORS
  for (const error of errors.slice(0, MAX_ERRORS)) {
    if (!isObject(error)) continue
    const path = Array.isArray(error.path) ? error.path.filter(isPathKey) : []
    const places = place(path)
    const isAlone = isObject(valueAt(data, path.slice(0, -1)))
    for (const at of places.length > 0 ? places : [[]]) {
      if (execution.errors.length >= end) return
      if (isAlone && isOfNobody(at, execution.data, telling)) continue
      execution.errors.push(toldAt(error, telling.names.clientPath(at)))
    }
  }
}

/**
 * A request may ask a field of all objects at a place of which the client selects it of some types only, under a name that
 * stands for something else of the others. These lack nothing when it fails.
 */
function isOfNobody(
  path: readonly PathKey[],
  data: JsonObject,
  { names, isSelected }: ErrorContext,
): boolean {
  return names.isAmbiguous(path.at(-1)) && !isSelected(path, data)
}

function valueAt(data: unknown, path: readonly PathKey[]): unknown {
  let value = data
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = Reflect.get(value, key)
  }
  return value
}

function toldAt({ message, extensions }: JsonObject, path: PathKey[]): ExecutionError {
  return {
    message: typeof message === 'string' ? message : 'a subgraph failed',
    ...(path.length > 0 && { path }),
    extensions: isObject(extensions) ? { ...extensions } : {},
  }
}

function isPathKey(value: unknown): value is PathKey {
  return typeof value === 'string' || typeof value === 'number'
}
