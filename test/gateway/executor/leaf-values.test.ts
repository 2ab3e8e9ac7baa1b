import fc from 'fast-check'
import { GraphQLID, GraphQLString } from 'graphql'
import { expect, test } from 'vitest'
import { compileLeaf } from '#gateway/executor/leaf-values.ts'

test('strings are serialized exactly as JSON.stringify does', () => {
  const write = compileLeaf(GraphQLString, { parent: 'Query.text', nullable: true, hidden: new Map() })
  const completion = { errors: [], variables: {} }
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), text => {
      expect(write(text, completion)).toBe(JSON.stringify(text))
    }),
  )
  for (const text of ['', '"', '\\', '\n', '\u0000', '\ud800', '\udc00', '😀', '\u2028', 'é', 'x'.repeat(41)])
    expect(write(text, completion)).toBe(JSON.stringify(text))
})

test('a number is a valid ID and is serialized as a string', () => {
  const write = compileLeaf(GraphQLID, { parent: 'Query.id', nullable: true, hidden: new Map() })
  expect(write(7, { errors: [], variables: {} })).toBe('"7"')
})
