// Answers `__schema` and `__type` of an operation from the public schema.
import {
  type DocumentNode,
  execute,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
} from 'graphql'
import type { JsonObject } from '#gateway/executor/execution.ts'
import type { Fragments } from '#platform/graphql/documents/fragments.ts'

type Variables = Readonly<Record<string, unknown>>

/** Returns the names of the root fields, with fragments written out. */
export function rootFields(selections: readonly SelectionNode[], fragments: Fragments): string[] {
  return selections.flatMap(selection => {
    if (selection.kind === Kind.FIELD) return [selection.name.value]
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
    return rootFields(fragment?.selectionSet.selections ?? [], fragments)
  })
}

type Introspected = {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly fragments: Fragments
}

/** Returns the values of `__schema` and `__type` at the root, by response name. */
export function introspect(
  schema: GraphQLSchema,
  { document, operation, fragments }: Introspected,
  variableValues: Variables,
): JsonObject {
  const selections = onlyIntrospection(operation.selectionSet.selections, fragments)
  const reduced: OperationDefinitionNode = {
    ...operation,
    selectionSet: { kind: Kind.SELECTION_SET, selections },
  }
  const definitions = document.definitions.map(definition =>
    definition === operation ? reduced : definition,
  )
  const result = execute({
    schema,
    document: { ...document, definitions },
    variableValues,
    ...(operation.name && { operationName: operation.name.value }),
  })
  return 'data' in result ? { ...result.data } : {}
}

function onlyIntrospection(selections: readonly SelectionNode[], fragments: Fragments): SelectionNode[] {
  return selections.flatMap((selection): SelectionNode[] => {
    if (selection.kind === Kind.FIELD)
      return ['__schema', '__type'].includes(selection.name.value) ? [selection] : []
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
    if (!fragment) return []
    const inner = onlyIntrospection(fragment.selectionSet.selections, fragments)
    return inner.length === 0
      ? []
      : [
          {
            kind: Kind.INLINE_FRAGMENT,
            ...(selection.directives && { directives: selection.directives }),
            selectionSet: { kind: Kind.SELECTION_SET, selections: inner },
          },
        ]
  })
}
