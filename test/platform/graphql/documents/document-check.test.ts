import { buildSchema } from 'graphql'
import { describe, expect, it } from 'vitest'
import { createDocumentCheck } from '#platform/graphql/documents/document-check.ts'
import { DEFAULT_LIMITS } from '#platform/graphql/documents/limits.ts'

const schema = buildSchema('type Query { a(n: Int): Query b: Int }')
const check = createDocumentCheck({ schema, limits: DEFAULT_LIMITS, introspection: true })
const problems = (text: string) => {
  const checked = check(text)
  return 'errors' in checked ? checked.errors.map(({ message }) => message) : []
}

const CONFLICT = 'x: b x: a(n: 1) { b }'

describe('the document check', () => {
  it('compares the fields of a document with valid fragments', () => {
    expect(problems(`{ ...F } fragment F on Query { ${CONFLICT} }`)).toEqual([
      expect.stringMatching(/^Fields "x" conflict/),
    ])
  })

  it.each([
    ['that nothing uses', '{ b }', '', 'Fragment "F" is never used.'],
    [
      'that share a name',
      '{ ...F }',
      'fragment F on Query { b }',
      'There can be only one fragment named "F".',
    ],
    [
      'that contain each other',
      '{ ...F }',
      'fragment G on Query { a { ...F } }',
      'Cannot spread fragment "F" within itself via "G".',
    ],
  ])('compares no fields of fragments %s, which the limits do not count', (_, operation, other, problem) => {
    const spread = other.includes('G') ? 'a { ...G }' : ''
    expect(problems(`${operation} fragment F on Query { ${CONFLICT} ${spread} } ${other}`)).toEqual([problem])
  })
})
