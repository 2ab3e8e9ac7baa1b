// Checks each request of a plan on its own: it sends what its fields require, and gives no name to two different fields.
import { Kind, print, type SelectionNode, type SelectionSetNode } from 'graphql'
import type { FederatedTypes } from '#gateway/planner/check/federated-types.ts'
import { findUnmetRequirement, type PlanRequest } from '#gateway/planner/check/requirements.ts'
import { type PlanNode, type RequiredSelection, walkPlan } from '#gateway/planner/plan/query-plan.ts'
import { parseRequest } from '#gateway/planner/plan/request-operation.ts'

/** Returns what is wrong with the first faulty request; undefined when all can be right. */
export function findRequestFlaw(plan: PlanNode, types: FederatedTypes): string | undefined {
  for (const node of walkPlan(plan)) {
    const request = requestOf(node)
    if (!request) continue
    const field = findUnmetRequirement(request, types)
    if (field !== undefined) return `${request.serviceName} is asked for ${field} without what it requires`
    const name = findConflict(request.operation.selectionSet, '', new Map())
    if (name !== undefined) return `${request.serviceName} is asked for different things called ${name}`
  }
  return undefined
}

function requestOf(node: PlanNode): PlanRequest | undefined {
  if (node.kind !== 'Fetch' && node.kind !== 'BatchFetch') return undefined
  const { serviceName } = node
  const entities: [string, readonly RequiredSelection[]][] =
    node.kind === 'Fetch'
      ? [['_entities', node.requires ?? []]]
      : node.entityBatch.aliases.map(({ alias, requires }) => [alias, requires])
  return { serviceName, operation: parseRequest(node.operation), entities: new Map(entities) }
}

/**
 * Returns a response name under which a request selects different fields, which no subgraph accepts. `signatures` has the
 * field met under each name so far, by path; objects of different types may have different fields under one name.
 */
function findConflict(
  { selections }: SelectionSetNode,
  path: string,
  signatures: Map<string, string>,
): string | undefined {
  for (const selection of selections) {
    const found = findConflictAt(selection, path, signatures)
    if (found !== undefined) return found
  }
  return undefined
}

function findConflictAt(
  selection: SelectionNode,
  path: string,
  signatures: Map<string, string>,
): string | undefined {
  if (selection.kind === Kind.FRAGMENT_SPREAD) return undefined
  if (selection.kind === Kind.INLINE_FRAGMENT) {
    const inner = selection.typeCondition ? `${path} on ${selection.typeCondition.name.value}` : path
    return findConflict(selection.selectionSet, inner, signatures)
  }
  const { alias, name, arguments: given = [], selectionSet } = selection
  const key = `${path} ${(alias ?? name).value}`
  const signature = `${name.value}(${given.map(print).sort().join()})`
  if ((signatures.get(key) ?? signature) !== signature) return (alias ?? name).value
  signatures.set(key, signature)
  return selectionSet && findConflict(selectionSet, `${key} {`, signatures)
}
