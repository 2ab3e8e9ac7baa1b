// Parses the text of a plan's request, and inlines the named fragments that Hive's planner writes.
import {
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import { type Fragments, fragmentsOf } from '#platform/graphql/documents/fragments.ts'

/** The check reads one plan several times. */
const parsed = new LRUCache<string, OperationDefinitionNode>({ max: 500, maxSize: 4_000_000 })

/** Returns the operation in `text`. Throws an Error when there is none. */
export function parseRequest(text: string): OperationDefinitionNode {
  const found = parsed.get(text)
  if (found) return found
  const document = parse(text, { noLocation: true })
  const operation = getOperationAST(document)
  if (!operation) throw new Error(`this is no operation: ${text}`)
  const selectionSet = inlineFragments(operation.selectionSet, fragmentsOf(document))
  const inlined = { ...operation, selectionSet }
  parsed.set(text, inlined, { size: text.length + 1 })
  return inlined
}

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
