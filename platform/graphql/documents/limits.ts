// Limits the size of documents and of the operations of a request, counted without writing fragments out.
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
import { isDefer } from '#platform/graphql/incremental/defer-directive.ts'

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
  /** Fragments with `@defer`, counted wherever a fragment is spread. */
  readonly defers: number
  /** Variables that the document defines. */
  readonly variables: number
  /** Numbers, texts, lists and objects in the values of variables. */
  readonly values: number
  /** Operations in one batched request. */
  readonly batch: number
}

/** Each limit is several times what the front ends, GraphiQL's introspection and the benchmarks need. */
export const DEFAULT_LIMITS: OperationLimits = {
  tokens: 4000,
  depth: 15,
  aliases: 100,
  rootFields: 50,
  selections: 10_000,
  fieldPairs: 20_000,
  directives: 200,
  defers: 20,
  variables: 100,
  values: 10_000,
  batch: 50,
}

/** Depth, aliases, root fields and defers are those of the largest operation; the rest counts the whole document. */
export type DocumentSize = Omit<OperationLimits, 'values' | 'batch'>

/** How many levels of an introspection query do not count. */
const INTROSPECTION_LEVELS = 15

type Count = {
  readonly depth: number
  readonly aliases: number
  readonly fields: number
  readonly selections: number
  readonly defers: number
}

const NOTHING: Count = { depth: 0, aliases: 0, fields: 0, selections: 0, defers: 0 }

/** How the error message of each limit describes the count. */
const DESCRIPTIONS: readonly (readonly [keyof DocumentSize, (count: number) => string])[] = [
  ['depth', count => `is ${count} levels deep`],
  ['aliases', count => `has ${count} aliases`],
  ['rootFields', count => `has ${count} root fields`],
  ['selections', count => `has ${count} selections`],
  ['fieldPairs', count => `repeats fields in ${count} pairs or more`],
  ['directives', count => `has ${count} directives`],
  ['defers', count => `defers ${count} fragments`],
  ['variables', count => `has ${count} variables`],
]

type MeasuredDocument = {
  readonly size: DocumentSize
  /** One error for each limit that is exceeded, with the count. */
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
    defers: most(count => count.defers),
    selections: counts.reduce((sum, count) => sum + count.selections, 0) + measure.unused(),
    directives: measure.directives() + headDirectives([...operations, ...fragments.values()]),
    variables: operations.reduce((sum, { variableDefinitions = [] }) => sum + variableDefinitions.length, 0),
    fieldPairs: 0,
  }
  const errors = exceededLimits(written, limits, operations[0])
  if (errors.length > 0) return { size: written, errors }
  const size = { ...written, fieldPairs: countFieldPairs(operations, fragments, pairLimits(limits)) }
  return { size, errors: exceededLimits(size, limits, operations[0]) }
}

function pairLimits({ fieldPairs, selections, depth }: OperationLimits): PairLimits {
  return { fieldPairs, selections, depth: depth + INTROSPECTION_LEVELS }
}

function exceededLimits(
  size: DocumentSize,
  limits: OperationLimits,
  operation: OperationDefinitionNode | undefined,
): GraphQLError[] {
  return DESCRIPTIONS.flatMap(([name, say]) =>
    size[name] <= limits[name]
      ? []
      : new GraphQLError(`The operation ${say(size[name])}; at most ${limits[name]} are allowed.`, {
          nodes: operation ?? null,
        }),
  )
}

/** Counts the directives before the selections: of operations, fragments and variables. */
function headDirectives(definitions: readonly (OperationDefinitionNode | FragmentDefinitionNode)[]): number {
  return definitions.reduce(
    (sum, { directives, variableDefinitions = [] }) =>
      variableDefinitions.reduce((inner, variable) => inner + lengthOf(variable.directives), sum) +
      lengthOf(directives),
    0,
  )
}

function addCounts(sum: Count, inner: Count): Count {
  return {
    depth: Math.max(sum.depth, inner.depth),
    aliases: sum.aliases + inner.aliases,
    fields: sum.fields + inner.fields,
    selections: sum.selections + inner.selections,
    defers: sum.defers + inner.defers,
  }
}

function countDefer({ directives = [] }: SelectionNode, count: Count): Count {
  return directives.some(isDefer) ? { ...count, defers: count.defers + 1 } : count
}

function lengthOf(directives: readonly DirectiveNode[] | undefined): number {
  return directives?.length ?? 0
}

type Measure = {
  set(set: SelectionSetNode): Count
  fragment(name: string): Count
  /** Returns the directives of all selections that were measured. */
  directives(): number
  /** Returns the selections of fragments that no operation uses. */
  unused(): number
}

/** Measures each fragment once. A fragment within itself counts as nothing: validation reports it. */
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
        return countDefer(selection, measureFragment(selection.name.value))
      case Kind.INLINE_FRAGMENT:
        return countDefer(selection, measureSet(selection.selectionSet))
      case Kind.FIELD: {
        const inner = selection.selectionSet ? measureSet(selection.selectionSet) : NOTHING
        const free = selection.name.value.startsWith('__') ? INTROSPECTION_LEVELS : 0
        return {
          depth: 1 + Math.max(0, inner.depth - free),
          aliases: inner.aliases + (selection.alias ? 1 : 0),
          fields: 1,
          selections: inner.selections,
          defers: inner.defers,
        }
      }
    }
  }

  /** `fields` counts this level only. */
  function measureSet({ selections }: SelectionSetNode): Count {
    return selections.map(measureSelection).reduce(addCounts, { ...NOTHING, selections: selections.length })
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

/** The budget is what earlier documents of a request have left of its limits. */
export type RequestBudget = {
  readonly tokens: number
  /** Returns undefined when a document of that size fits; otherwise the error for the limit that it exceeds. */
  spend(size: DocumentSize): GraphQLError | undefined
  /** The cost of the operations so far, by `costOf`. */
  cost: number
}

/** Creates the budget for all operations of an HTTP request. */
export function createRequestBudget(limits: OperationLimits): RequestBudget {
  const used = {
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
      return Math.max(0, limits.tokens - used.tokens)
    },
    spend(size) {
      for (const name of names) used[name] += size[name]
      const over = names.find(name => used[name] > limits[name])
      if (over === undefined) return undefined
      return new GraphQLError(
        `The operations of this request come to ${used[over]} ${over}; at most ${limits[over]} are allowed.`,
        { extensions: { code: 'BAD_USER_INPUT' } },
      )
    },
  }
}

/** Charges the document of `text` to the budget. Returns the error where it does not fit. */
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
    if (error instanceof RangeError) return undefined // reported by whoever parses it to run it
    throw error
  }
}
