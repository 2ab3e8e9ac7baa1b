import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSettings } from '#gateway/settings.ts'
import { postJson } from '#test/fixtures/http-server.ts'
import { type FaultySubgraph, respondEntities, respondJson, startFaultySubgraph } from '../faulty-subgraph.ts'
import { startLibraryGateway } from '../gateway-fixture.ts'

const MAX_BYTES = 100_000

let catalogue: FaultySubgraph
let reviews: FaultySubgraph
let library: Awaited<ReturnType<typeof startLibraryGateway>>
beforeAll(async () => {
  catalogue = await startFaultySubgraph()
  reviews = await startFaultySubgraph()
  library = await startLibraryGateway({
    settings: readSettings({ limits: { answerBytes: MAX_BYTES }, batchesFrom: 'everybody' }),
    subgraphUrls: { catalogue: catalogue.url, reviews: reviews.url },
  })
})
afterAll(async () => {
  await library?.[Symbol.asyncDispose]()
  await catalogue?.[Symbol.asyncDispose]()
  await reviews?.[Symbol.asyncDispose]()
})

const TOO_LARGE = {
  data: null,
  errors: [
    {
      message: `the response has more than ${MAX_BYTES} bytes: select less at once`,
      extensions: { code: 'BAD_USER_INPUT', maxBytes: MAX_BYTES },
    },
  ],
}

const quote = (text: string) => respondJson({ data: { newestQuote: text } })
const books = (isbns: readonly string[]) =>
  respondJson({ data: { books: isbns.map(isbn => ({ __typename: 'Book', isbn, title: isbn })) } })

async function post(body: object): Promise<{ status: number; text: string }> {
  const response = await postJson(`${library.url}/graphql`, body)
  return { status: response.status, text: await response.text() }
}

describe('a response', () => {
  const QUERY = { query: '{ newestQuote }' }
  const FRAME = '{"data":{"newestQuote":""}}'.length

  test('is sent when it has exactly as many bytes as are allowed', async () => {
    reviews.setBehavior(quote('x'.repeat(MAX_BYTES - FRAME)))
    const { text } = await post(QUERY)
    expect(text).toHaveLength(MAX_BYTES)
  })

  test.each([
    ['of one byte too many', 'x'.repeat(MAX_BYTES - FRAME + 1)],
    ['of fewer characters but too many bytes', 'é'.repeat(MAX_BYTES / 2)],
  ])('%s is replaced by an error', async (_what, text) => {
    reviews.setBehavior(quote(text))
    const answer = await post(QUERY)
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toEqual(TOO_LARGE)
  })

  test('is replaced by an error when its errors make it too large', async () => {
    const errors = [
      { message: 'x'.repeat(MAX_BYTES), path: ['newestQuote'], extensions: { code: 'NOT_FOUND' } },
    ]
    reviews.setBehavior(respondJson({ data: null, errors }))
    expect(JSON.parse((await post(QUERY)).text)).toEqual(TOO_LARGE)
  })
})

test.each(['x', 'é'])(
  'a batch has one limit of bytes, and the responses that fit are sent: %s',
  async character => {
    reviews.setBehavior(quote(character.repeat(MAX_BYTES / 3 / Buffer.byteLength(character))))
    const { text } = await post(Array.from({ length: 5 }, () => ({ query: '{ newestQuote }' })))
    expect(Buffer.byteLength(text)).toBeLessThan(MAX_BYTES + 2000)
    const answers: unknown[] = JSON.parse(text)
    expect(answers).toHaveLength(5)
    expect(answers.slice(0, 2)).toEqual(
      answers.slice(0, 2).map(() => ({ data: { newestQuote: expect.any(String) } })),
    )
    expect(answers.slice(2)).toEqual([TOO_LARGE, TOO_LARGE, TOO_LARGE])
  },
)

test('one large entity in many places does not grow into gigabytes before the limit applies', async () => {
  catalogue.setBehavior(books(Array<string>(20_000).fill('same')))
  reviews.setBehavior(respondEntities(() => ({ longRead: 'x'.repeat(90_000) })))
  const before = process.memoryUsage().rss
  const { text } = await post({ query: '{ books { title longRead } }' })
  expect(JSON.parse(text)).toEqual(TOO_LARGE)
  expect(process.memoryUsage().rss - before).toBeLessThan(300_000_000)
})

test('a list with an invalid value at every item has a thousand errors at most', async () => {
  catalogue.setBehavior(books(Array.from({ length: 3000 }, (_, index) => String(index))))
  reviews.setBehavior(respondEntities(() => ({ stars: 'five' })))
  await using roomy = await startLibraryGateway({
    subgraphUrls: { catalogue: catalogue.url, reviews: reviews.url },
  })
  const { data, errors } = await roomy.send<{ books: { stars: null }[] }>('{ books { stars } }')
  expect(data.books).toHaveLength(3000)
  expect(errors).toHaveLength(1000)
})
