// Matches typenames against type conditions, by the whole supergraph with its hidden types.
import {
  type DocumentNode,
  type GraphQLCompositeType,
  type GraphQLSchema,
  isAbstractType,
  Kind,
} from 'graphql'

/** Tells whether an object whose `__typename` is `typename` satisfies the condition. */
export type TypeMatch = (typename: string | undefined, condition: string) => boolean

/** Reads the document, since the schema of a large supergraph takes long to build. */
export function createTypeMatch(supergraph: DocumentNode): TypeMatch {
  const covered = new Map<string, Set<string>>()
  const cover = (condition: string, typename: string) => {
    const known = covered.get(condition) ?? new Set()
    covered.set(condition, known.add(typename))
  }
  for (const definition of supergraph.definitions)
    switch (definition.kind) {
      case Kind.OBJECT_TYPE_DEFINITION:
      case Kind.OBJECT_TYPE_EXTENSION:
        for (const { name } of definition.interfaces ?? []) cover(name.value, definition.name.value)
        break
      case Kind.UNION_TYPE_DEFINITION:
      case Kind.UNION_TYPE_EXTENSION:
        for (const { name } of definition.types ?? []) cover(definition.name.value, name.value)
        break
    }
  return (typename, condition) =>
    typename !== undefined && (typename === condition || covered.get(condition)?.has(typename) === true)
}

/** Returns the names of the object types of an interface or a union, or the type's own name. */
export function possibleTypes(schema: GraphQLSchema, type: GraphQLCompositeType): readonly string[] {
  return isAbstractType(type) ? schema.getPossibleTypes(type).map(({ name }) => name) : [type.name]
}
