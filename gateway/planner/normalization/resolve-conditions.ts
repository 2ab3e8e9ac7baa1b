// Resolves @skip and @include in an operation, by values for its variables.
import {
  type DirectiveNode,
  type DocumentNode,
  getOperationAST,
  Kind,
  type SelectionSetNode,
  visit,
} from 'graphql'
import { addConditions } from '#gateway/planner/normalization/collect-fields.ts'

/** Replaces an empty selection, since the object itself is still fetched. */
const TYPENAME: SelectionSetNode = {
  kind: Kind.SELECTION_SET,
  selections: [{ kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }],
}

/** Tells whether the operation has a response name several times at its root. */
export function hasRepeatedRootFields(document: DocumentNode): boolean {
  const operation = getOperationAST(document)
  const names = operation ? rootNames(operation.selectionSet) : []
  return new Set(names).size < names.length
}

function rootNames({ selections }: SelectionSetNode): string[] {
  return selections.flatMap(selection => {
    if (selection.kind === Kind.FIELD) return (selection.alias ?? selection.name).value
    return selection.kind === Kind.INLINE_FRAGMENT ? rootNames(selection.selectionSet) : []
  })
}

/** Returns the value of a condition variable. */
export type ConditionValue = (variable: string) => boolean

/** Returns the variables that `@skip` and `@include` use, each once. */
export function conditionVariables(document: DocumentNode): readonly string[] {
  const names = new Set<string>()
  visit(document, {
    Directive(directive) {
      for (const { variable } of addConditions([], [directive]) ?? []) names.add(variable)
    },
  })
  return [...names]
}

/** Returns the normalized document with the selections that are included; undefined when none are. */
export function resolveConditions(
  document: DocumentNode,
  conditionValue: ConditionValue,
): DocumentNode | undefined {
  const isIncluded = ({ directives }: { readonly directives?: readonly DirectiveNode[] }) =>
    addConditions([], directives)?.every(({ variable, wanted }) => conditionValue(variable) === wanted)
  const resolved: DocumentNode = visit(document, {
    Field: {
      enter: node => (isIncluded(node) ? undefined : null),
      leave: node => (isEmpty(node) ? { ...node, selectionSet: TYPENAME } : undefined),
    },
    InlineFragment: {
      enter: node => (isIncluded(node) ? undefined : null),
      leave: node => (isEmpty(node) ? null : undefined),
    },
    Directive: node => (isCondition(node) ? null : undefined),
  })
  const operation = getOperationAST(resolved)
  return operation && !isEmpty(operation) ? resolved : undefined
}

function isEmpty({ selectionSet }: { readonly selectionSet?: SelectionSetNode | undefined }): boolean {
  return selectionSet?.selections.length === 0
}

function isCondition({ name }: DirectiveNode): boolean {
  return name.value === 'skip' || name.value === 'include'
}
