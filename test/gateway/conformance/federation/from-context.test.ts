// Tests that operations with arguments from the context of a field (@fromContext) are refused.
import { afterAll, expect, test } from 'vitest'
import { federate } from '#test/gateway/conformance/in-process-federation.ts'

const books = await federate({
  books: {
    sdl: `extend schema @link(url: "https://specs.apollo.dev/federation/v2.8", import: ["@key", "@context", "@fromContext"])
      type Query { account: Account }
      type Account @key(fields: "id") @context(name: "acct") { id: ID! currency: String lines: [Line] }
      type Line @key(fields: "id") { id: ID! amount(currency: String @fromContext(field: "$acct { currency }")): String }`,
    resolvers: { Query: { account: () => ({ id: '1', currency: 'EUR', lines: [{ id: 'l1' }] }) } },
  },
})
afterAll(() => books[Symbol.asyncDispose]())

test.each([
  '{ account { lines { amount } } }',
  'query ($b: Boolean = true) { account { lines { x: amount @include(if: $b) } } }',
])('an operation that needs an argument from its context is refused with the reason: %s', async query => {
  const { data, errors, received } = await books.ask(query)
  expect([data, received]).toEqual([query.includes('$b') ? { account: null } : undefined, []])
  expect(errors?.map(({ message }) => message)).toEqual([
    'The operation cannot be planned: Line.amount takes an argument from its context (@fromContext), which this gateway does not set.',
  ])
})

test('other operations over the same supergraph are answered', async () => {
  const { data, errors } = await books.ask('{ account { id currency lines { id } } }')
  expect(errors).toBeUndefined()
  expect(data).toEqual({ account: { id: '1', currency: 'EUR', lines: [{ id: 'l1' }] } })
})
