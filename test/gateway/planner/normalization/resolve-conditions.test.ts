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

test('the variables of conditions are each told once', () => {
  expect(conditionVariables(QUERY)).toEqual(['a', 'b'])
  expect(conditionVariables(parse('{ x @include(if: true) }'))).toEqual([])
})

test('what does not count is gone, and so are the conditions', () => {
  const head = 'query ($a: Boolean!, $b: Boolean!)'
  expect(way('a')).toBe(`${head} { x y { z } ... on Query { w { v } } }`)
  expect(way('ab')).toBe(`${head} { x }`)
  expect(way('')).toBe(`${head} { ... on Query { w { __typename } } }`)
})

test('names that stand several times at the root are found, in fragments too', () => {
  expect(hasRepeatedRootFields(parse('{ a b: a c { a } }'))).toBe(false)
  expect(hasRepeatedRootFields(parse('{ a ... @include(if: true) { b: c a } }'))).toBe(true)
})

test('an operation of which nothing counts is none', () => {
  expect(way('b')).toBeUndefined()
})
