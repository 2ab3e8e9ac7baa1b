// Adds the directives that a client wrote at fields to the requests that fetch these fields, since planners drop them.
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
import {
  type BatchFetchNode,
  type FetchNode,
  mapRequests,
  type PlanNode,
} from '#gateway/planner/plan/query-plan.ts'

type ExecutableDirectives = {
  /** Keyed by the field's name in the plan, which no other field has. */
  readonly directives: ReadonlyMap<string, readonly DirectiveNode[]>
  /** The variable definitions of the normalized operation. */
  readonly definitions: readonly VariableDefinitionNode[]
}

/**
 * Returns the plan with the directives added to the fields that they were written at, and with the variables that they
 * use. A supergraph has an executable directive only if all of its subgraphs define it, so every subgraph accepts it.
 */
export function withExecutableDirectives(plan: PlanNode, written: ExecutableDirectives): PlanNode {
  return written.directives.size === 0 ? plan : mapRequests(plan, request => withDirectives(request, written))
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
