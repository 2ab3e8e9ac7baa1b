// How large one operation may be: tokens, depth, aliases, root fields, selections. Free of transport and of any schema.
import {
  type ASTVisitor,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql'
import { type Fragments, fragmentsOf } from '#platform/graphql/fragments.ts'

export type OperationLimits = {
  /** Lexical tokens of the document. */
  readonly tokens: number
  /** Levels of fields, fragments followed. */
  readonly depth: number
  /** Aliased fields, counted wherever a fragment is spread. */
  readonly aliases: number
  readonly rootFields: number
  /** Fields and fragments, counted wherever a fragment is spread: what a document stands for when it is written out. */
  readonly selections: number
  /** Operations in one batched request. */
  readonly batch: number
}

export const DEFAULT_LIMITS: OperationLimits = {
  tokens: 4000,
  depth: 15,
  aliases: 100,
  rootFields: 50,
  selections: 20_000,
  batch: 50,
}

type Size = {
  readonly depth: number
  readonly aliases: number
  readonly fields: number
  readonly selections: number
}

const NOTHING: Size = { depth: 0, aliases: 0, fields: 0, selections: 0 }

/** A validation rule: reports each limit that an operation passes, and by how much. */
export function limitRule(limits: OperationLimits): (context: ValidationContext) => ASTVisitor {
  return context => ({
    Document(document) {
      const measure = createMeasure(fragmentsOf(document))
      for (const definition of document.definitions)
        if (definition.kind === Kind.OPERATION_DEFINITION) report(context, limits, definition, measure)
    },
  })
}

function report(
  context: ValidationContext,
  limits: OperationLimits,
  operation: OperationDefinitionNode,
  measure: (set: SelectionSetNode) => Size,
): void {
  const { depth, aliases, fields, selections } = measure(operation.selectionSet)
  const passed = [
    depth > limits.depth && `is ${depth} levels deep; at most ${limits.depth} are allowed`,
    aliases > limits.aliases && `has ${aliases} aliases; at most ${limits.aliases} are allowed`,
    fields > limits.rootFields && `has ${fields} root fields; at most ${limits.rootFields} are allowed`,
    selections > limits.selections &&
      `has ${selections} selections; at most ${limits.selections} are allowed`,
  ]
  for (const problem of passed)
    if (problem) context.reportError(new GraphQLError(`The operation ${problem}.`, { nodes: operation }))
}

/** Each fragment is measured once. A fragment within itself counts as nothing: another rule reports it. */
function createMeasure(fragments: Fragments): (set: SelectionSetNode) => Size {
  const measured = new Map<string, Size>()

  function measureFragment(name: string): Size {
    const known = measured.get(name)
    const fragment = fragments.get(name)
    if (known !== undefined || fragment === undefined) return known ?? NOTHING
    measured.set(name, NOTHING)
    const size = measure(fragment.selectionSet)
    measured.set(name, size)
    return size
  }

  /** `fields` counts this level only; introspection has limits of its own. */
  function measure(set: SelectionSetNode): Size {
    let depth = 0
    let aliases = 0
    let fields = 0
    let selections = set.selections.length
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        const inner =
          selection.selectionSet && !selection.name.value.startsWith('__')
            ? measure(selection.selectionSet)
            : NOTHING
        depth = Math.max(depth, inner.depth + 1)
        aliases += inner.aliases + (selection.alias ? 1 : 0)
        fields += 1
        selections += inner.selections
      } else {
        const inner =
          selection.kind === Kind.FRAGMENT_SPREAD
            ? measureFragment(selection.name.value)
            : measure(selection.selectionSet)
        depth = Math.max(depth, inner.depth)
        aliases += inner.aliases
        fields += inner.fields
        selections += inner.selections
      }
    }
    return { depth, aliases, fields, selections }
  }
  return measure
}
