import { buildSchema, graphql } from 'graphql'
import { expect, test } from 'vitest'
import { selectedBelow } from '#bff/graph/selection.ts'

const schema = buildSchema(`
  directive @defer(if: Boolean = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
  type Query { page: Page }
  type Page { id: ID payments: [Payment] lines: [Line] }
  type Payment { id: ID }
  type Line { sku: ID product: Product }
  type Product { sku: ID }
`)

/** Returns whether `path` is selected below `page`, as its resolver sees it. */
async function selected(source: string, path: string[], variableValues: object = {}): Promise<boolean[]> {
  const answers: boolean[] = []
  const page = (_args: unknown, _context: unknown, info: Parameters<typeof selectedBelow>[0]) => {
    answers.push(selectedBelow(info, ...path.slice(0, -1)).has(path.at(-1) ?? ''))
    return null
  }
  const { errors } = await graphql({
    schema,
    source,
    rootValue: { page },
    variableValues: { ...variableValues },
  })
  expect(errors).toBeUndefined()
  return answers
}

test.each([
  ['by its name', '{ page { payments { id } } }', true],
  ['under an alias', '{ page { paid: payments { id } } }', true],
  [
    'in a fragment',
    '{ page { ...One } } fragment One on Page { id ...Two } fragment Two on Page { payments { id } }',
    true,
  ],
  ['in an inline fragment', '{ page { ... { ... on Page { payments { id } } } } }', true],
  ['in one of several mentions of the page', '{ page { id } page { payments { id } } }', true],
  ['not at all', '{ page { id lines { sku } } }', false],
  ['elsewhere, under that name', '{ page { payments: lines { sku } } }', false],
])('a section is found %s', async (_how, source, expected) => {
  expect(await selected(source, ['payments'])).toEqual([expected])
})

test.each([
  ['@include(if: $yes)', true],
  ['@include(if: $no)', false],
  ['@skip(if: $no)', true],
  ['@skip(if: $yes)', false],
  ['@include(if: $yes) @skip(if: $yes)', false],
])('a section with %s counts as it does in the response', async (directives, expected) => {
  const fragment = 'fragment Payments on Page { payments { id } }'
  const forms = [
    [`payments ${directives} { id }`, ''],
    [`... ${directives} { payments { id } }`, ''],
    [`...Payments ${directives}`, fragment],
  ]
  for (const [form, definitions] of forms) {
    const source = `query ($yes: Boolean!, $no: Boolean!) {
      page { id @include(if: $yes) lines @skip(if: $no) { sku } ${form} } } ${definitions}`
    expect(await selected(source, ['payments'], { yes: true, no: false })).toEqual([expected])
  }
})

test('a field of a section is found through every mention of the section', async () => {
  const source = '{ page { lines { sku } lines { ...Line } } } fragment Line on Line { product { sku } }'
  expect(await selected(source, ['lines', 'product'])).toEqual([true])
  expect(await selected('{ page { lines { sku } } }', ['lines', 'product'])).toEqual([false])
})

test('fragments that spread one another many times are searched once', async () => {
  const depth = 40
  const fragments = Array.from(
    { length: depth },
    (_, level) => `fragment F${level} on Page { id ...F${level + 1} ...F${level + 1} }`,
  )
  const source = `{ page { ...F0 } } ${fragments.join('\n')} fragment F${depth} on Page { payments { id } }`
  expect(await selected(source, ['payments'])).toEqual([true])
})

test.each([
  ['@defer', false],
  ['@defer(if: true)', false],
  ['@defer(if: $yes)', false],
  ['@defer(label: "later")', false],
  ['@defer(if: false)', true],
  ['@defer(if: $no)', true],
])('a section in a fragment with %s is left for its turn', async (directive, expected) => {
  const fragment = 'fragment Payments on Page { payments { id } }'
  const forms = [
    [`... ${directive} { payments { id } }`, ''],
    [`...Payments ${directive}`, fragment],
  ]
  for (const [form, definitions] of forms) {
    const source = `query ($yes: Boolean = true, $no: Boolean = false) {
      page { id @include(if: $yes) lines @skip(if: $no) { sku } ${form} } } ${definitions}`
    expect(await selected(source, ['payments'])).toEqual([expected])
  }
})
