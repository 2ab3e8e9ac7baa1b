// How large the operations of one request may be, and how large a document is: counted without writing it out. Free of transport and of any schema.
import {
  type DirectiveNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { countFieldPairs, type PairLimits } from '#platform/graphql/documents/field-pairs.ts'
import { type Fragments, fragmentsOf } from '#platform/graphql/documents/fragments.ts'

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
  /** Pairs of fields that share a response name at one place: validation compares each with each. */
  readonly fieldPairs: number
  /** Directives of the document, as it is written. */
  readonly directives: number
  /** Variables that the document defines. */
  readonly variables: number
  /** Numbers, texts, lists and objects in the values of variables. */
  readonly values: number
  /** Operations in one batched request. */
  readonly batch: number
}

/** Each leaves several times the room that the front ends, GraphiQL's introspection and the benchmarks need. */
export const DEFAULT_LIMITS: OperationLimits = {
  tokens: 4000,
  depth: 15,
  aliases: 100,
  rootFields: 50,
  selections: 10_000,
  fieldPairs: 20_000,
  directives: 200,
  variables: 100,
  values: 10_000,
  batch: 50,
}

/** Depth, aliases and root fields of the largest operation; the rest of all that is written in the document. */
export type DocumentSize = Readonly<
  Record<
    'tokens' | 'depth' | 'aliases' | 'rootFields' | 'selections' | 'fieldPairs' | 'directives' | 'variables',
    number
  >
>

/** Levels below `__schema` that introspection queries have, and that do not count. */
export const INTROSPECTION_LEVELS = 15

type Count = {
  readonly depth: number
  readonly aliases: number
  readonly fields: number
  readonly selections: number
}

const NOTHING: Count = { depth: 0, aliases: 0, fields: 0, selections: 0 }

/** What each limit counts, as a message says it, and of what. */
const TOLD: readonly (readonly [keyof DocumentSize, (count: number) => string])[] = [
  ['depth', count => `is ${count} levels deep`],
  ['aliases', count => `has ${count} aliases`],
  ['rootFields', count => `has ${count} root fields`],
  ['selections', count => `has ${count} selections`],
  ['fieldPairs', count => `repeats fields in ${count} pairs or more`],
  ['directives', count => `has ${count} directives`],
  ['variables', count => `has ${count} variables`],
]

export type MeasuredDocument = {
  readonly size: DocumentSize
  /** One for each limit that is passed, which says by how much. */
  readonly errors: readonly GraphQLError[]
}

/** Takes time in proportion to what is written, and counts pairs only in a document that is within the other limits. */
export function measureDocument(document: DocumentNode, limits: OperationLimits): MeasuredDocument {
  const fragments = fragmentsOf(document)
  const measure = createMeasure(fragments)
  const operations = document.definitions.filter(definition => definition.kind === Kind.OPERATION_DEFINITION)
  const counts = operations.map(({ selectionSet }) => measure.set(selectionSet))
  for (const name of fragments.keys()) measure.fragment(name)
  const most = (of: (count: Count) => number) => Math.max(0, ...counts.map(of))
  const written = {
    tokens: document.tokenCount ?? 0,
    depth: most(count => count.depth),
    aliases: most(count => count.aliases),
    rootFields: most(count => count.fields),
    selections: counts.reduce((sum, count) => sum + count.selections, 0) + measure.unused(),
    directives: measure.directives() + headDirectives([...operations, ...fragments.values()]),
    variables: operations.reduce((sum, { variableDefinitions = [] }) => sum + variableDefinitions.length, 0),
    fieldPairs: 0,
  }
  const errors = passed(written, limits, operations[0])
  if (errors.length > 0) return { size: written, errors }
  const size = { ...written, fieldPairs: countFieldPairs(operations, fragments, pairLimits(limits)) }
  return { size, errors: passed(size, limits, operations[0]) }
}

function pairLimits({ fieldPairs, selections, depth }: OperationLimits): PairLimits {
  return { fieldPairs, selections, depth: depth + INTROSPECTION_LEVELS }
}

function passed(
  size: DocumentSize,
  limits: OperationLimits,
  operation: OperationDefinitionNode | undefined,
): GraphQLError[] {
  return TOLD.flatMap(([name, say]) =>
    size[name] <= limits[name]
      ? []
      : new GraphQLError(`The operation ${say(size[name])}; at most ${limits[name]} are allowed.`, {
          nodes: operation ?? null,
        }),
  )
}

