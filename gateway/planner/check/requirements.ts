// Checks that a request sends what the fields that it fetches require of other subgraphs (@requires).
import { Kind, type OperationDefinitionNode, print, type SelectionNode, type SelectionSetNode } from 'graphql'
import type { FederatedTypes } from '#gateway/planner/check/federated-types.ts'
import type { RequiredSelection } from '#gateway/planner/plan/query-plan.ts'

/** A request of a plan. `entities` has, by the response name of each `_entities` field, what its representations hold. */
export type PlanRequest = {
  readonly serviceName: string
  readonly operation: OperationDefinitionNode
  readonly entities: ReadonlyMap<string, readonly RequiredSelection[]>
}

/** A field such as `dimensions.width`; `signature` is the same with arguments. */
type Leaf = { readonly path: string; readonly signature: string }

/** The fields that representations hold, and the signatures under which the fields seen so far require them. */
type Representation = {
  readonly selections: readonly RequiredSelection[]
  readonly signatures: Map<string, string>
}

/** The type of an object, and its representation; there is none for objects that are not entities of the request. */
type Parent = { readonly type: string; readonly representation?: Representation | undefined }

type Check = Omit<PlanRequest, 'operation'> & { readonly types: FederatedTypes }

/**
 * Returns the first field, such as `Product.delivery`, that is fetched without what it requires: of something else than an
 * entity, or of an entity whose representation lacks it. Returns undefined when there is none.
 */
export function findUnmetRequirement(request: PlanRequest, types: FederatedTypes): string | undefined {
  const { operation, ...rest } = request
  return findIn(operation.selectionSet, { type: types.rootOf(operation.operation) }, { ...rest, types })
}

function findIn({ selections }: SelectionSetNode, parent: Parent, check: Check): string | undefined {
  for (const selection of selections) {
    const found = findAt(selection, parent, check)
    if (found !== undefined) return found
  }
  return undefined
}

function findAt(selection: SelectionNode, parent: Parent, check: Check): string | undefined {
  if (selection.kind === Kind.FRAGMENT_SPREAD) return undefined // requests have none
  if (selection.kind === Kind.INLINE_FRAGMENT) {
    const type = selection.typeCondition?.name.value ?? parent.type
    return findIn(selection.selectionSet, { ...parent, type }, check)
  }
  const { types, serviceName, entities } = check
  const { name, alias, selectionSet } = selection
  if (name.value === '_entities') {
    const selections = entities.get((alias ?? name).value) ?? []
    const representation = { selections, signatures: new Map<string, string>() }
    return selectionSet && findIn(selectionSet, { ...parent, representation }, check)
  }
  const required = types.requiredBy(serviceName, parent.type, name.value)
  if (required && !hasRequired(leavesOf(required), parent, types)) return `${parent.type}.${name.value}`
  const type = types.publicFieldType(parent.type, name.value)
  return selectionSet && type !== undefined ? findIn(selectionSet, { type }, check) : undefined
}

/**
 * Tells whether the representations of each object type that are sent have all that is required. Two fields that require
 * one field with different arguments cannot both have it: only one value can be sent.
 */
function hasRequired(
  required: readonly Leaf[],
  { type, representation }: Parent,
  types: FederatedTypes,
): boolean {
  if (representation === undefined) return false
  const { selections, signatures } = representation
  return types.objectTypes(type).every(object => {
    const sent = new Set<string>()
    addSentPaths(selections, '', { sent, object, types })
    return sent.size === 0 || required.every(leaf => sent.has(leaf.path) && isOnlySignature(leaf, object))
  })

  function isOnlySignature({ path, signature }: Leaf, object: string): boolean {
    const key = `${object}.${path}`
    const before = signatures.get(key) ?? signature
    signatures.set(key, signature)
    return before === signature
  }
}

type SentPaths = { readonly sent: Set<string>; readonly object: string; readonly types: FederatedTypes }

/** Adds the paths of the fields that a representation of the object type has. */
function addSentPaths(selections: readonly RequiredSelection[], prefix: string, paths: SentPaths): void {
  for (const selection of selections) {
    if (selection.kind === 'InlineFragment') {
      if (prefix !== '' || paths.types.covers(selection.typeCondition, paths.object))
        addSentPaths(selection.selections, prefix, paths)
      continue
    }
    const path = prefix + (selection.alias ?? selection.name)
    if (selection.selections?.length) addSentPaths(selection.selections, `${path}.`, paths)
    else paths.sent.add(path)
  }
}

/** Returns the fields of a key or of what a field requires that have no fields themselves. */
export function leavesOf({ selections }: SelectionSetNode, parent?: Leaf): Leaf[] {
  return selections.flatMap(selection => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return []
    if (selection.kind === Kind.INLINE_FRAGMENT) return leavesOf(selection.selectionSet, parent)
    const { name, selectionSet, arguments: given = [] } = selection
    const leaf = {
      path: parent ? `${parent.path}.${name.value}` : name.value,
      signature: `${parent?.signature ?? ''}.${name.value}(${given.map(print).sort().join()})`,
    }
    return selectionSet ? leavesOf(selectionSet, leaf) : [leaf]
  })
}
