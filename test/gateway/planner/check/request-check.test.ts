import { parse } from 'graphql'
import { describe, expect, test } from 'vitest'
import { readFederatedTypes } from '#gateway/planner/check/federated-types.ts'
import { findRequestFlaw } from '#gateway/planner/check/request-check.ts'
import type { PlanNode, RequiredSelection } from '#gateway/planner/plan/query-plan.ts'
import { composed, FEDERATION_2 } from '#test/gateway/conformance/in-process-federation.ts'

function checkOver(sdl: string): (plan: PlanNode) => string | undefined {
  const types = readFederatedTypes(parse(sdl))
  return plan => findRequestFlaw(plan, types)
}

const findFlaw = checkOver(
  composed({
    products: {
      sdl: `${FEDERATION_2}
        type Query { product: Product }
        interface Item @key(fields: "sku") { sku: ID! weight: Int }
        type Product implements Item @key(fields: "sku") { sku: ID! weight: Int box: Box }
        type Parcel implements Item @key(fields: "sku") { sku: ID! weight: Int }
        type Box { width: Int }`,
    },
    stock: {
      sdl: `${FEDERATION_2}
        type Query { best: Product }
        type Product @key(fields: "sku") {
          sku: ID! weight: Int @external box: Box @external delivery: String @requires(fields: "weight box { width }")
        }
        type Box @external { width: Int }`,
    },
    ratings: {
      sdl: `${FEDERATION_2}
        type Item @key(fields: "sku") @interfaceObject {
          sku: ID! weight: Int @external density: String @requires(fields: "weight")
        }`,
    },
  }),
)

const field = (name: string, ...selections: RequiredSelection[]): RequiredSelection => ({
  kind: 'Field',
  name,
  ...(selections.length > 0 && { selections }),
})
const of = (typeCondition: string, ...selections: RequiredSelection[]): RequiredSelection => ({
  kind: 'InlineFragment',
  typeCondition,
  selections: [field('__typename'), field('sku'), ...selections],
})
const entities = (serviceName: string, selected: string, ...requires: RequiredSelection[]): PlanNode => ({
  kind: 'Flatten',
  path: ['@'],
  node: {
    kind: 'Fetch',
    serviceName,
    operation: `query($representations:[_Any!]!){_entities(representations:$representations){${selected}}}`,
    requires,
  },
})
const LACKS = 'stock is asked for Product.delivery without what it requires'

test('a plan that sends the required fields with entities is correct', () => {
  const all = of('Product', field('weight'), field('box', field('width')))
  expect(findFlaw(entities('stock', '...on Product{delivery}', all))).toBeUndefined()
  const inParts = [of('Product', field('weight')), of('Product', field('box', field('width')))]
  expect(findFlaw(entities('stock', '...on Product{delivery}', ...inParts))).toBeUndefined()
})

test('the name under which a field is sent decides', () => {
  const renamed: RequiredSelection = { kind: 'Field', name: '_internal_qp_alias_0', alias: 'weight' }
  const box = field('box', field('width'))
  expect(findFlaw(entities('stock', '...on Product{delivery}', of('Product', renamed, box)))).toBeUndefined()
})

test('a plan that misses a part of the required fields is wrong', () => {
  expect(findFlaw(entities('stock', '...on Product{delivery}', of('Product', field('weight'))))).toBe(LACKS)
  expect(findFlaw(entities('stock', '...on Product{sku}', of('Product')))).toBeUndefined()
})

test('a plan that selects a computed field below an entity or at the root is wrong', () => {
  const root: PlanNode = { kind: 'Fetch', serviceName: 'stock', operation: '{best{sku delivery}}' }
  expect(findFlaw({ kind: 'Sequence', nodes: [root] })).toBe(LACKS)
  expect(
    findFlaw({ kind: 'Condition', condition: 'v', elseClause: { kind: 'Parallel', nodes: [root] } }),
  ).toBe(LACKS)
  expect(findFlaw({ kind: 'Fetch', serviceName: 'products', operation: '{product{weight}}' })).toBeUndefined()
})

