// Adds the errors of subgraphs to an execution, at the positions in the response that they are about.
import { type DocumentNode, type FieldNode, getOperationAST, Kind, type SelectionNode } from 'graphql'
import type {
  Execution,
  ExecutionError,
  JsonObject,
  PathKey,
  SubgraphResponse,
} from '#gateway/executor/execution.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'
import type { PlanNames } from '#gateway/planner/normalization/plan-names.ts'
import { isObject } from '#platform/domain/json.ts'

/** The most errors of one fetch. */
export const MAX_ERRORS = 100

export type ErrorContext = {
  readonly names: Pick<PlanNames, 'clientPath' | 'isAmbiguous'>
  readonly isSelected: IsSelected
}

/**
 * Adds the errors of a subgraph's response, after its data was merged. `relocate` returns the positions in our response for
 * a path in the subgraph's.
 */
export function addErrors(
  { data, errors = [] }: SubgraphResponse,
  relocate: (path: readonly PathKey[]) => readonly (readonly PathKey[])[],
  { execution, ...context }: ErrorContext & { readonly execution: Execution },
): void {
  const end = execution.errors.length + MAX_ERRORS
  for (const error of errors.slice(0, MAX_ERRORS)) {
    if (!isObject(error)) continue
    const path = Array.isArray(error.path) ? error.path.filter(isPathKey) : []
    const positions = relocate(path)
    const hasParent = isObject(valueAt(data, path.slice(0, -1)))
    for (const position of positions.length > 0 ? positions : [[]]) {
      if (execution.errors.length >= end) return
      if (hasParent && isUnselected(position, execution.data, context)) continue
      execution.errors.push(errorAt(error, context.names.clientPath(position)))
    }
  }
}

/**
 * A request may fetch a field of all objects at a position where the client selects it of some types only, under a name
 * that is another field of the others. These lack nothing when it fails.
 */
function isUnselected(
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

function errorAt({ message, extensions }: JsonObject, path: PathKey[]): ExecutionError {
  return {
    message: typeof message === 'string' ? message : 'a subgraph failed',
    ...(path.length > 0 && { path }),
    extensions: isObject(extensions) ? { ...extensions } : {},
  }
}

function isPathKey(value: unknown): value is PathKey {
  return typeof value === 'string' || typeof value === 'number'
}

/** Tells whether the operation selects the path, conditions aside. An object without `__typename` may be of any type. */
type IsSelected = (path: readonly PathKey[], data: JsonObject) => boolean

/** `document` has a normalized operation. */
export function createIsSelected(document: DocumentNode, matches: TypeMatch): IsSelected {
  const roots = getOperationAST(document)?.selectionSet.selections ?? []
  return (path, data) => {
    let selections: readonly SelectionNode[] = roots
    let value: unknown = data
    for (const key of path) {
      if (typeof key === 'string') {
        const typename =
          isObject(value) && typeof value.__typename === 'string' ? value.__typename : undefined
        const found = fieldsNamed(key, selections, typename)
        if (found.length === 0) return false
        selections = found.flatMap(({ selectionSet }) => selectionSet?.selections ?? [])
      }
      value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
    }
    return true
  }

  function fieldsNamed(
    key: string,
    selections: readonly SelectionNode[],
    typename: string | undefined,
  ): FieldNode[] {
    return selections.flatMap((one): FieldNode[] => {
      if (one.kind === Kind.FIELD) return (one.alias ?? one.name).value === key ? [one] : []
      if (one.kind === Kind.FRAGMENT_SPREAD) return []
      const condition = one.typeCondition?.name.value
      const fits = condition === undefined || typename === undefined || matches(typename, condition)
      return fits ? fieldsNamed(key, one.selectionSet.selections, typename) : []
    })
  }
}
