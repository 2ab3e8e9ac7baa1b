// Parses the text of a plan's request, and inlines the named fragments that Hive's planner writes.
import {
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { LRUCache } from 'lru-cache'

/** The check reads one plan several times. */
const parsed = new LRUCache<string, OperationDefinitionNode>({ max: 500, maxSize: 4_000_000 })

/** Returns the operation in `text`. Throws an Error when there is none. */
export function parseRequest(text: string): OperationDefinitionNode {
  const found = parsed.get(text)
  if (found) return found
  const { definitions } = parse(text, { noLocation: true })
  const operation = definitions.find(one => one.kind === Kind.OPERATION_DEFINITION)
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`this is no operation: ${text}`)
  const fragments = new Map(
    definitions.flatMap(one => (one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one]] : [])),
  )
  const inlined = { ...operation, selectionSet: inlineFragments(operation.selectionSet, fragments) }
  parsed.set(text, inlined, { size: text.length + 1 })
  return inlined
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

function inlineFragments({ selections, ...set }: SelectionSetNode, fragments: Fragments): SelectionSetNode {
  return { ...set, selections: selections.flatMap(one => inlineSelection(one, fragments)) }
}

function inlineSelection(selection: SelectionNode, fragments: Fragments): readonly SelectionNode[] {
  if (selection.kind !== Kind.FRAGMENT_SPREAD) {
    const { selectionSet } = selection
    return [
      selectionSet ? { ...selection, selectionSet: inlineFragments(selectionSet, fragments) } : selection,
    ]
  }
  const fragment = fragments.get(selection.name.value)
  if (!fragment) throw new Error(`there is no fragment ${selection.name.value}`)
  return [
    {
      kind: Kind.INLINE_FRAGMENT,
      typeCondition: fragment.typeCondition,
      ...(selection.directives && { directives: selection.directives }),
      selectionSet: inlineFragments(fragment.selectionSet, fragments),
    },
  ]
}
