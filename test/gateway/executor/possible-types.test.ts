import { parse } from 'graphql'
import { expect, test } from 'vitest'
import { createTypeMatch } from '#gateway/executor/possible-types.ts'

const matches = createTypeMatch(
  parse(`
    interface Node { id: ID! }
    interface Named implements Node { id: ID! name: String }
    type Cat implements Node & Named { id: ID! name: String }
    type Rock implements Node { id: ID! }
    union Thing = Cat | Rock
    union Beast = Cat
    extend type Fish implements Node { id: ID! }
    extend union Beast = Fish
  `),
)

test.each([
  ['Cat', 'Cat', true],
  ['Cat', 'Rock', false],
  ['Cat', 'Named', true],
  ['Rock', 'Named', false],
  ['Rock', 'Node', true],
  ['Rock', 'Thing', true],
  ['Rock', 'Beast', false],
  ['Fish', 'Node', true],
  ['Fish', 'Beast', true],
  ['Nobody', 'Thing', false],
])('a value of %s satisfies the condition %s: %s', (typename, condition, is) => {
  expect(matches(typename, condition)).toBe(is)
})

test('a value without a type satisfies no condition', () => {
  expect(matches(undefined, 'Node')).toBe(false)
})
