// Tells whether an operation selects a place in its data, by the runtime types of the objects on the way. Pure.
import { type DocumentNode, type FieldNode, Kind, type SelectionNode } from 'graphql'
import type { JsonObject, PathKey } from '#gateway/executor/execution.ts'
import type { TypeMatch } from '#gateway/executor/possible-types.ts'
import { isObject } from '#platform/domain/json.ts'

/** Without regard to conditions. Objects that do not tell their type may be of any. */
export type IsSelected = (path: readonly PathKey[], data: JsonObject) => boolean

/** `document` has one operation, without fragments by name. */
export function createIsSelected(document: DocumentNode, matches: TypeMatch): IsSelected {
  const roots = document.definitions.flatMap(one =>
    one.kind === Kind.OPERATION_DEFINITION ? one.selectionSet.selections : [],
  )
  return (path, data) => {
    let selections: readonly SelectionNode[] = roots
    let value: unknown = data
    for (const key of path) {
      if (typeof key === 'string') {
        const typename =
          isObject(value) && typeof value.__typename === 'string' ? value.__typename : undefined
        const found = fieldsCalled(key, selections, typename)
        if (found.length === 0) return false
        selections = found.flatMap(({ selectionSet }) => selectionSet?.selections ?? [])
      }
      value = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
    }
    return true
  }

  function fieldsCalled(
    key: string,
    selections: readonly SelectionNode[],
    typename: string | undefined,
  ): FieldNode[] {
    return selections.flatMap((one): FieldNode[] => {
      if (one.kind === Kind.FIELD) return (one.alias ?? one.name).value === key ? [one] : []
      if (one.kind === Kind.FRAGMENT_SPREAD) return []
      const condition = one.typeCondition?.name.value
      const fits = condition === undefined || typename === undefined || matches(typename, condition)
      return fits ? fieldsCalled(key, one.selectionSet.selections, typename) : []
    })
  }
}
