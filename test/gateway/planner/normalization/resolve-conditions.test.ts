import { parse, print } from 'graphql'
import { expect, test } from 'vitest'
import {
  conditionVariables,
  hasRepeatedRootFields,
  resolveConditions,
} from '#gateway/planner/normalization/resolve-conditions.ts'

const QUERY = parse(`query ($a: Boolean!, $b: Boolean!) {
  x @include(if: $a)
  y @skip(if: $b) @include(if: $a) { z }
  ... on Query @skip(if: $b) { w { v @include(if: $a) } }
}`)

const way = (names: string) => {
  const document = resolveConditions(QUERY, name => names.includes(name))
  return document && print(document).replaceAll(/\s+/g, ' ')
}

test('each variable of a condition is returned once', () => {
  expect(conditionVariables(QUERY)).toEqual(['a', 'b'])
  expect(conditionVariables(parse('{ x @include(if: true) }'))).toEqual([])
})

test('excluded fields are removed, and so are the conditions', () => {
  const head = 'query ($a: Boolean!, $b: Boolean!)'
  expect(way('a')).toBe(`${head} { x y { z } ... on Query { w { v } } }`)
  expect(way('ab')).toBe(`${head} { x }`)
  expect(way('')).toBe(`${head} { ... on Query { w { __typename } } }`)
})

test('root names that occur several times are found, also in fragments', () => {
  expect(hasRepeatedRootFields(parse('{ a b: a c { a } }'))).toBe(false)
  expect(hasRepeatedRootFields(parse('{ a ... @include(if: true) { b: c a } }'))).toBe(true)
})

test('an operation without remaining fields is undefined', () => {
  expect(way('b')).toBeUndefined()
})
