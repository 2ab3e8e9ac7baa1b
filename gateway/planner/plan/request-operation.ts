// The operation in the text of a plan's request, without the fragments that Hive's planner gives names. Pure.
import {
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { LRUCache } from 'lru-cache'

/** One plan is read several times over. */
const known = new LRUCache<string, OperationDefinitionNode>({ max: 500, maxSize: 4_000_000 })

/** Throws an Error for a text that holds no operation. */
export function parseRequest(text: string): OperationDefinitionNode {
  const found = known.get(text)
  if (found) return found
  const { definitions } = parse(text, { noLocation: true })
  const operation = definitions.find(one => one.kind === Kind.OPERATION_DEFINITION)
  if (operation?.kind !== Kind.OPERATION_DEFINITION) throw new Error(`this is no operation: ${text}`)
  const fragments = new Map(
    definitions.flatMap(one => (one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one]] : [])),
  )
  const inlined = { ...operation, selectionSet: inlinedIn(operation.selectionSet, fragments) }
  known.set(text, inlined, { size: text.length + 1 })
  return inlined
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

function inlinedIn({ selections, ...set }: SelectionSetNode, fragments: Fragments): SelectionSetNode {
  return { ...set, selections: selections.flatMap(one => inlined(one, fragments)) }
}

function inlined(selection: SelectionNode, fragments: Fragments): readonly SelectionNode[] {
  if (selection.kind !== Kind.FRAGMENT_SPREAD) {
    const { selectionSet } = selection
    return [selectionSet ? { ...selection, selectionSet: inlinedIn(selectionSet, fragments) } : selection]
  }
  const fragment = fragments.get(selection.name.value)
  if (!fragment) throw new Error(`there is no fragment ${selection.name.value}`)
  return [
    {
      kind: Kind.INLINE_FRAGMENT,
      typeCondition: fragment.typeCondition,
      ...(selection.directives && { directives: selection.directives }),
      selectionSet: inlinedIn(fragment.selectionSet, fragments),
    },
  ]
}
