// Which object types each type condition covers, in the whole supergraph, hidden ones included. Pure.
import { type GraphQLSchema, isAbstractType, isObjectType } from 'graphql'

/** True when an object whose `__typename` is `typename` is a `condition`. */
export type TypeMatch = (typename: string | undefined, condition: string) => boolean

export function createTypeMatch(supergraph: GraphQLSchema): TypeMatch {
  const covered = new Map<string, ReadonlySet<string>>()
  for (const type of Object.values(supergraph.getTypeMap()))
    if (isAbstractType(type))
      covered.set(type.name, new Set(supergraph.getPossibleTypes(type).map(({ name }) => name)))
    else if (isObjectType(type)) covered.set(type.name, new Set([type.name]))
  return (typename, condition) =>
    typename !== undefined && (typename === condition || covered.get(condition)?.has(typename) === true)
}
