// What an operation costs at most, before it is run: compiled once, worked out for the variables of each request. Pure.
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
import { addConditions, type Condition } from '#gateway/planner/normalization/collect-fields.ts'
import { compileInputCost } from '#gateway/safety/cost/inputs.ts'
import { compileListSize, type SlicedList } from '#gateway/safety/cost/list-size.ts'
import type { CostRules } from '#gateway/safety/cost/rules.ts'

type Variables = Readonly<Record<string, unknown>>

export type CostEstimate = {
  /** Of the whole operation; never below 0. */
  cost(variables: Variables): number
  /** Lists that are not given the one slicing argument that they demand, left out or not. */
  problems(variables: Variables): readonly string[]
}

export type CompileCost = {
  readonly schema: GraphQLSchema
  readonly rules: CostRules
  /** Items of a list of which nothing is known. */
  readonly listSize: number
  readonly operation: OperationDefinitionNode
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>
}

/** A number when it is the same for all variables. */
type Term = number | ((variables: Variables) => number)
/** A list's size that its parent knows: by `sizedFields`. */
type Sized = { readonly fields: readonly string[]; readonly list: SlicedList }
type Item = {
  readonly node: FieldNode
  readonly parent: GraphQLCompositeType
  readonly conditions: readonly Condition[]
  /** Names of the object types that it is selected of. */
  readonly types: readonly string[]
}

const MUTATION = 10
const OBJECT = 1

/**
 * As IBM's cost specification and Apollo's router have it: an object costs 1, a leaf nothing, a mutation 10, unless
 * `@cost` says otherwise; a list costs its items. Of an abstract type the most costly object type counts.
 */
export function compileCost({ schema, rules, listSize, operation, fragments }: CompileCost): CostEstimate {
  const terms = new Map<FieldNode, Map<Sized | undefined, Term>>()
  const lists: SlicedList[] = []

  function itemsOf(set: SelectionSetNode, at: Omit<Item, 'node'>): Item[] {
    return set.selections.flatMap((selection): Item[] => {
      const conditions = addConditions(at.conditions, selection.directives)
      if (conditions === undefined) return []
      if (selection.kind === Kind.FIELD) return [{ ...at, node: selection, conditions }]
      const fragment =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : fragments.get(selection.name.value)
      if (!fragment) return []
      const condition = fragment.typeCondition && schema.getType(fragment.typeCondition.name.value)
      if (!isCompositeType(condition)) return itemsOf(fragment.selectionSet, { ...at, conditions })
      const covered = new Set(possibleTypes(schema, condition))
      const types = at.types.filter(name => covered.has(name))
      if (types.length === 0) return []
      return itemsOf(fragment.selectionSet, { parent: condition, conditions, types })
    })
  }

  function setTerm(set: SelectionSetNode, type: GraphQLCompositeType, sized: Sized | undefined): Term {
    const types = possibleTypes(schema, type)
    const items = itemsOf(set, { parent: type, conditions: [], types })
    const costs = items.map(item => conditional(fieldTerm(item, sized), item.conditions))
    if (!isAbstractType(type)) return sum(costs)
    const groups = new Map<string, number[]>()
    for (const name of types) {
      const group = items.flatMap((item, index) => (item.types.includes(name) ? index : []))
      groups.set(group.join(), group)
    }
    return largest(costs, [...groups.values()])
  }

  /** A field stands under one parent, but its lists may have another size in each place where its fragment is spread. */
  function fieldTerm({ node, parent }: Item, sized: Sized | undefined): Term {
    const known = terms.get(node) ?? new Map<Sized | undefined, Term>()
    terms.set(node, known)
    const found = known.get(sized)
    if (found !== undefined) return found
    const term = compileField(node, parent, sized)
    known.set(sized, term)
    return term
  }

  function compileField(node: FieldNode, parent: GraphQLCompositeType, sized: Sized | undefined): Term {
    const name = node.name.value
    const field = 'getFields' in parent ? parent.getFields()[name] : undefined
    if (!field) return 0
    const coordinate = `${parent.name}.${name}`
    const named = getNamedType(field.type)
    const rule = rules.listSizes.get(coordinate)
    const list = rule && compileListSize(rule, node, field)
    if (list) lists.push(list)
    const sizes = list && rule && rule.sizedFields.length > 0 ? { fields: rule.sizedFields, list } : undefined
    const inner = node.selectionSet && isCompositeType(named) ? setTerm(node.selectionSet, named, sizes) : 0
    const own =
      rules.weights.get(coordinate) ?? rules.weights.get(named.name) ?? (isCompositeType(named) ? OBJECT : 0)
    const size = sized?.fields.includes(name) ? sized.list : list
    const cost = times(sum([own, inner]), listLevels(field.type), size, listSize)
    return sum([cost, compileInputCost(rules, coordinate, { node, field }) ?? 0])
  }

  const root = schema.getRootType(operation.operation)
  const fields = root ? setTerm(operation.selectionSet, root, undefined) : 0
  const base = operation.operation === 'mutation' ? MUTATION : 0
  return {
    cost: variables => Math.max(0, base + amount(fields, variables)),
    problems: variables => lists.flatMap(list => list.problem(variables) ?? []),
  }
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

/** Each term is worked out once, however many groups it is in. */
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

function hold(conditions: readonly Condition[], variables: Variables): boolean {
  return conditions.every(({ variable, wanted }) => (variables[variable] === true) === wanted)
}

/** A list costs its items; of lists in lists only the outer one's size may be known. */
function times(term: Term, levels: number, sizes: SlicedList | undefined, otherwise: number): Term {
  if (levels === 0 || term === 0) return term
  const inner = otherwise ** (levels - 1)
  if (!sizes && typeof term === 'number') return term * inner * otherwise
  return variables => amount(term, variables) * inner * (sizes?.size(variables) ?? otherwise)
}

function listLevels(type: GraphQLOutputType): number {
  if (isNonNullType(type)) return listLevels(type.ofType)
  return isListType(type) ? 1 + listLevels(type.ofType) : 0
}
