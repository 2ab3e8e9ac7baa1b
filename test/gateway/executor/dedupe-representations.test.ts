import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { dedupeRepresentations } from '#gateway/executor/dedupe-representations.ts'
import { createTypeMatch } from '#gateway/executor/possible-types.ts'
import { compileRepresentation } from '#gateway/executor/representations.ts'
import type { RequiredSelection } from '#gateway/planner/plan/query-plan.ts'

const matches = createTypeMatch(
  parse('type Query { a: Product } type Product { upc: ID } type Parcel { upc: ID }'),
)
const field = (name: string, selections?: readonly RequiredSelection[]): RequiredSelection => ({
  kind: 'Field',
  name,
  ...(selections && { selections }),
})
const on = (typeCondition: string, ...selections: RequiredSelection[]): RequiredSelection => ({
  kind: 'InlineFragment',
  typeCondition,
  selections: [field('__typename'), ...selections],
})

function distinctBy(...requires: RequiredSelection[]) {
  return dedupeRepresentations(compileRepresentation(requires, matches, undefined), {})
}

test('equal keys share one representation, and each object refers to its index', () => {
  const { indexOf, texts } = distinctBy(on('Product', field('upc'), field('weight')))
  const product = (upc: unknown, weight: unknown) => ({ __typename: 'Product', upc, weight, name: 'ignored' })
  expect(indexOf(product('1', 5))).toBe(0)
  expect(indexOf(product('2', 5))).toBe(1)
  expect(indexOf({ ...product('1', 5), name: 'another' })).toBe(0)
  expect(indexOf(product('1', 6))).toBe(2)
  expect(indexOf(product(1, 5))).toBe(3)
  expect(texts).toHaveLength(4)
  expect(texts[0]).toBe('{"__typename":"Product","upc":"1","weight":5}')
})

test('a missing field differs from a null one', () => {
  const { indexOf } = distinctBy(on('Product', field('upc'), field('weight')))
  const withNull = { __typename: 'Product', upc: '1', weight: null }
  expect(indexOf(withNull)).toBe(0)
  expect(indexOf({ __typename: 'Product', upc: '1' })).not.toBe(0)
  expect(indexOf(withNull)).toBe(0)
})

test('the same key on another type is another representation', () => {
  const { indexOf } = distinctBy(on('Product', field('upc')), on('Parcel', field('upc')))
  expect(indexOf({ __typename: 'Product', upc: '1' })).toBe(0)
  expect(indexOf({ __typename: 'Parcel', upc: '1' })).toBe(1)
})

test('nested keys are distinguished by all their fields', () => {
  const { indexOf, texts } = distinctBy(on('Product', field('maker', [field('id')])))
  const madeBy = (maker: unknown) => ({ __typename: 'Product', maker })
  expect(indexOf(madeBy({ id: 1 }))).toBe(0)
  expect(indexOf(madeBy({ id: 2 }))).toBe(1)
  expect(indexOf(madeBy({ id: 1, name: 'ignored' }))).toBe(0)
  expect(texts).toHaveLength(2)
})

test('a key that is a list or an object is distinguished by all its content', () => {
  const { indexOf } = distinctBy(on('Product', field('upc')))
  expect(indexOf({ __typename: 'Product', upc: ['1', '2'] })).toBe(0)
  expect(indexOf({ __typename: 'Product', upc: ['1', '3'] })).toBe(1)
  expect(indexOf({ __typename: 'Product', upc: ['1', '2'] })).toBe(0)
})

test('an object without keys, or of a type that is not requested, has no representation', () => {
  const { indexOf, texts } = distinctBy(on('Product', field('upc')))
  expect(indexOf({ __typename: 'Product', upc: null })).toBeUndefined()
  expect(indexOf({ __typename: 'Unknown', upc: '1' })).toBeUndefined()
  expect(indexOf({ upc: '1' })).toBeUndefined()
  expect(texts).toEqual([])
})
