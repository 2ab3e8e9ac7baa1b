// The rule by which a graph keeps its schema to itself.
import { type ASTVisitor, GraphQLError, type ValidationContext } from 'graphql'

/** Refuses `__schema` and `__type`. Said once an operation, not at every field of it. */
export function noIntrospection(context: ValidationContext): ASTVisitor {
  let said = false
  return {
    Field(node) {
      if (said || (node.name.value !== '__schema' && node.name.value !== '__type')) return
      said = true
      context.reportError(new GraphQLError('GraphQL introspection is switched off here.', { nodes: node }))
    },
  }
}
