// What of an operation no request of its plan asks for. Pure.
import { type DocumentNode, Kind, parse, type SelectionSetNode } from 'graphql'
import type { FlattenPath, PlanNode } from '#gateway/executor/plan.ts'

/** Of fields that a plan fetches under another name, to rename them. */
const RENAMED = /__alias_\d+$/

/**
 * The path of a field in response names, without regard to types and conditions; undefined when all are asked for.
 * `document` has one operation, without fragments by name.
 */
export function leftOut(document: DocumentNode, plan: PlanNode | undefined): string | undefined {
  const fetched = new Set<string>()
  if (plan) addFetched(plan, '', fetched)
  return pathsOf(selectionsOf(document), '').find(path => !fetched.has(path))
}

function addFetched(node: PlanNode, at: string, fetched: Set<string>): void {
  switch (node.kind) {
    case 'Fetch':
      for (const path of pathsOf(selectionsOf(parse(node.operation)), '')) fetched.add(placed(path, at))
      return
    case 'BatchFetch':
      return
    case 'Subscription':
      addFetched({ ...node.primary, kind: 'Fetch' }, at, fetched)
      return
    case 'Flatten':
      addFetched(node.node, at + textOf(node.path), fetched)
      return
    case 'Sequence':
    case 'Parallel':
      for (const inner of node.nodes) addFetched(inner, at, fetched)
      return
    case 'Condition':
      for (const clause of [node.ifClause, node.elseClause]) if (clause) addFetched(clause, at, fetched)
  }
}

function placed(path: string, at: string): string {
  return at + path.replace(/^\._entities(?=\.|$)/, '')
}

function textOf(path: FlattenPath): string {
  return path.map(segment => (segment !== '@' && 'Field' in segment ? `.${segment.Field}` : '')).join('')
}

function selectionsOf({ definitions }: DocumentNode): SelectionSetNode | undefined {
  const [operation] = definitions
  return operation?.kind === Kind.OPERATION_DEFINITION ? operation.selectionSet : undefined
}

function pathsOf(set: SelectionSetNode | undefined, within: string): string[] {
  return (set?.selections ?? []).flatMap(selection => {
    if (selection.kind === Kind.FRAGMENT_SPREAD) return []
    if (selection.kind === Kind.INLINE_FRAGMENT) return pathsOf(selection.selectionSet, within)
    const key = (selection.alias ?? selection.name).value
    if (selection.name.value === '__typename') return []
    const path = `${within}.${key.replace(RENAMED, '')}`
    return [path, ...pathsOf(selection.selectionSet, path)]
  })
}
