import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { postJson } from '#test/fixtures/http-server.ts'
import { composeSupergraph } from '../composed-gateway.ts'
import { type FaultySubgraph, respondText, startFaultySubgraph } from '../faulty-subgraph.ts'
import { startLibraryGateway } from '../gateway-fixture.ts'

const SDL = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  scalar Anything
  type Query { anything: Anything echo(it: Anything): Anything rest: String share: Float }`

let faulty: FaultySubgraph
let library: Awaited<ReturnType<typeof startLibraryGateway>>
beforeAll(async () => {
  faulty = await startFaultySubgraph()
  const supergraph = composeSupergraph({ reviews: SDL })
  library = await startLibraryGateway({ supergraph, subgraphUrls: { reviews: faulty.url } })
})
afterAll(async () => {
  await library?.[Symbol.asyncDispose]()
  await faulty?.[Symbol.asyncDispose]()
})

const lists = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
const objects = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

describe.each([
  ['lists', lists],
  ['objects', objects],
])('a value of deeply nested %s', (_what, nested) => {
  test('is returned unchanged up to the depth that can be serialized', async () => {
    faulty.setBehavior(respondText(`{"data":{"anything":${nested(500)},"rest":"A"}}`))
    const { data, errors } = await library.send<{ anything: unknown }>('{ anything rest }')
    expect(errors).toBeUndefined()
    expect(JSON.stringify(data.anything)).toBe(nested(500))
  })

  test('is null with an error at its path beyond that depth, and the rest is returned', async () => {
    faulty.setBehavior(respondText(`{"data":{"anything":${nested(100_000)},"rest":"A"}}`))
    const { data, errors } = await library.send<object>('{ anything rest }')
    expect(data).toEqual({ anything: null, rest: 'A' })
    expect(errors).toMatchObject([{ path: ['anything'] }])
  })

  test('is refused as a variable', async () => {
    faulty.requests.length = 0
    const body = `{"query":"query($it: Anything) { echo(it: $it) }","variables":{"it":${nested(20_000)}}}`
    const response = await postJson(`${library.url}/graphql`, body)
    expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
    expect(faulty.requests).toEqual([])
  })
})

test('a number that is too large for JavaScript is null with an error', async () => {
  faulty.setBehavior(respondText('{"data":{"share":1e999,"rest":"A"}}'))
  const { data, errors } = await library.send<object>('{ share rest }')
  expect(data).toEqual({ share: null, rest: 'A' })
  expect(errors).toMatchObject([{ path: ['share'] }])
})

test('endlessly nested values of two subgraphs at the same path do not affect the requested fields', async () => {
  await using catalogue = await startFaultySubgraph()
  await using reviews = await startFaultySubgraph()
  const subgraphUrls = { catalogue: catalogue.url, reviews: reviews.url }
  await using books = await startLibraryGateway({ subgraphUrls })
  const more = `"more":${objects(50_000)}`
  const book = `{"__typename":"Book","isbn":"0","title":"Emma",${more}}`
  catalogue.setBehavior(respondText(`{"data":{"books":[${book},${book}]}}`))
  reviews.setBehavior(respondText(`{"data":{"_entities":[{"stars":4,${more}}]}}`))
  const ask = () => books.send<object>('{ books { title stars } }')
  for (const { data, errors } of await Promise.all([ask(), ask()])) {
    expect(errors).toBeUndefined()
    expect(data).toEqual({
      books: [
        { title: 'Emma', stars: 4 },
        { title: 'Emma', stars: 4 },
      ],
    })
  }
})
