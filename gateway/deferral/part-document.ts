// Writes an operation for the planner with its deferred fragments, each of which has a label of its own.
import {
  type DirectiveNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { type PlanNames, renameVariables } from '#gateway/planner/normalization/plan-names.ts'
import { deferOf, isIncluded } from '#platform/graphql/incremental/defer-directive.ts'

type Variables = Readonly<Record<string, unknown>>

type OperationToWrite = {
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
  readonly names: PlanNames
  /** The coerced values, which decide the conditions. */
  readonly variables: Variables
}

type PartDocument = {
  readonly document: DocumentNode
  /** The labels of a deferred fragment: one for each place that it has once fragments are written out. */
  readonly labels: ReadonlyMap<SelectionNode, readonly string[]>
}

type Writing = OperationToWrite & { readonly labels: Map<SelectionNode, string[]>; count: number }

const TYPENAME: FieldNode = { kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }

/**
 * Inlines named fragments, leaves out what conditions exclude, and gives fields and variables the names of the plan. Objects
 * have their `__typename`, which tells their type.
 */
export function writePartDocument(operation: OperationToWrite): PartDocument {
  const writing: Writing = { ...operation, labels: new Map(), count: 0 }
  const selections = writeSelections(operation.operation.selectionSet, writing)
  const document: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: [
      {
        ...operation.operation,
        selectionSet: {
          kind: Kind.SELECTION_SET,
          selections: selections.length > 0 ? selections : [TYPENAME],
        },
      },
    ],
  }
  return { document: renameVariables(document, operation.names.variables), labels: writing.labels }
}

function writeSelections({ selections }: SelectionSetNode, writing: Writing): SelectionNode[] {
  return selections.flatMap((selection): SelectionNode[] => {
    if (!isIncluded(selection, writing.variables)) return []
    if (selection.kind === Kind.FIELD) return writeField(selection, writing)
    const fragment =
      selection.kind === Kind.INLINE_FRAGMENT ? selection : writing.fragments.get(selection.name.value)
    if (!fragment) return []
    const directives = deferOf(selection, writing.variables) ? [addLabel(selection, writing)] : []
    const inner = writeSelections(fragment.selectionSet, writing)
    if (inner.length === 0) return []
    return [
      {
        kind: Kind.INLINE_FRAGMENT,
        ...(fragment.typeCondition && { typeCondition: fragment.typeCondition }),
        directives,
        selectionSet: { kind: Kind.SELECTION_SET, selections: inner },
      },
    ]
  })
}

/** The gateway responds to introspection itself. */
function writeField(node: FieldNode, writing: Writing): FieldNode[] {
  const { name, arguments: given, selectionSet } = node
  if (name.value === '__typename') return [TYPENAME]
  if (name.value.startsWith('__')) return []
  const planned = writing.names.nameOf(node)
  return [
    {
      kind: Kind.FIELD,
      name,
      ...(planned !== name.value && { alias: { kind: Kind.NAME, value: planned } }),
      ...(given && { arguments: given }),
      ...(selectionSet && {
        selectionSet: {
          kind: Kind.SELECTION_SET,
          selections: [TYPENAME, ...writeSelections(selectionSet, writing)],
        },
      }),
    },
  ]
}

function addLabel(selection: SelectionNode, writing: Writing): DirectiveNode {
  const label = `part${writing.count++}`
  const labels = writing.labels.get(selection)
  if (labels) labels.push(label)
  else writing.labels.set(selection, [label])
  return {
    kind: Kind.DIRECTIVE,
    name: { kind: Kind.NAME, value: 'defer' },
    arguments: [
      {
        kind: Kind.ARGUMENT,
        name: { kind: Kind.NAME, value: 'label' },
        value: { kind: Kind.STRING, value: label },
      },
    ],
  }
}
