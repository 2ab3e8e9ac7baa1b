// Repairs known mistakes of planners' plans: lost requirements, lost keys, and fetches by type where the interface is meant.
import { type FieldNode, Kind, print, type SelectionNode, type SelectionSetNode } from 'graphql'
import type { FederatedTypes } from '#gateway/planner/check/federated-types.ts'
import {
  type FetchNode,
  type FlattenPath,
  mapChildren,
  type PlanNode,
  type RequiredSelection,
  type Rewrite,
} from '#gateway/planner/plan/query-plan.ts'
import { parseRequest } from '#gateway/planner/plan/request-operation.ts'

/** Yields repaired versions of the plan, from the smallest change to the largest. Whether one is right is to be checked. */
export function* repairedPlans(plan: PlanNode, types: FederatedTypes): Generator<PlanNode> {
  for (const base of [plan, widenToInterfaces(plan)]) {
    if (base !== plan) yield base
    yield splitByRequirements(base, types)
    yield shareKeys(base, types)
    yield splitByRequirements(shareKeys(base, types), types)
  }
}

/**
 * Splits each request for entities in two: fields that require nothing are fetched with the keys alone, fields that
 * require others with all. An object of which not all is known then loses what requires it, and nothing else.
 */
function splitByRequirements(plan: PlanNode, types: FederatedTypes): PlanNode {
  return mapEntityFetches(plan, node => splitFetch(node, types))
}

/** Adds the keys that only entities of some types have to those of all types: the plan may have lost them. */
function shareKeys(plan: PlanNode, types: FederatedTypes): PlanNode {
  return mapEntityFetches(plan, node => {
    const { requires = [], serviceName } = node
    const keys = onlyKeys(requires, keyFields(requires, serviceName, types)).flatMap(one =>
      one.kind === 'InlineFragment' ? one.selections : [one],
    )
    const withKeys = requires.map(one =>
      one.kind === 'InlineFragment' ? { ...one, selections: [...one.selections, ...keys] } : one,
    )
    return [{ ...node, requires: withKeys }]
  })
}

/** Replaces each fetch at a path by the fetches that `change` returns, in this order. */
function mapEntityFetches(node: PlanNode, change: (fetch: FetchNode) => readonly FetchNode[]): PlanNode {
  if (node.kind !== 'Flatten' || node.node.kind !== 'Fetch')
    return mapChildren(node, child => mapEntityFetches(child, change))
  const { path } = node
  const nodes = change(node.node).map((fetch): PlanNode => ({ kind: 'Flatten', path, node: fetch }))
  const [only] = nodes
  return only && nodes.length === 1 ? only : { kind: 'Sequence', nodes }
}

function splitFetch(fetch: FetchNode, types: FederatedTypes): readonly FetchNode[] {
  const { serviceName: service, requires } = fetch
  if (!requires?.length) return [fetch]
  const operation = parseRequest(fetch.operation)
  const requiring = keepFields(operation.selectionSet, { service, types, requiring: true })
  const free = keepFields(operation.selectionSet, { service, types, requiring: false })
  if (!requiring || !free) return [fetch]
  const keys = keyFields(requires, service, types)
  const textOf = (selectionSet: SelectionSetNode) => print({ ...operation, selectionSet })
  return [
    { ...fetch, operation: textOf(free), requires: onlyKeys(requires, keys) },
    { ...fetch, operation: textOf(requiring) },
  ]
}

type FieldFilter = { readonly service: string; readonly types: FederatedTypes; readonly requiring: boolean }

/** Keeps the entities' fields that require others, or those that do not. Returns undefined when none are left. */
function keepFields(
  { selections, ...set }: SelectionSetNode,
  filter: FieldFilter,
  type?: string,
): SelectionSetNode | undefined {
  const kept = selections.flatMap(selection => keepSelection(selection, filter, type))
  return kept.length === 0 ? undefined : { ...set, selections: kept }
}

function keepSelection(
  selection: SelectionNode,
  filter: FieldFilter,
  type: string | undefined,
): SelectionNode[] {
  if (selection.kind === Kind.FRAGMENT_SPREAD) return []
  if (selection.kind === Kind.FIELD && selection.name.value !== '_entities')
    return isKept(selection, filter, type) ? [selection] : []
  const inner =
    selection.kind === Kind.INLINE_FRAGMENT ? (selection.typeCondition?.name.value ?? type) : undefined
  const selectionSet = selection.selectionSet && keepFields(selection.selectionSet, filter, inner)
  return selectionSet ? [{ ...selection, selectionSet }] : []
}

function isKept({ name }: FieldNode, { service, types, requiring }: FieldFilter, type = ''): boolean {
  return (types.requiredBy(service, type, name.value) !== undefined) === requiring
}

/** Returns the key fields of all types that are sent: a field of another type's key does no harm. */
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

/**
 * Makes a fetch for one object type of an interface a fetch for the whole interface. Hive's planner merges fetches that
 * differ by the object type alone, when the subgraph has an object in place of the interface (@interfaceObject).
 */
function widenToInterfaces(node: PlanNode): PlanNode {
  switch (node.kind) {
    case 'Fetch': {
      const type = interfaceSetBy(node.inputRewrites)
      return type === undefined || !node.requires
        ? node
        : { ...node, requires: widenRequires(node.requires, type) }
    }
    case 'BatchFetch': {
      const aliases = node.entityBatch.aliases.map(alias => {
        const type = interfaceSetBy(alias.inputRewrites)
        if (type === undefined) return alias
        const paths = alias.paths.map(path => widenPath(path, type))
        return { ...alias, paths, requires: widenRequires(alias.requires, type) }
      })
      return { ...node, entityBatch: { aliases } }
    }
    case 'Flatten': {
      const type = node.node.kind === 'Fetch' ? interfaceSetBy(node.node.inputRewrites) : undefined
      const path = type === undefined ? node.path : widenPath(node.path, type)
      return { ...node, path, node: widenToInterfaces(node.node) }
    }
    default:
      return mapChildren(node, widenToInterfaces)
  }
}

/** Returns the type that the rewrites give to representations. */
function interfaceSetBy(rewrites: readonly Rewrite[] = []): string | undefined {
  for (const rewrite of rewrites)
    if ('ValueSetter' in rewrite) {
      const { path, setValueTo } = rewrite.ValueSetter
      const last = path.at(-1)
      if (last && 'Key' in last && last.Key === '__typename' && typeof setValueTo === 'string')
        return setValueTo
    }
  return undefined
}

/** Leaves requirements of several types as they are: these have lost none. */
function widenRequires(requires: readonly RequiredSelection[], type: string): readonly RequiredSelection[] {
  const [only] = requires
  return requires.length === 1 && only?.kind === 'InlineFragment'
    ? [{ ...only, typeCondition: type }]
    : requires
}

function widenPath(path: FlattenPath, type: string): FlattenPath {
  const last = path.at(-1)
  return last !== undefined && last !== '@' && 'TypeCondition' in last
    ? [...path.slice(0, -1), { TypeCondition: [type] }]
    : path
}
