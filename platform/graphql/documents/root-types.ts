// A validation rule for operations of a kind that the schema does not have, of which the specified rules say nothing.
import { type ASTVisitor, GraphQLError, OperationTypeNode, type ValidationContext } from 'graphql'

const PLURALS: Readonly<Record<OperationTypeNode, string>> = {
  [OperationTypeNode.QUERY]: 'queries',
  [OperationTypeNode.MUTATION]: 'mutations',
  [OperationTypeNode.SUBSCRIPTION]: 'subscriptions',
}

/** Reports each operation whose root type is not in the schema: it is the caller's mistake, and execution would throw. */
export function rootTypeRule(context: ValidationContext): ASTVisitor {
  return {
    OperationDefinition(node) {
      if (context.getSchema().getRootType(node.operation)) return
      const message = `The schema has no ${PLURALS[node.operation]}.`
      context.reportError(new GraphQLError(message, { nodes: node }))
    },
  }
}
