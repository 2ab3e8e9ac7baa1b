// Turns a failed fetch into GraphQL errors: one at each field that is missing because of it.
import {
  type FieldNode,
  type GraphQLFormattedError,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionNode,
} from 'graphql'
import { type ErrorMasking, maskFailure } from '#gateway/transport/error-masking.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { type Fragments, fragmentsOf } from '#platform/graphql/documents/fragments.ts'

type FailedFetch = {
  /** The subgraph's name. */
  readonly name: string
  readonly query: string | undefined
  readonly variables: Readonly<Record<string, unknown>> | undefined
}

type Path = readonly (string | number)[]

/** The most errors of one fetch: a fetch of many entities reports the first of them. */
const MAX_ERRORS = 50

/** Returns errors with paths in the fetch's own response, as if the subgraph had sent them; UNAVAILABLE by default. */
export function fetchErrors(
  fetch: FailedFetch,
  cause: unknown,
  masking: ErrorMasking,
): GraphQLFormattedError[] {
  const failure =
    cause instanceof CallerError
      ? cause
      : new CallerError('UNAVAILABLE', `${fetch.name} is not available at the moment: try again`)
  const error = maskFailure(failure, masking, fetch.name)
  const paths = fetch.query === undefined ? [] : emptyPaths(fetch.query, fetch.variables)
  return paths.length === 0 ? [error] : paths.slice(0, MAX_ERRORS).map(path => ({ ...error, path }))
}

function emptyPaths(query: string, variables: FailedFetch['variables']): Path[] {
  const document = parse(query)
  const operation = document.definitions.find(
    (definition): definition is OperationDefinitionNode => definition.kind === Kind.OPERATION_DEFINITION,
  )
  const fragments = fragmentsOf(document)
  const roots = fieldsOf(operation?.selectionSet.selections ?? [], fragments, undefined)
  return roots.flatMap(root =>
    root.name.value === '_entities' ? entityPaths(root, fragments, variables) : [[responseName(root)]],
  )
}

function entityPaths(entities: FieldNode, fragments: Fragments, variables: FailedFetch['variables']): Path[] {
  const representations = variables?.[representationsOf(entities)]
  if (!Array.isArray(representations)) return []
  const selections = entities.selectionSet?.selections ?? []
  return representations.slice(0, MAX_ERRORS).flatMap((representation, index) => {
    const fields = fieldsOf(selections, fragments, typeOf(representation))
    if (fields.length === 0) return [[responseName(entities), index]] // selected through an interface of the entity
    return fields.map(field => [responseName(entities), index, responseName(field)])
  })
}

/** A request for entities of several paths has a variable for each path. */
function representationsOf({ arguments: given = [] }: FieldNode): string {
  const value = given.find(({ name }) => name.value === 'representations')?.value
  return value?.kind === Kind.VARIABLE ? value.name.value : 'representations'
}

/** Returns the fields selected of an object of `type`; those under any type condition when `type` is undefined. */
function fieldsOf(
  selections: readonly SelectionNode[],
  fragments: Fragments,
  type: string | undefined,
): FieldNode[] {
  return selections.flatMap(selection => {
    if (selection.kind === Kind.FIELD) return selection.name.value === '__typename' ? [] : [selection]
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
    const condition = fragment?.typeCondition?.name.value
    if (!fragment || (type !== undefined && condition !== undefined && condition !== type)) return []
    return fieldsOf(fragment.selectionSet.selections, fragments, type)
  })
}

function responseName({ alias, name }: FieldNode): string {
  return (alias ?? name).value
}

function typeOf(representation: unknown): string | undefined {
  if (typeof representation !== 'object' || representation === null) return undefined
  return '__typename' in representation ? String(representation.__typename) : undefined
}
