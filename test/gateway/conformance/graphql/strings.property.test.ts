// Strings of a schema and of operations reach clients and subgraphs unchanged, whatever they contain.
import fc from 'fast-check'
import { Kind, parse, print, visit } from 'graphql'
import { describe, expect, test } from 'vitest'
import {
  composed,
  FEDERATION_2,
  federate,
  federateAs,
} from '#test/gateway/conformance/in-process-federation.ts'

const ODD = [
  '\n',
  '\r\n',
  '\t',
  ' ',
  '"',
  '"""',
  '\\',
  '\\n',
  '\\"""',
  '😀',
  '\u0007',
  '\u2028',
  '\ufeff',
  '#',
  '{',
  'é',
  '',
]
/** A lone surrogate is not allowed in a document. */
const text = fc
  .array(fc.oneof(fc.constantFrom(...ODD), fc.string({ unit: 'grapheme' })), { maxLength: 6 })
  .map(parts => parts.join(''))
  .filter(value => value.isWellFormed())

const literal = (value: string) => print({ kind: Kind.STRING, value })
const RUNS = 6

describe('any string', () => {
  test('in a description, a reason or a default value reaches clients and subgraphs unchanged', async () => {
    const property = fc.asyncProperty(text, text, text, async (described, reason, value) => {
      const sources = {
        shop: {
          sdl: `${FEDERATION_2}
            input Split { by: String! = ${literal(value)}, deep: Inner = { list: [${literal(value)}] } }
            input Inner { list: [String] }
            "DESCRIBED" type Query {
              split(o: Split, direct: String = ${literal(value)}): String
              old: Int @deprecated(reason: "REASON")
            }`,
          resolvers: { Query: { split: (_: unknown, given: object) => JSON.stringify(given) } },
        },
      }
      // Composition changes some descriptions, so the test starts from those of the supergraph.
      const supergraph = visit(parse(composed(sources)), {
        StringValue: ({ value: was }) => {
          const told = was === 'DESCRIBED' ? described : was === 'REASON' ? reason : was
          return { kind: Kind.STRING, value: told }
        },
      })
      await using federation = await federateAs(print(supergraph), sources)
      const right = JSON.stringify({ direct: value, o: { by: value, deep: { list: [value] } } })
      const answer = await federation.ask('query ($o: Split, $d: String) { split(o: $o, direct: $d) }', {
        o: {},
        d: value,
      })
      expect(JSON.parse(String(Object(answer.data).split))).toEqual(JSON.parse(right))
      const { data } = await federation.ask(
        '{ q: __type(name: "Query") { description fields(includeDeprecated: true) { deprecationReason } } }',
      )
      expect(data).toEqual({
        q: { description: described, fields: [{ deprecationReason: null }, { deprecationReason: reason }] },
      })
    })
    await fc.assert(property, { numRuns: RUNS })
  }, 120_000)

  test('in an operation reaches subgraphs unchanged', async () => {
    await using federation = await federate({
      shop: {
        sdl: `${FEDERATION_2} scalar Any input By { text: String any: Any }
          type Query { echo(text: String, by: By, any: Any): String item: Item } type Item @key(fields: "id") { id: ID! }`,
        resolvers: {
          Query: { echo: (_: unknown, given: object) => JSON.stringify(given), item: () => ({ id: '1' }) },
        },
      },
      other: {
        sdl: `${FEDERATION_2} type Item @key(fields: "id") { id: ID! echo(text: String): String }`,
        resolvers: { Item: { echo: (_: unknown, { text: given }: { text: string }) => given } },
      },
    })
    const property = fc.asyncProperty(text, async value => {
      const written = literal(value)
      const query = `query ($v: Any) {
        echo(text: ${written}, by: { text: ${written}, any: [${written}] }, any: $v) item { echo(text: ${written}) }
      }`
      const { data, errors } = await federation.ask(query, { v: value })
      expect(errors).toBeUndefined()
      expect(JSON.parse(String(Object(data).echo))).toEqual({
        text: value,
        by: { text: value, any: [value] },
        any: value,
      })
      expect(data).toMatchObject({ item: { echo: value } })
    })
    await fc.assert(property, { numRuns: RUNS * 8 })
  }, 120_000)

  test('with a lone surrogate is passed on as a variable in its JSON escape', async () => {
    await using federation = await federate({
      shop: {
        sdl: `${FEDERATION_2} type Query { echo(text: String): Int }`,
        resolvers: {
          Query: { echo: (_: unknown, { text: given }: { text: string }) => given.charCodeAt(0) },
        },
      },
    })
    const { data } = await federation.ask('query ($t: String) { echo(text: $t) }', { t: '\ud83d' })
    expect(data).toEqual({ echo: 0xd83d })
  })
})