/** What stands before the selections: of the operation or fragment, and of variables. */
function headDirectives(definitions: readonly (OperationDefinitionNode | FragmentDefinitionNode)[]): number {
  return definitions.reduce(
    (sum, { directives, variableDefinitions = [] }) =>
      variableDefinitions.reduce((inner, variable) => inner + lengthOf(variable.directives), sum) +
      lengthOf(directives),
    0,
  )
}

function lengthOf(directives: readonly DirectiveNode[] | undefined): number {
  return directives?.length ?? 0
}

type Measure = {
  set(set: SelectionSetNode): Count
  fragment(name: string): Count
  /** Directives of all selections that were measured. */
  directives(): number
  /** Selections of fragments that no operation was measured with. */
  unused(): number
}

/** Each fragment is measured once. A fragment within itself counts as nothing: validation reports it. */
function createMeasure(fragments: Fragments): Measure {
  const measured = new Map<string, Count>()
  let directives = 0
  let unused = 0

  function measureFragment(name: string): Count {
    const known = measured.get(name)
    const fragment = fragments.get(name)
    if (known !== undefined || fragment === undefined) return known ?? NOTHING
    measured.set(name, NOTHING)
    const count = measureSet(fragment.selectionSet)
    measured.set(name, count)
    return count
  }

  function measureSelection(selection: SelectionNode): Count {
    directives += lengthOf(selection.directives)
    switch (selection.kind) {
      case Kind.FRAGMENT_SPREAD:
        return measureFragment(selection.name.value)
      case Kind.INLINE_FRAGMENT:
        return measureSet(selection.selectionSet)
      case Kind.FIELD: {
        const inner = selection.selectionSet ? measureSet(selection.selectionSet) : NOTHING
        const free = selection.name.value.startsWith('__') ? INTROSPECTION_LEVELS : 0
        return {
          depth: 1 + Math.max(0, inner.depth - free),
          aliases: inner.aliases + (selection.alias ? 1 : 0),
          fields: 1,
          selections: inner.selections,
        }
      }
    }
  }

  /** `fields` counts this level only. */
  function measureSet({ selections }: SelectionSetNode): Count {
    return selections.map(measureSelection).reduce(
      (sum, inner) => ({
        depth: Math.max(sum.depth, inner.depth),
        aliases: sum.aliases + inner.aliases,
        fields: sum.fields + inner.fields,
        selections: sum.selections + inner.selections,
      }),
      { ...NOTHING, selections: selections.length },
    )
  }

  return {
    set: measureSet,
    fragment(name) {
      if (measured.has(name)) return NOTHING
      const count = measureFragment(name)
      unused += count.selections
      return count
    },
    directives: () => directives,
    unused: () => unused,
  }
}

/** What is left of a request's limits for the documents that it still brings. */
export type RequestBudget = {
  readonly tokens: number
  /** Undefined when there was room for a document of that size; otherwise says which limit the request passes. */
  spend(size: DocumentSize): GraphQLError | undefined
  /** What the operations ask for together, by `costOf`. */
  cost: number
}

/** One for all operations of an HTTP request, or of one message on a socket. */
export function createRequestBudget(limits: OperationLimits): RequestBudget {
  const spent = {
    tokens: 0,
    aliases: 0,
    rootFields: 0,
    selections: 0,
    fieldPairs: 0,
    directives: 0,
    variables: 0,
  }
  const names = [
    'tokens',
    'aliases',
    'rootFields',
    'selections',
    'fieldPairs',
    'directives',
    'variables',
  ] as const
  return {
    cost: 0,
    get tokens() {
      return Math.max(0, limits.tokens - spent.tokens)
    },
    spend(size) {
      for (const name of names) spent[name] += size[name]
      const over = names.find(name => spent[name] > limits[name])
      if (over === undefined) return undefined
      return new GraphQLError(
        `The operations of this request come to ${spent[over]} ${over}; at most ${limits[over]} are allowed.`,
        { extensions: { code: 'BAD_USER_INPUT' } },
      )
    },
  }
}

/** Spends what the document of `text` comes to; undefined where that went well, else why it did not. */
export function spendText(
  budget: RequestBudget,
  text: string,
  limits: OperationLimits,
): GraphQLError | undefined {
  try {
    const document = parse(text, { maxTokens: Math.min(budget.tokens, limits.tokens), noLocation: true })
    const { size, errors } = measureDocument(document, limits)
    return errors[0] ?? budget.spend(size)
  } catch (error) {
    if (error instanceof GraphQLError) return error
    if (error instanceof RangeError) return undefined // told by whoever reads it to run it
    throw error
  }
}
