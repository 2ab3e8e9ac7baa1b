// Counts the pairs of fields that the validation rule on overlapping fields has to compare.
import { type FieldNode, Kind, type OperationDefinitionNode, type SelectionSetNode } from 'graphql'
import type { Fragments } from '#platform/graphql/documents/fragments.ts'

export type PairLimits = { readonly fieldPairs: number; readonly selections: number; readonly depth: number }

/**
 * Counts the pairs of fields that share a response name at one path, whatever their types; a fragment counts once at a
 * path. Stops past the limit and returns the count so far. Fragments that contain each other count until `selections` or
 * `depth` stops them.
 */
export function countFieldPairs(
  operations: readonly OperationDefinitionNode[],
  fragments: Fragments,
  limits: PairLimits,
): number {
  let pairs = 0
  let seen = 0

  function countPath(sets: readonly SelectionSetNode[], depth: number): void {
    const byName = new Map<string, FieldNode[]>()
    collect(sets, byName, new Set())
    for (const fields of byName.values()) {
      pairs += (fields.length * (fields.length - 1)) / 2
      if (pairs > limits.fieldPairs || seen > limits.selections || depth >= limits.depth) return
      const inner = fields.flatMap(({ selectionSet }) => selectionSet ?? [])
      if (inner.length > 0) countPath(inner, depth + 1)
    }
  }

  function collect(
    sets: readonly SelectionSetNode[],
    byName: Map<string, FieldNode[]>,
    spread: Set<string>,
  ): void {
    for (const { selections } of sets) {
      seen += selections.length
      if (seen > limits.selections) return
      for (const selection of selections) {
        if (selection.kind === Kind.FIELD) add(byName, selection)
        else if (selection.kind === Kind.INLINE_FRAGMENT) collect([selection.selectionSet], byName, spread)
        else if (!spread.has(selection.name.value)) {
          const fragment = fragments.get(selection.name.value)
          spread.add(selection.name.value)
          if (fragment) collect([fragment.selectionSet], byName, spread)
        }
      }
    }
  }

  for (const { selectionSet } of operations) countPath([selectionSet], 1)
  return pairs
}

function add(byName: Map<string, FieldNode[]>, field: FieldNode): void {
  const name = field.alias?.value ?? field.name.value
  const fields = byName.get(name)
  if (fields) fields.push(field)
  else byName.set(name, [field])
}
