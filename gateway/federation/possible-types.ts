// What an object may turn out to be where a type stands. Pure.
import { type GraphQLCompositeType, type GraphQLSchema, isAbstractType } from 'graphql'

/** Names of object types: those of an interface or a union, or the type's own. */
export function possibleTypes(schema: GraphQLSchema, type: GraphQLCompositeType): readonly string[] {
  return isAbstractType(type) ? schema.getPossibleTypes(type).map(({ name }) => name) : [type.name]
}
