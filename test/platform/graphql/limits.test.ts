import { buildSchema, parse, validate } from 'graphql'
import { describe, expect, it } from 'vitest'
import { DEFAULT_LIMITS, limitRule } from '#platform/graphql/limits.ts'

const schema = buildSchema('type Query { a: Query b: Int }')
const limits = { ...DEFAULT_LIMITS, depth: 3, aliases: 2, rootFields: 3 }
const problems = (text: string) =>
  validate(schema, parse(text), [limitRule(limits)]).map(error => error.message)

describe('operation limits', () => {
  it('let through what is within them', () => {
    expect(problems('{ a { a { b } } x: b y: b }')).toEqual([])
  })

  it('name the limit that is passed, and by how much', () => {
    expect(problems('{ a { a { a { b } } } }')).toEqual([
      'The operation is 4 levels deep; at most 3 are allowed.',
    ])
    expect(problems('{ x: b y: b z: b }')).toEqual(['The operation has 3 aliases; at most 2 are allowed.'])
    expect(problems('{ b b b b }')).toEqual(['The operation has 4 root fields; at most 3 are allowed.'])
  })

  it('are not evaded by fragments', () => {
    const named = 'query { a { ...F } } fragment F on Query { a { a { b } } }'
    expect(problems(named)).toEqual(['The operation is 4 levels deep; at most 3 are allowed.'])
    const inline = '{ ... { ... { x: b ...G } } ...G } fragment G on Query { y: b }'
    expect(problems(inline)).toEqual(['The operation has 3 aliases; at most 2 are allowed.'])
  })

  it('hold for what a document stands for, however short it is written', () => {
    const fragments = Array.from(
      { length: 60 },
      (_, n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`,
    )
    const bomb = `{ a { ...F0 } } ${fragments.join(' ')} fragment F60 on Query { b }`
    expect(problems(bomb)).toEqual([
      expect.stringMatching(/has [\d.e+]+ selections; at most 20000 are allowed/),
    ])
  })

  it('do not hang on fragments that contain each other', () => {
    expect(
      problems('{ ...F } fragment F on Query { a { ...G } } fragment G on Query { a { ...F } }'),
    ).toEqual([])
  })

  it('leave introspection to its own limits', () => {
    expect(problems('{ __schema { types { fields { args { name } } } } }')).toEqual([])
  })
})
