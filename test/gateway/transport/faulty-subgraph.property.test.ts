import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { readSettings } from '#gateway/settings.ts'
import { type FaultySubgraph, respondText, startFaultySubgraph } from '../faulty-subgraph.ts'
import { startLibraryGateway } from '../gateway-fixture.ts'

let catalogue: FaultySubgraph
let reviews: FaultySubgraph
let library: Awaited<ReturnType<typeof startLibraryGateway>>
beforeAll(async () => {
  catalogue = await startFaultySubgraph()
  reviews = await startFaultySubgraph()
  library = await startLibraryGateway({
    settings: readSettings({
      everySubgraph: { timeoutMs: 5000, retries: 0, breaker: { minimumPerSecond: 1_000_000 } },
    }),
    subgraphUrls: { catalogue: catalogue.url, reviews: reviews.url },
  })
})
afterAll(async () => {
  await library?.[Symbol.asyncDispose]()
  await catalogue?.[Symbol.asyncDispose]()
  await reviews?.[Symbol.asyncDispose]()
})

const QUERY = '{ viewer books { title stars quotes } }'
const entity = { __typename: 'Book', stars: 4, quotes: ['Fine.'] }
const book = (isbn: string) => ({ __typename: 'Book', isbn, title: 'Emma' })
const HONEST = {
  catalogue: { data: { viewer: 'cus_1', books: [book('0'), book('1')] } },
  reviews: { data: { _entities: [entity, entity] } },
}

/** Describes every response that the schema allows. */
const Answer = z.strictObject({
  data: z
    .strictObject({
      viewer: z.string().nullable(),
      books: z.array(
        z.strictObject({
          title: z.string(),
          stars: z.number().int().nullable(),
          quotes: z.array(z.string()),
        }),
      ),
    })
    .nullable(),
  errors: z
    .array(
      z.strictObject({
        message: z.string(),
        path: z.array(z.union([z.string(), z.number()])).optional(),
        extensions: z.looseObject({ code: z.string() }),
      }),
    )
    .min(1)
    .optional(),
})

/** Returns `value` with one of its parts replaced or removed. */
function spoil(value: unknown, { at, by }: { readonly at: number; readonly by: unknown }): unknown {
  let left = at
  const visit = (current: unknown): unknown => {
    if (left-- === 0) return by
    if (Array.isArray(current)) return current.map(visit)
    if (typeof current !== 'object' || current === null) return current
    return Object.fromEntries(Object.entries(current).map(([key, inner]) => [key, visit(inner)]))
  }
  return visit(value)
}

const spoiled = (honest: object) =>
  fc
    .array(fc.record({ at: fc.nat(20), by: fc.oneof(fc.constant(undefined), fc.jsonValue()) }), {
      maxLength: 3,
    })
    .map(changes => JSON.stringify(changes.reduce(spoil, honest)) ?? '')

const errorsOf = fc.array(
  fc.oneof(
    fc.jsonValue(),
    fc.record({
      message: fc.oneof(fc.string(), fc.jsonValue()),
      path: fc.array(fc.oneof(fc.constantFrom('_entities', 'books', 'viewer', 'title', 'stars'), fc.nat(3))),
      extensions: fc.oneof(
        fc.jsonValue(),
        fc.record({ code: fc.constantFrom('NOT_FOUND', 'INTERNAL', 'X', '') }),
      ),
    }),
  ),
  { maxLength: 3 },
)

const lieOf = (honest: object) =>
  fc.oneof(
    { weight: 6, arbitrary: spoiled(honest) },
    { weight: 2, arbitrary: errorsOf.map(errors => JSON.stringify({ ...honest, errors })) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string() },
    { weight: 1, arbitrary: fc.constant(JSON.stringify(honest)) },
  )

test('whatever two subgraphs respond, the client gets valid data and an error for each missing part', async () => {
  await fc.assert(
    fc.asyncProperty(
      lieOf(HONEST.catalogue),
      lieOf(HONEST.reviews),
      fc.constantFrom(200, 200, 200, 404, 500),
      async (first, second, status) => {
        catalogue.setBehavior(respondText(first))
        reviews.setBehavior(respondText(second, { status }))
        const { status: told, headers: _headers, ...body } = await library.send<unknown>(QUERY)
        expect(told).toBe(200)
        const { data, errors } = Answer.parse(body)
        if (data === null) expect(errors).toBeDefined()
      },
    ),
    { numRuns: 150, seed: 20_26 },
  )
})
