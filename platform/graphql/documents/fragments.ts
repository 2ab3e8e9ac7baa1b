// Finds the fragments of a document: by name, and those that an operation uses.
import {
  type DefinitionNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  visit,
} from 'graphql'

export type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

/** Returns the fragments by name. */
export function fragmentsOf({ definitions }: { readonly definitions: readonly DefinitionNode[] }): Fragments {
  return new Map(
    definitions.flatMap(definition =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition]] : [],
    ),
  )
}

/** Returns each fragment once, in the order of use. A missing fragment is left out: validation reports it. */
export function usedFragments(
  operation: OperationDefinitionNode,
  fragments: Fragments,
): FragmentDefinitionNode[] {
  const used = new Set<FragmentDefinitionNode>()
  const follow = (node: OperationDefinitionNode | FragmentDefinitionNode): void => {
    visit(node, {
      FragmentSpread({ name }) {
        const fragment = fragments.get(name.value)
        if (fragment === undefined || used.has(fragment)) return
        used.add(fragment)
        follow(fragment)
      },
    })
  }
  follow(operation)
  return [...used]
}
