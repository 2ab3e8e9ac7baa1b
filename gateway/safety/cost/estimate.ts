// Estimates what an operation may cost before it runs: compiled once, evaluated for the variables of each request.
import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isListType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql'
import { possibleTypes } from '#gateway/executor/possible-types.ts'
import { addConditions, type Condition, hold } from '#gateway/planner/normalization/collect-fields.ts'
import { compileInputCost } from '#gateway/safety/cost/inputs.ts'
import { compileListSize, type SlicedList } from '#gateway/safety/cost/list-size.ts'
import type { CostRules } from '#gateway/safety/cost/rules.ts'

type Variables = Readonly<Record<string, unknown>>

export type CostEstimate = {
  /** Returns the cost of the whole operation, which is never below 0. */
  cost(variables: Variables): number
  /** Returns a text for each list that is not given exactly the one slicing argument that it requires. */
  problems(variables: Variables): readonly string[]
}

type CostInput = {
  readonly schema: GraphQLSchema
  readonly rules: CostRules
  /** The number of items of a list about which the supergraph says nothing. */
  readonly listSize: number
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
}

/** A number when it is the same for all variables. */
type Term = number | ((variables: Variables) => number)
/** A size that the parent field gives to the lists that its `sizedFields` name. */
type ParentSize = { readonly fields: readonly string[]; readonly list: SlicedList }
type Item = {
  readonly node: FieldNode
  readonly parent: GraphQLCompositeType
  readonly conditions: readonly Condition[]
  /** Names of the object types that the field is selected of. */
  readonly types: readonly string[]
}

/** The compilation of one operation, with what it has found so far. */
type Compilation = CostInput & {
  readonly lists: SlicedList[]
  readonly terms: Map<FieldNode, Map<ParentSize | undefined, Term>>
}

const MUTATION = 10
const OBJECT = 1

/**
 * Follows IBM's cost specification and Apollo's router: an object costs 1, a leaf nothing, a mutation 10, unless `@cost`
 * says otherwise; a list costs its items. Of an abstract type the most costly object type counts.
 */
export function compileCost(input: CostInput): CostEstimate {
  const { schema, operation } = input
  const lists: SlicedList[] = []
  const root = schema.getRootType(operation.operation)
  const fields = root
    ? compileSelections({ ...input, lists, terms: new Map() }, operation.selectionSet, { type: root })
    : 0
  const base = operation.operation === 'mutation' ? MUTATION : 0
  return {
    cost: variables => Math.max(0, base + amount(fields, variables)),
    problems: variables => lists.flatMap(list => list.problem(variables) ?? []),
  }
}

type ObjectType = { readonly type: GraphQLCompositeType; readonly size?: ParentSize | undefined }

function compileSelections(
  compilation: Compilation,
  set: SelectionSetNode,
  { type, size }: ObjectType,
): Term {
  const types = possibleTypes(compilation.schema, type)
  const items = itemsOf(compilation, set, { parent: type, conditions: [], types })
  const costs = items.map(item => conditional(fieldTerm(compilation, item, size), item.conditions))
  if (!isAbstractType(type)) return sum(costs)
  const groups = new Map<string, number[]>()
  for (const name of types) {
    const group = items.flatMap((item, index) => (item.types.includes(name) ? index : []))
    groups.set(group.join(), group)
  }
  return largest(costs, [...groups.values()])
}

/** Returns the fields of a selection set with its fragments written out. */
function itemsOf(compilation: Compilation, set: SelectionSetNode, at: Omit<Item, 'node'>): Item[] {
  const { schema, fragments } = compilation
  return set.selections.flatMap((selection): Item[] => {
    const conditions = addConditions(at.conditions, selection.directives)
    if (conditions === undefined) return []
    if (selection.kind === Kind.FIELD) return [{ ...at, node: selection, conditions }]
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
    if (!fragment) return []
    const condition = fragment.typeCondition && schema.getType(fragment.typeCondition.name.value)
    if (!isCompositeType(condition)) return itemsOf(compilation, fragment.selectionSet, { ...at, conditions })
    const covered = new Set(possibleTypes(schema, condition))
    const types = at.types.filter(name => covered.has(name))
    if (types.length === 0) return []
    return itemsOf(compilation, fragment.selectionSet, { parent: condition, conditions, types })
  })
}

