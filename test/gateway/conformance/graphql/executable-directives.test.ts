// Tests executable directives that all subgraphs define, which are sent with the fields that they apply to.
import { type GraphQLResolveInfo, print } from 'graphql'
import { afterAll, describe, expect, test } from 'vitest'
import { FEDERATION_2, federate } from '#test/gateway/conformance/in-process-federation.ts'

const OWN = `${FEDERATION_2}
  directive @loud(times: Int! = 1) repeatable on FIELD | QUERY | FRAGMENT_SPREAD | INLINE_FRAGMENT\n`
const seen = (_: unknown, __: unknown, ___: unknown, { fieldNodes, variableValues }: GraphQLResolveInfo) => {
  const texts = fieldNodes.flatMap(({ directives = [] }) => directives.map(print))
  return `${texts.join()} ${JSON.stringify(variableValues.n ?? variableValues.asked_representations ?? 0)}`
}

const graph = await federate({
  s: {
    sdl: `${OWN} type Query { word: String item: Item } type Item @key(fields: "id") { id: ID! }`,
    resolvers: { Query: { word: seen, item: () => ({ id: '1' }) } },
  },
  t: {
    sdl: `${OWN} type Item @key(fields: "id") { id: ID! note: String other: Item }`,
    resolvers: { Item: { note: seen, other: () => ({ id: '2' }) } },
  },
})
afterAll(() => graph[Symbol.asyncDispose]())

describe('a directive on a field', () => {
  test.each([
    ['{ word @loud item { note @loud } }', '@loud 0', '@loud 0'],
    ['{ word @loud(times: 2) @loud item { note } }', '@loud(times: 2),@loud 0', ' 0'],
    [
      'query ($n: Int!) { word @loud(times: $n) item { note @loud(times: $n) } }',
      '@loud(times: $n) 3',
      '@loud(times: $n) 3',
    ],
    [
      'query ($n: Int!) { word item { note @loud(times: $n) @include(if: true) } }',
      ' 0',
      '@loud(times: $n) 3',
    ],
    ['{ word ...F } fragment F on Query { item { note @loud } word }', ' 0', '@loud 0'],
  ])('reaches its subgraph: %s', async (query, word, note) => {
    const { data, errors } = await graph.ask(query, query.includes('$n') ? { n: 3 } : {})
    expect(errors).toBeUndefined()
    expect(data).toEqual({ word, item: { note } })
  })

  test('applies only to the field that it is on', async () => {
    const { data } = await graph.ask('{ item { note @loud other { note id @loud } } }')
    expect(data).toEqual({ item: { note: '@loud 0', other: { note: ' 0', id: '2' } } })
  })

  test('keeps its variable when the gateway has to rename it', async () => {
    const query = 'query ($representations: Int!) { item { note @loud(times: $representations) } }'
    const { data, errors } = await graph.ask(query, { representations: 7 })
    expect(errors).toBeUndefined()
    expect(data).toEqual({ item: { note: '@loud(times: $asked_representations) 7' } })
  })

  test('needs an alias next to the same field without it', async () => {
    const { data, errors, received } = await graph.ask('{ word @loud word }')
    expect([data, received]).toEqual([undefined, []])
    expect(errors?.[0]?.message).toBe(
      'word is selected with different directives: give each an alias of its own.',
    )
    expect((await graph.ask('{ word @loud other: word }')).data).toEqual({ word: '@loud 0', other: ' 0' })
  })
})

test('a directive on an operation or a fragment is accepted and not forwarded', async () => {
  const { data } = await graph.ask(
    'query @loud { ... @loud { word } ...F @loud } fragment F on Query { item { id } }',
  )
  expect(data).toEqual({ word: ' 0', item: { id: '1' } })
})
