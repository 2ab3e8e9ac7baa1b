// Mends plans in which entities of some types lack what those of others bring along. Pure.
import { type FieldNode, Kind, print, type SelectionNode, type SelectionSetNode } from 'graphql'
import { withEntityFetches } from '#gateway/planner/check/entity-fetches.ts'
import type { FederatedTypes } from '#gateway/planner/check/federated-types.ts'
import type { FetchNode, PlanNode, RequiredSelection } from '#gateway/planner/plan/query-plan.ts'
import { parseRequest } from '#gateway/planner/plan/request-operation.ts'

/**
 * Each request for entities becomes two: fields that require nothing are asked for with the keys alone, those that
 * require others with all. An object of which not all is known then loses what requires it, and nothing else.
 */
export function splitByRequirements(plan: PlanNode, types: FederatedTypes): PlanNode {
  return withEntityFetches(plan, ({ path, node }) =>
    fetchesApart(node, types).map(fetch => ({ path, node: fetch })),
  )
}

/** Keys that only entities of some types bring along are brought along by all: a plan may have lost them on its way. */
export function shareKeys(plan: PlanNode, types: FederatedTypes): PlanNode {
  return withEntityFetches(plan, ({ path, node }) => {
    const { requires = [], serviceName } = node
    const keys = onlyKeys(requires, keyFields(requires, serviceName, types)).flatMap(one =>
      one.kind === 'InlineFragment' ? one.selections : [one],
    )
    const withKeys = requires.map(one =>
      one.kind === 'InlineFragment' ? { ...one, selections: [...one.selections, ...keys] } : one,
    )
    return [{ path, node: { ...node, requires: withKeys } }]
  })
}

function fetchesApart(fetch: FetchNode, types: FederatedTypes): readonly FetchNode[] {
  const { serviceName: service, requires } = fetch
  if (!requires?.length) return [fetch]
  const operation = parseRequest(fetch.operation)
  const requiring = selected(operation.selectionSet, { service, types, wanted: true })
  const free = selected(operation.selectionSet, { service, types, wanted: false })
  if (!requiring || !free) return [fetch]
  const keys = keyFields(requires, service, types)
  const textOf = (selectionSet: SelectionSetNode) => print({ ...operation, selectionSet })
  return [
    { ...fetch, operation: textOf(free), requires: onlyKeys(requires, keys) },
    { ...fetch, operation: textOf(requiring) },
  ]
}

type Wanting = { readonly service: string; readonly types: FederatedTypes; readonly wanted: boolean }

/** The entities' fields that require others, or those that do not; undefined when there are none. */
function selected(
  { selections, ...set }: SelectionSetNode,
  wanting: Wanting,
  type?: string,
): SelectionSetNode | undefined {
  const kept = selections.flatMap(selection => keptOf(selection, wanting, type))
  return kept.length === 0 ? undefined : { ...set, selections: kept }
}

function keptOf(selection: SelectionNode, wanting: Wanting, type: string | undefined): SelectionNode[] {
  if (selection.kind === Kind.FRAGMENT_SPREAD) return []
  if (selection.kind === Kind.FIELD && selection.name.value !== '_entities')
    return isWanted(selection, wanting, type) ? [selection] : []
  const inner =
    selection.kind === Kind.INLINE_FRAGMENT ? (selection.typeCondition?.name.value ?? type) : undefined
  const selectionSet = selection.selectionSet && selected(selection.selectionSet, wanting, inner)
  return selectionSet ? [{ ...selection, selectionSet }] : []
}

function isWanted({ name }: FieldNode, { service, types, wanted }: Wanting, type = ''): boolean {
  return (types.requiredBy(service, type, name.value) !== undefined) === wanted
}

/** Takes the keys of all types that are sent: a field of another type's key does no harm. */
function keyFields(
  requires: readonly RequiredSelection[],
  service: string,
  types: FederatedTypes,
): ReadonlySet<string> {
  const names = new Set(['__typename'])
  for (const one of requires) {
    if (one.kind !== 'InlineFragment') continue
    for (const key of types.keysOf(service, one.typeCondition))
      for (const field of key.selections) if (field.kind === Kind.FIELD) names.add(field.name.value)
  }
  return names
}

function onlyKeys(
  requires: readonly RequiredSelection[],
  keys: ReadonlySet<string>,
): readonly RequiredSelection[] {
  return requires.flatMap((one): readonly RequiredSelection[] => {
    if (one.kind === 'Field') return keys.has(one.alias ?? one.name) ? [one] : []
    const selections = onlyKeys(one.selections, keys)
    return selections.length === 0 ? [] : [{ ...one, selections }]
  })
}
