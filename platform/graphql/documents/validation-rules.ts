// Validation rules beside those of the specification: introspection is off, and every operation's root type exists.
import { type ASTVisitor, GraphQLError, OperationTypeNode, type ValidationContext } from 'graphql'

/** Refuses `__schema` and `__type`, with one error per document. */
export function noIntrospection(context: ValidationContext): ASTVisitor {
  let reported = false
  return {
    Field(node) {
      if (reported || (node.name.value !== '__schema' && node.name.value !== '__type')) return
      reported = true
      context.reportError(new GraphQLError('GraphQL introspection is switched off here.', { nodes: node }))
    },
  }
}

const PLURALS: Readonly<Record<OperationTypeNode, string>> = {
  [OperationTypeNode.QUERY]: 'queries',
  [OperationTypeNode.MUTATION]: 'mutations',
  [OperationTypeNode.SUBSCRIPTION]: 'subscriptions',
}

/** Reports each operation whose root type the schema does not have: execution would throw. */
export function rootTypeRule(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition(node) {
      if (context.getSchema().getRootType(node.operation)) return
      const message = `The schema has no ${PLURALS[node.operation]}.`
      context.reportError(new GraphQLError(message, { nodes: node }))
    },
  }
}
