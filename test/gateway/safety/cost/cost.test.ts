import fc from 'fast-check'
import {
  buildASTSchema,
  type FieldNode,
  type GraphQLObjectType,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
  isUnionType,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
} from 'graphql'
import { describe, expect, test } from 'vitest'
import { compileCost } from '#gateway/safety/cost/estimate.ts'
import { readCostRules } from '#gateway/safety/cost/rules.ts'
import { readSupergraph } from '#gateway/supergraph/supergraph.ts'
import { randomOperations } from '../authorization/random-operations.ts'
import { clinicSupergraph } from '../safety-fixture.ts'

const DOCUMENT = parse(`
  directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
  directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
  type Query {
    name: String
    names: [String!]!
    shop: Shop
    shops(first: Int = 4, last: Int, filter: Filter @cost(weight: 3)): [Shop!]! @listSize(slicingArguments: ["first", "last"])
    pages(page: Page): Shops @listSize(slicingArguments: ["page.size"], sizedFields: ["items"], assumedSize: 6)
    grid: [[Shop!]!]! @listSize(assumedSize: 3)
    found: [Found!]! @listSize(assumedSize: 2)
    price: Price
    dear: String @cost(weight: 8)
  }
  type Mutation { open: Shop close: Int }
  type Shops { items: [Shop!]! others: [Shop!]! }
  type Shop { name: String staff: [Person!] owner: Person }
  type Person @cost(weight: 5) { name: String }
  union Found = Shop | Person
  scalar Price @cost(weight: 2)
  input Page { size: Int }
  input Filter { text: String @cost(weight: 1) any: [Filter!] deep: Filter }`)
const schema = buildASTSchema(DOCUMENT)
const rules = readCostRules(DOCUMENT)

function estimate(text: string) {
  const document = parse(text)
  const fragments = new Map(
    document.definitions.flatMap(one =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one] as const] : [],
    ),
  )
  const operation = document.definitions.find(
    (one): one is OperationDefinitionNode => one.kind === Kind.OPERATION_DEFINITION,
  )
  if (!operation) throw new Error('there is no operation')
  return compileCost({ schema, rules, listSize: 10, operation, fragments })
}

const cost = (text: string, variables = {}) => estimate(text).cost(variables)

describe('the cost of an operation', () => {
  test.each<[string, string, number]>([
    ['nothing for leaves', '{ name again: name names __typename }', 0],
    ['1 for an object', '{ shop { name } }', 1],
    ['10 for a mutation, plus its result', 'mutation { open { name } close }', 11],
    [
      'the weight that @cost gives to a field, a type or a leaf',
      '{ dear price shop { owner { name } } }',
      8 + 2 + 1 + 5,
    ],
    ['that of 10 items for a list of unknown size', '{ shop { staff { name } } }', 1 + 10 * 5],
    ['that of the items that a slicing argument asks for', '{ shops(first: 3) { name } }', 3],
    ['that of the largest of several slicing arguments', '{ shops(first: 3, last: 30) { name } }', 30],
    ["that of a slicing argument's default", '{ shops { name } }', 4],
    ['the number of items times the cost of each', '{ shops(first: 3) { staff { name } } }', 3 * (1 + 50)],
    [
      'that of the fields whose size @listSize sets',
      '{ pages { items { name } others { name } } }',
      1 + 6 + 10,
    ],
    ['that of a size within an input object', '{ pages(page: { size: 2 }) { items { name } } }', 1 + 2],
    ['the product of nested lists', '{ grid { name } }', 3 * 10],
    [
      'that of the most costly type of a union',
      '{ found { ... on Shop { name } ... on Person { name } } }',
      2 * 1,
    ],
    [
      'that of the selections on the most costly type',
      '{ found { ...f } } fragment f on Found { ... on Shop { owner { name } } }',
      2 * (1 + 5),
    ],
    [
      'the weight of arguments that are given',
      '{ shops(first: 1, filter: { text: "a" }) { name } }',
      1 + 3 + 1,
    ],
    [
      'the weight of inputs in lists and within inputs',
      '{ shops(first: 0, filter: { any: [{ text: "a" }, { text: "b" }], deep: { text: "c" } }) { name } }',
      3 + 3,
    ],
    ['nothing for an argument that is null', '{ shops(first: 1, filter: null) { name } }', 1],
    [
      'nothing for skipped fields',
      '{ shop @skip(if: true) { name } ... @include(if: false) { shop { name } } }',
      0,
    ],
  ])('is %s', (_what, text, expected) => {
    expect(cost(text)).toBe(expected)
  })

  test('depends on the variables of the request', () => {
    const text =
      'query($n: Int, $with: Boolean!, $f: Filter) { shops(first: $n, filter: $f) { name } shop @include(if: $with) { name } }'
    expect(cost(text, { n: 5, with: false })).toBe(5)
    expect(cost(text, { n: 7, with: true, f: { text: 'x' } })).toBe(7 + 1 + 4)
  })

  test('is computed in short time for deeply nested fragments on abstract types', () => {
    const level = (inner: string) =>
      `{ found { ${'... on Shop { name } '.repeat(9)} ... on Found ${inner} ... on Shop { owner { name } } } }`
    const nested = Array.from({ length: 9 }).reduce<string>(
      text => `{ ... on Found ${text} ... on Shop { name } }`,
      '{ ... on Shop { owner { name } } }',
    )
    expect(cost(level(nested))).toBeGreaterThan(0)
  })
})

