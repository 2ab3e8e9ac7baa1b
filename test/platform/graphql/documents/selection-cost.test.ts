import { buildSchema, getOperationAST, parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { costOf, costProblem } from '#platform/graphql/documents/selection-cost.ts'

const schema = buildSchema(`
  type Query { me: Item items(first: Int = 20): [Item!]! page(first: Int = 20): Page! thing: Thing list(first: Int, last: Int): Page! byIds(ids: [ID!]!): [Item]! }
  type Page { nodes: [Item!]! total: Int }
  interface Thing { id: ID! }
  type Item implements Thing { id: ID! parts: [Item!]! name: String }
`)

function cost(text: string, variables: Record<string, unknown> = {}): number {
  const document = parse(text)
  const operation = getOperationAST(document)
  if (!operation) throw new Error('the document has one operation')
  return costOf({ schema, document, operation, variables })
}

describe('the cost of an operation', () => {
  it('counts each field once for each object that it is selected on', () => {
    expect(cost('{ me { id name } }')).toBe(3)
    expect(cost('{ items(first: 3) { id name } }')).toBe(9)
    expect(cost('{ page(first: 3) { total nodes { id } } }')).toBe(8)
    expect(cost('{ items(first: 2) { parts { id } } }')).toBe(2 * (1 + 10 * 2))
  })

  it('takes list sizes from variables and defaults of the schema, and otherwise assumes ten', () => {
    expect(cost('query ($n: Int) { items(first: $n) { id } }', { n: 5 })).toBe(10)
    expect(cost('query ($n: Int) { items(first: $n) { id } }')).toBe(40)
    expect(cost('{ me { parts { id } } }')).toBe(21)
  })

  it('takes the size of a page from either argument, the larger of both, and twenty when neither has a value', () => {
    expect(cost('{ list(first: 3) { nodes { id } } }')).toBe(1 + 3 * 2)
    expect(cost('query ($n: Int) { list(last: $n) { nodes { id } } }', { n: 7 })).toBe(1 + 7 * 2)
    expect(cost('{ list(first: 3, last: 5) { nodes { id } } }')).toBe(1 + 5 * 2)
    expect(cost('query ($n: Int) { list(first: $n, last: null) { nodes { id } } }')).toBe(1 + 20 * 2)
    expect(cost('{ list { nodes { id } } }')).toBe(1 + 20 * 2)
  })

  it('takes the size of a list from the keys that it is asked for by', () => {
    expect(cost('{ byIds(ids: ["1", "2", "3"]) { id } }')).toBe(3 * 2)
    expect(cost('query ($ids: [ID!]!) { byIds(ids: $ids) { id } }', { ids: Array(100).fill('1') })).toBe(200)
    expect(cost('{ byIds(ids: "1") { parts { id } } }')).toBe(1 + 10 * 2)
  })

  it('is summed over aliases and fragments', () => {
    expect(cost('{ a: items(first: 3) { id } b: items(first: 3) { id } }')).toBe(12)
    expect(cost('{ ...F ...F } fragment F on Query { items(first: 3) { id } }')).toBe(12)
    expect(cost('{ thing { id ... on Item { name } ... { id } } }')).toBe(4)
  })

  it('is refused above the limit, with both numbers', () => {
    expect(costProblem(10, 10)).toBeUndefined()
    expect(costProblem(11, 10)).toMatchObject({
      code: 'COST_ESTIMATED_TOO_EXPENSIVE',
      details: { estimated: 11, maximum: 10 },
    })
  })
})