test('an interface object is checked for the types that are sent', () => {
  const density = (...requires: RequiredSelection[]) =>
    findFlaw(entities('ratings', '...on Item{density}', ...requires))
  expect(density(of('Item', field('weight')))).toBeUndefined()
  expect(density(of('Product', field('weight')))).toBeUndefined()
  expect(density(of('Parcel'), of('Product', field('weight')))).toMatch('ratings is asked for Item.density')
  expect(density(of('Item'), of('Product', field('weight')))).toMatch('ratings is asked for Item.density')
})

test('each of several fetches in one request sends its own required fields', () => {
  const batch = (...requires: RequiredSelection[]): PlanNode => ({
    kind: 'BatchFetch',
    serviceName: 'stock',
    operation:
      'query($a:[_Any!]!,$b:[_Any!]!){e0:_entities(representations:$a){...on Product{sku}} e1:_entities(representations:$b){...on Product{delivery}}}',
    entityBatch: {
      aliases: [
        { alias: 'e0', representationsVariableName: 'a', paths: [], requires: [of('Product')] },
        { alias: 'e1', representationsVariableName: 'b', paths: [], requires },
      ],
    },
  })
  expect(findFlaw(batch(of('Product', field('weight'), field('box', field('width')))))).toBeUndefined()
  expect(findFlaw(batch(of('Product')))).toBe(LACKS)
})

describe('a request that selects different fields under one name is wrong', () => {
  const asks = (operation: string) => findFlaw({ kind: 'Fetch', serviceName: 'products', operation })
  const wrong = 'products is asked for different things called weight'

  test.each([
    '{product{weight(in:"KG") weight(in:"G")}}',
    '{product{weight ...on Product{sku}} product{weight:sku}}',
    'query($a:Boolean!){product{weight(in:"KG")@include(if:$a) weight(in:"G")@skip(if:$a)}}',
  ])('%s', operation => expect(asks(operation)).toBe(wrong))

  test.each([
    '{product{weight(in:"KG") weight(in:"KG")}}',
    '{product{box{weight} weight(in:"G")}}',
    '{item{...on Product{weight(in:"KG")} ...on Parcel{weight(in:"G")}}}',
  ])('and is correct for %s', operation => expect(asks(operation)).toBeUndefined())
})

test('a request cannot send one required field with two sets of arguments', () => {
  const findFlawOfGoods = checkOver(
    composed({
      goods: {
        sdl: `${FEDERATION_2}
          type Query { good: Good }
          type Good @key(fields: "id") { id: ID! price(in: String): Int maker: Maker }
          type Maker { fee(in: String): Int }`,
      },
      tax: {
        sdl: `${FEDERATION_2}
          type Good @key(fields: "id") {
            id: ID!
            price(in: String): Int @external
            maker: Maker @external
            euros: Int @requires(fields: "price(in: \\"EUR\\") maker { fee(in: \\"EUR\\") }")
            dollars: Int @requires(fields: "price(in: \\"USD\\")")
            fee: Int @requires(fields: "maker { fee(in: \\"USD\\") }")
          }
          type Maker @external { fee(in: String): Int }`,
      },
    }),
  )
  const all: RequiredSelection = {
    kind: 'InlineFragment',
    typeCondition: 'Good',
    selections: [field('__typename'), field('id'), field('price'), field('maker', field('fee'))],
  }
  expect(findFlawOfGoods(entities('tax', '...on Good{euros}', all))).toBeUndefined()
  expect(findFlawOfGoods(entities('tax', '...on Good{dollars fee}', all))).toBeUndefined()
  expect(findFlawOfGoods(entities('tax', '...on Good{euros dollars}', all))).toMatch('Good.dollars')
  expect(findFlawOfGoods(entities('tax', '...on Good{euros fee}', all))).toMatch('Good.fee')
})
