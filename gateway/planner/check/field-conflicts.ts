// Whether a request of a plan asks for different things under one name, which no subgraph answers. Pure.
import { Kind, type OperationDefinitionNode, print, type SelectionNode, type SelectionSetNode } from 'graphql'

/** A name under which a request asks for one thing here and for another there; undefined when there is none. */
export function findFieldConflict({ selectionSet }: OperationDefinitionNode): string | undefined {
  return ambiguousAmong(selectionSet, new Map(), '')
}

/** Objects of different types may have different fields under one name. */
function ambiguousAmong(
  { selections }: SelectionSetNode,
  known: Map<string, string>,
  place: string,
): string | undefined {
  for (const selection of selections) {
    const found = ambiguousAt(selection, known, place)
    if (found !== undefined) return found
  }
  return undefined
}

function ambiguousAt(
  selection: SelectionNode,
  known: Map<string, string>,
  place: string,
): string | undefined {
  if (selection.kind === Kind.FRAGMENT_SPREAD) return undefined
  if (selection.kind === Kind.INLINE_FRAGMENT) {
    const type = selection.typeCondition ? `${place} on ${selection.typeCondition.name.value}` : place
    return ambiguousAmong(selection.selectionSet, known, type)
  }
  const { alias, name, arguments: given = [], selectionSet } = selection
  const key = `${place} ${(alias ?? name).value}`
  const asked = `${name.value}(${given.map(print).sort().join()})`
  if ((known.get(key) ?? asked) !== asked) return (alias ?? name).value
  known.set(key, asked)
  return selectionSet && ambiguousAmong(selectionSet, known, `${key} {`)
}
