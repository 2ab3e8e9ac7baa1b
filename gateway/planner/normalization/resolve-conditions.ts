// Operations in which @skip and @include are decided. Pure.
import { type DirectiveNode, type DocumentNode, Kind, type SelectionSetNode, visit } from 'graphql'

/** Whether an object is there is still to be known. */
const TYPENAME: SelectionSetNode = {
  kind: Kind.SELECTION_SET,
  selections: [{ kind: Kind.FIELD, name: { kind: Kind.NAME, value: '__typename' } }],
}

/** Whether a response name stands several times at the root of the document's operation. */
export function hasRepeatedRootFields({ definitions }: DocumentNode): boolean {
  const names = definitions.flatMap(one =>
    one.kind === Kind.OPERATION_DEFINITION ? rootNames(one.selectionSet) : [],
  )
  return new Set(names).size < names.length
}

function rootNames({ selections }: SelectionSetNode): string[] {
  return selections.flatMap(selection => {
    if (selection.kind === Kind.FIELD) return (selection.alias ?? selection.name).value
    return selection.kind === Kind.INLINE_FRAGMENT ? rootNames(selection.selectionSet) : []
  })
}

export type ConditionValue = (variable: string) => boolean

/** Variables that `@skip` and `@include` go by, each once. */
export function conditionVariables(document: DocumentNode): readonly string[] {
  const names = new Set<string>()
  visit(document, {
    Directive(directive) {
      const name = isCondition(directive) && variableOf(directive)
      if (name) names.add(name)
    },
  })
  return [...names]
}

/** With what counts when variables are as `decide` says; undefined when nothing does. */
export function resolveConditions(document: DocumentNode, decide: ConditionValue): DocumentNode | undefined {
  const counts = ({ directives = [] }: { readonly directives?: readonly DirectiveNode[] }) =>
    directives.every(directive => {
      const name = isCondition(directive) ? variableOf(directive) : undefined
      return name === undefined || decide(name) === (directive.name.value === 'include')
    })
  const kept: DocumentNode = visit(document, {
    Field: {
      enter: node => (counts(node) ? undefined : null),
      leave: node => (isEmpty(node) ? { ...node, selectionSet: TYPENAME } : undefined),
    },
    InlineFragment: {
      enter: node => (counts(node) ? undefined : null),
      leave: node => (isEmpty(node) ? null : undefined),
    },
    Directive: node => (isCondition(node) ? null : undefined),
  })
  const [operation] = kept.definitions
  return operation?.kind !== Kind.OPERATION_DEFINITION || isEmpty(operation) ? undefined : kept
}

function isEmpty({ selectionSet }: { readonly selectionSet?: SelectionSetNode | undefined }): boolean {
  return selectionSet?.selections.length === 0
}

function isCondition({ name }: DirectiveNode): boolean {
  return name.value === 'skip' || name.value === 'include'
}

function variableOf({ arguments: given = [] }: DirectiveNode): string | undefined {
  const value = given.find(({ name }) => name.value === 'if')?.value
  return value?.kind === Kind.VARIABLE ? value.name.value : undefined
}
