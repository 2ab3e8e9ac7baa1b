import { parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import {
  createRequestBudget,
  DEFAULT_LIMITS,
  measureDocument,
  spendText,
} from '#platform/graphql/documents/limits.ts'

const limits = { ...DEFAULT_LIMITS, depth: 3, aliases: 2, rootFields: 3 }
const problems = (text: string) => measureDocument(parse(text), limits).errors.map(error => error.message)

describe('operation limits', () => {
  it('allow a document within them', () => {
    expect(problems('{ a { a { b } } x: b y: b }')).toEqual([])
  })

  it('name the limit that is exceeded, and by how much', () => {
    expect(problems('{ a { a { a { b } } } }')).toEqual([
      'The operation is 4 levels deep; at most 3 are allowed.',
    ])
    expect(problems('{ x: b y: b z: b }')).toEqual(['The operation has 3 aliases; at most 2 are allowed.'])
    expect(problems('{ b b b b }')).toEqual(['The operation has 4 root fields; at most 3 are allowed.'])
  })

  it('cannot be evaded by fragments', () => {
    const named = 'query { a { ...F } } fragment F on Query { a { a { b } } }'
    expect(problems(named)).toEqual(['The operation is 4 levels deep; at most 3 are allowed.'])
    const inline = '{ ... { ... { x: b ...G } } ...G } fragment G on Query { y: b }'
    expect(problems(inline)).toEqual(['The operation has 3 aliases; at most 2 are allowed.'])
  })

  it('apply to the expanded document, however short it is written', () => {
    const fragments = Array.from(
      { length: 60 },
      (_, n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`,
    )
    const bomb = `{ a { ...F0 } } ${fragments.join(' ')} fragment F60 on Query { b }`
    expect(problems(bomb)).toEqual([
      expect.stringMatching(/has [\d.e+]+ selections; at most 10000 are allowed/),
    ])
  })

  it('do not loop on fragments that contain each other', () => {
    expect(
      problems('{ ...F } fragment F on Query { a { ...G } } fragment G on Query { a { ...F } }'),
    ).toEqual([])
  })

  it('have separate values for introspection', () => {
    expect(problems('{ __schema { types { fields { args { name } } } } }')).toEqual([])
  })

  it('count directives and variables as they are written, fields of one name in pairs', () => {
    const few = { ...limits, directives: 1, variables: 1, fieldPairs: 3, depth: 5 }
    const problems = (text: string) => measureDocument(parse(text), few).errors.map(error => error.message)
    expect(problems('query ($a: Int, $b: Int) @x { b @y }')).toEqual([
      'The operation has 2 directives; at most 1 are allowed.',
      'The operation has 2 variables; at most 1 are allowed.',
    ])
    expect(problems('{ a { b b b } }')).toEqual([])
    expect(problems('{ a { b b b b } }')).toEqual([
      'The operation repeats fields in 6 pairs or more; at most 3 are allowed.',
    ])
    expect(problems('{ a { b b } ...F ...F } fragment F on Query { a { b } }')).toEqual([
      'The operation repeats fields in 4 pairs or more; at most 3 are allowed.',
    ])
  })

  it('count fragments that no operation uses', () => {
    const few = { ...limits, selections: 5 }
    expect(measureDocument(parse('{ b } fragment F on Query { b b b b b }'), few).errors).toMatchObject([
      { message: 'The operation has 6 selections; at most 5 are allowed.' },
    ])
  })
})

describe('the budget of a request', () => {
  it('is spent by each of its documents, and names the limit that is exceeded', () => {
    const budget = createRequestBudget({ ...DEFAULT_LIMITS, aliases: 3, tokens: 20 })
    expect(spendText(budget, '{ x: b y: b }', DEFAULT_LIMITS)).toBeUndefined()
    expect(budget.tokens).toBe(12)
    expect(spendText(budget, '{ x: b y: b }', DEFAULT_LIMITS)?.message).toBe(
      'The operations of this request come to 4 aliases; at most 3 are allowed.',
    )
    expect(spendText(budget, '{ b b b b b b b b }', DEFAULT_LIMITS)?.message).toContain('4 tokens')
  })
})
