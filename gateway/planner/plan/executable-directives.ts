// Directives that a client wrote at fields, put into the requests that fetch these fields: planners drop them. Pure.
import {
  type DirectiveNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type VariableDefinitionNode,
  visit,
} from 'graphql'
import { ALIAS_SUFFIX } from '#gateway/planner/normalization/plan-names.ts'
import type { BatchFetchNode, FetchNode, PlanNode } from '#gateway/planner/plan/query-plan.ts'

export type ExecutableDirectives = {
  /** By the field's name in the plan, which no other field has. */
  readonly directives: ReadonlyMap<string, readonly DirectiveNode[]>
  /** The variables that the operation defines, as it was planned. */
  readonly definitions: readonly VariableDefinitionNode[]
}

/** A supergraph has a directive for operations only if all of its subgraphs know it. */
export function withExecutableDirectives(node: PlanNode, written: ExecutableDirectives): PlanNode {
  const within = (inner: PlanNode) => withExecutableDirectives(inner, written)
  if (written.directives.size === 0) return node
  switch (node.kind) {
    case 'Fetch':
    case 'BatchFetch':
      return withDirectives(node, written)
    case 'Subscription':
      return { ...node, primary: withDirectives(node.primary, written) }
    case 'Flatten':
      return { ...node, node: within(node.node) }
    case 'Sequence':
    case 'Parallel':
      return { ...node, nodes: node.nodes.map(within) }
    case 'Condition':
      return {
        ...node,
        ifClause: node.ifClause ? within(node.ifClause) : null,
        elseClause: node.elseClause ? within(node.elseClause) : null,
      }
  }
}

function withDirectives<Node extends FetchNode | BatchFetchNode>(
  node: Node,
  { directives, definitions }: ExecutableDirectives,
): Node {
  const variables = new Set<string>()
  let changed = false
  const document = visit(parse(node.operation), {
    Field(field) {
      const own = directives.get((field.alias ?? field.name).value.replace(ALIAS_SUFFIX, ''))
      if (!own) return undefined
      changed = true
      for (const directive of own) for (const name of variablesIn(directive)) variables.add(name)
      return { ...field, directives: [...(field.directives ?? []), ...own] }
    },
  })
  if (!changed) return node
  const added = definitions.filter(({ variable }) => variables.has(variable.name.value))
  const operation = print({
    ...document,
    definitions: document.definitions.map(one =>
      one.kind === Kind.OPERATION_DEFINITION ? withVariables(one, added) : one,
    ),
  })
  const variableUsages = [...new Set([...(node.variableUsages ?? []), ...variables])]
  return { ...node, operation, variableUsages }
}

function withVariables(
  operation: OperationDefinitionNode,
  added: readonly VariableDefinitionNode[],
): OperationDefinitionNode {
  const { variableDefinitions = [] } = operation
  const known = new Set(variableDefinitions.map(({ variable }) => variable.name.value))
  const missing = added.filter(({ variable }) => !known.has(variable.name.value))
  return { ...operation, variableDefinitions: [...variableDefinitions, ...missing] }
}

function variablesIn(directive: DirectiveNode): readonly string[] {
  const names: string[] = []
  visit(directive, {
    Variable({ name }) {
      names.push(name.value)
    },
  })
  return names
}
