import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readSettings } from '#gateway/settings.ts'
import { postJson } from '#test/fixtures/http-server.ts'
import { startLibraryGateway } from '../gateway-fixture.ts'

let library: Awaited<ReturnType<typeof startLibraryGateway>>
beforeAll(async () => {
  library = await startLibraryGateway({ settings: readSettings({ batchesFrom: 'everybody' }) })
})
afterAll(() => library?.[Symbol.asyncDispose]())
beforeEach(() => {
  library.catalogue.seen.length = 0
})

const JSON_TYPE = 'application/json'
const BOOK = 'query($isbn: ID!) { book(isbn: $isbn) { title } }'

const post = (body: string, accept: string) => postJson(`${library.url}/graphql`, body, { accept })

const json = (body: unknown) => JSON.stringify(body)
const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

/** Bodies that are not GraphQL requests, whichever media type the response has. */
const NO_REQUESTS: [string, string][] = [
  ['nothing', ''],
  ['JSON that is cut short', '{"query": "{ boo'],
  ['text', 'query { books { title } }'],
  ['a number', '5'],
  ['null', 'null'],
  ['no query', json({ variables: {} })],
  ['a query that is not a string', json({ query: { books: { title: true } } })],
  ['variables that are a list', json({ query: BOOK, variables: ['0'] })],
  ['variables that are a string', json({ query: BOOK, variables: '{"isbn": "0"}' })],
  ['an operation name that is a number', json({ query: BOOK, operationName: 5 })],
  ['extensions that are a list', json({ query: BOOK, extensions: [] })],
  ['a key that would change prototypes', '{"__proto__": {"query": "{ books { title } }"}}'],
]

/** Valid requests whose operation cannot be run. */
const NOT_RUN: [string, string][] = [
  ['a document that is cut short', json({ query: '{ books { title }' })],
  ['an unknown field', json({ query: '{ books { price } }' })],
  ['an unknown argument', json({ query: '{ book(id: 1) { title } }' })],
  ['a variable that is missing', json({ query: BOOK })],
  ['a variable that is null where it may not be', json({ query: BOOK, variables: { isbn: null } })],
  ['a variable of the wrong type', json({ query: BOOK, variables: { isbn: { number: 5 } } })],
  ['a variable nested without end', `{"query":${json(BOOK)},"variables":{"isbn":${deep(50_000)}}}`],
  ['a literal of the wrong type', json({ query: '{ book(isbn: true) { title } }' })],
  ['several operations and no name', json({ query: 'query A { viewer } query B { viewer }' })],
  ['the name of an operation that does not exist', json({ query: 'query A { viewer }', operationName: 'B' })],
  ['fragments within themselves', json({ query: '{ ...A } fragment A on Query { ...A }' })],
  ['an unknown fragment', json({ query: '{ ...A }' })],
  ['an operation without fields', json({ query: '{ }' })],
  ['a document without operations', json({ query: 'fragment A on Query { viewer }' })],
  ['a schema in place of an operation', json({ query: 'type Query { a: Int }' })],
  ['nesting without end', json({ query: `${'{ books '.repeat(3000)}${'}'.repeat(3000)}` })],
]

async function refusal(response: Response) {
  const answer = (await response.json()) as {
    readonly errors: readonly { readonly message: string; readonly extensions: object }[]
  }
  expect(answer).not.toHaveProperty('data')
  expect(answer.errors[0]).toMatchObject({
    message: expect.any(String),
    extensions: { code: 'BAD_USER_INPUT' },
  })
  expect(library.catalogue.seen).toEqual([])
  return response.status
}

describe('a bad request is refused and reaches no subgraph:', () => {
  test.each(NO_REQUESTS)('%s', async (_what, body) => {
    for (const type of [JSON_TYPE, 'application/graphql-response+json'])
      expect(await refusal(await post(body, type))).toBe(400)
  })

  test.each(NOT_RUN)('%s', async (_what, body) => {
    expect(await refusal(await post(body, 'application/graphql-response+json'))).toBe(400)
    expect(await refusal(await post(body, JSON_TYPE))).toBe(200)
  })
})

test('a body of more than 256 KB is refused before it is read', async () => {
  const response = await post(json({ query: `# ${'x'.repeat(300_000)}\n{ viewer }` }), JSON_TYPE)
  expect(response.status).toBe(413)
})

test('an invalid operation in a batch does not affect the others', async () => {
  const response = await post(json([{ query: '{ viewer }' }, { query: '{ nothing }' }]), JSON_TYPE)
  expect(await response.json()).toMatchObject([
    { data: { viewer: null } },
    { errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] },
  ])
})