describe('a list that requires one slicing argument', () => {
  test.each<[string, string, object]>([
    ['none', '{ pages { items { name } } }', {}],
    ['a variable without a value', 'query($p: Page) { pages(page: $p) { items { name } } }', {}],
    ['two', '{ shops(first: 1, last: 2) { name } }', {}],
  ])('is reported when the operation gives %s', (_what, text, variables) => {
    expect(estimate(text).problems({ ...variables })).toEqual([expect.stringMatching(/exactly one of/)])
  })

  test.each<[string, string]>([
    ['one', '{ shops(last: 2) { name } }'],
    ['the default of one', '{ shops { name } }'],
  ])('is accepted when the operation gives %s', (_what, text) => {
    expect(estimate(text).problems({})).toEqual([])
  })
})

type Sized = readonly [readonly string[], number]

describe('over the supergraph of the safety fixture', async () => {
  const supergraph = await readSupergraph(clinicSupergraph())
  await supergraph[Symbol.asyncDispose]()
  const { weights, listSizes } = supergraph.costs

  type NaiveContext = { readonly n: number; readonly sized?: Sized | undefined }

  /** Adds up the cost without compiling anything, by walking object types only. */
  function naive(set: SelectionSetNode, type: GraphQLObjectType, { n, sized }: NaiveContext): number {
    return set.selections.reduce((total, selection) => {
      if (selection.kind === Kind.FRAGMENT_SPREAD) return total
      if (selection.kind === Kind.FIELD) return total + naiveField(selection, type, { n, sized })
      const on = supergraph.schema.getType(selection.typeCondition?.name.value ?? type.name)
      const applies =
        on === type ||
        (!isObjectType(on) && !isUnionType(on)) ||
        (isUnionType(on) && on.getTypes().includes(type))
      return applies ? total + naive(selection.selectionSet, type, { n, sized }) : total
    }, 0)
  }

  function naiveField(node: FieldNode, type: GraphQLObjectType, { n, sized }: NaiveContext): number {
    const field = type.getFields()[node.name.value]
    if (!field) return 0
    const named = getNamedType(field.type)
    const rule = listSizes.get(`${type.name}.${field.name}`)
    const first = node.arguments?.find(({ name }) => name.value === 'first')?.value
    const given = first?.kind === Kind.INT ? Number(first.value) : first ? n : undefined
    const size = rule && (given ?? rule.assumedSize)
    const set = node.selectionSet
    const below = rule && rule.sizedFields.length > 0 ? ([rule.sizedFields, size ?? 10] as const) : undefined
    const inner = !set
      ? 0
      : isUnionType(named)
        ? Math.max(...named.getTypes().map(one => naive(set, one, { n, sized: below })))
        : isObjectType(named)
          ? naive(set, named, { n, sized: below })
          : 0
    const own = weights.get(`${type.name}.${field.name}`) ?? weights.get(named.name) ?? (set ? 1 : 0)
    const items = sized?.[0].includes(field.name) ? sized[1] : (size ?? 10)
    return (own + inner) * (isListType(getNullableType(field.type)) ? items : 1)
  }

  test('an estimate equals the sum of a naive walk over the operation', () => {
    const query = supergraph.schema.getQueryType()
    if (!query) throw new Error('there are no queries')
    fc.assert(
      fc.property(randomOperations(supergraph.schema), fc.nat(100), (operation, n) => {
        const compiled = compileCost({
          schema: supergraph.schema,
          rules: supergraph.costs,
          listSize: 10,
          operation,
          fragments: new Map(),
        })
        expect(compiled.cost({ n })).toBe(naive(operation.selectionSet, query, { n }))
      }),
      { numRuns: 300 },
    )
  })
})