/** A field has one parent, but its lists may differ in size in each place where its fragment is spread. */
function fieldTerm(compilation: Compilation, item: Item, size: ParentSize | undefined): Term {
  const { terms } = compilation
  const compiled = terms.get(item.node) ?? new Map<ParentSize | undefined, Term>()
  terms.set(item.node, compiled)
  const found = compiled.get(size)
  if (found !== undefined) return found
  const term = compileField(compilation, item, size)
  compiled.set(size, term)
  return term
}

function compileField(
  compilation: Compilation,
  { node, parent }: Item,
  parentSize: ParentSize | undefined,
): Term {
  const { rules, lists, listSize } = compilation
  const name = node.name.value
  const field = 'getFields' in parent ? parent.getFields()[name] : undefined
  if (!field) return 0
  const coordinate = `${parent.name}.${name}`
  const named = getNamedType(field.type)
  const rule = rules.listSizes.get(coordinate)
  const list = rule && compileListSize(rule, node, field)
  if (list) lists.push(list)
  const size = list && rule && rule.sizedFields.length > 0 ? { fields: rule.sizedFields, list } : undefined
  const inner =
    node.selectionSet && isCompositeType(named)
      ? compileSelections(compilation, node.selectionSet, { type: named, size })
      : 0
  const own =
    rules.weights.get(coordinate) ?? rules.weights.get(named.name) ?? (isCompositeType(named) ? OBJECT : 0)
  const ownList = parentSize?.fields.includes(name) ? parentSize.list : list
  const cost = times(sum([own, inner]), listLevels(field.type), { list: ownList, otherwise: listSize })
  return sum([cost, compileInputCost(rules, coordinate, { node, field }) ?? 0])
}

function amount(term: Term, variables: Variables): number {
  return typeof term === 'number' ? term : term(variables)
}

function sum(terms: readonly Term[]): Term {
  const changing = terms.filter(term => typeof term === 'function')
  const constant = terms.reduce<number>((total, term) => (typeof term === 'number' ? total + term : total), 0)
  if (changing.length === 0) return constant
  return variables => changing.reduce((total, term) => total + term(variables), constant)
}

/** Evaluates each term once, however many groups it is in. */
function largest(terms: readonly Term[], groups: readonly (readonly number[])[]): Term {
  const most = (variables: Variables) => {
    const values = terms.map(term => amount(term, variables))
    return groups.reduce(
      (max, group) =>
        Math.max(
          max,
          group.reduce((total, index) => total + (values[index] ?? 0), 0),
        ),
      0,
    )
  }
  return terms.every(term => typeof term === 'number') ? most({}) : most
}

function conditional(term: Term, conditions: readonly Condition[]): Term {
  if (conditions.length === 0 || term === 0) return term
  return variables => (hold(conditions, variables) ? amount(term, variables) : 0)
}

type ListSize = { readonly list: SlicedList | undefined; readonly otherwise: number }

/** A list costs its items; of lists in lists only the outer one's size may be known. */
function times(term: Term, levels: number, { list, otherwise }: ListSize): Term {
  if (levels === 0 || term === 0) return term
  const inner = otherwise ** (levels - 1)
  if (!list && typeof term === 'number') return term * inner * otherwise
  return variables => amount(term, variables) * inner * (list?.size(variables) ?? otherwise)
}

function listLevels(type: GraphQLOutputType): number {
  if (isNonNullType(type)) return listLevels(type.ofType)
  return isListType(type) ? 1 + listLevels(type.ofType) : 0
}
