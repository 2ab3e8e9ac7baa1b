// GraphQL over HTTP as every endpoint has it: methods, media types, bodies, and operations that the schema has no root for.
import { request } from 'node:http'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { makeExecutableSchema } from '@graphql-tools/schema'
import fc from 'fast-check'
import { type GraphQLSchema, parse } from 'graphql'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import type { Recording } from '../../telemetry/recording-logger.ts'
import { serveSchema } from '../served-schema.ts'

/** Neither mutations nor subscriptions. */
export const NUMBERS_SDL = 'type Query { n: Int, twice(x: Int!): Int }'
const resolvers = { Query: { n: () => 1, twice: (_: unknown, { x }: { x: number }) => x * 2 } }

export type Served = AsyncDisposable & Pick<Recording, 'entries'> & { readonly url: string }

export const numbersSchema = () => makeExecutableSchema({ typeDefs: NUMBERS_SDL, resolvers })
export const numbersSubgraph = () => buildSubgraphSchema({ typeDefs: parse(NUMBERS_SDL), resolvers })

/** Serves `schema` as a BFF or a subgraph does. */
export async function serveNumbers(schema: GraphQLSchema): Promise<Served> {
  const served = await serveSchema('numbers', schema, { batchesFrom: 'services' })
  return { ...served, url: served.root }
}

const JSON_TYPE = 'application/json'
const RESPONSE_TYPE = 'application/graphql-response+json'
const CHARSET = '; charset=utf-8'
const EVENTS = 'text/event-stream'
/** Leave to send a GET, as an endpoint may ask for. */
const GET = { headers: { 'apollo-require-preflight': '1' } }

/** Accept of a request, and the type that it is answered with. */
const ACCEPTED: [string | undefined, string][] = [
  [undefined, JSON_TYPE],
  ['*/*', JSON_TYPE],
  ['application/*', JSON_TYPE],
  [JSON_TYPE, JSON_TYPE],
  [`${JSON_TYPE}; charset=utf-8`, JSON_TYPE],
  [RESPONSE_TYPE, RESPONSE_TYPE],
  [`${RESPONSE_TYPE}, ${JSON_TYPE}`, RESPONSE_TYPE],
  [`${JSON_TYPE}, ${RESPONSE_TYPE}`, JSON_TYPE],
  [`${RESPONSE_TYPE};q=0, ${JSON_TYPE}`, JSON_TYPE],
  [`${JSON_TYPE};q=0.5, ${RESPONSE_TYPE}`, RESPONSE_TYPE],
  [`${JSON_TYPE};q=0.2, ${RESPONSE_TYPE};q=0.1`, JSON_TYPE],
  [`*/*, ${JSON_TYPE};q=0`, RESPONSE_TYPE],
  [`text/html;q=0.9, ${RESPONSE_TYPE};q=0.8, */*;q=0.1`, RESPONSE_TYPE],
]

const REFUSED = [
  'text/html',
  'text/html, */*;q=0',
  `${JSON_TYPE};q=0, ${RESPONSE_TYPE};q=0.000`,
  'application/json; charset=utf-16',
  'nonsense',
]

type Body = { readonly type?: string; readonly body?: string; readonly coding?: string }
const NUMBER = '{"query":"{ n }"}'

const BAD_BODIES: [string, number, Body][] = [
  ['an empty body', 400, { type: JSON_TYPE, body: '' }],
  ['no body', 400, { type: JSON_TYPE }],
  ['JSON that is cut short', 400, { type: JSON_TYPE, body: '{"query":' }],
  ['JSON that would change prototypes', 400, { type: JSON_TYPE, body: '{"__proto__":{"query":"{ n }"}}' }],
  ['no object', 400, { type: JSON_TYPE, body: '1' }],
  ['null', 400, { type: JSON_TYPE, body: 'null' }],
  ['an object without anything', 400, { type: JSON_TYPE, body: '{}' }],
  ['a query that is no text', 400, { type: JSON_TYPE, body: '{"query":{}}' }],
  ['variables that are a list', 400, { type: JSON_TYPE, body: '{"query":"{ n }","variables":[]}' }],
  [
    'an operation name that is not a string',
    400,
    { type: JSON_TYPE, body: '{"query":"{ n }","operationName":1}' },
  ],
  ['extensions that are a text', 400, { type: JSON_TYPE, body: '{"query":"{ n }","extensions":"x"}' }],
  ['more than 256 KB', 413, { type: JSON_TYPE, body: `{"query":"${'#'.repeat(300_000)}"}` }],
  ['a compressed body', 415, { type: JSON_TYPE, body: NUMBER, coding: 'gzip' }],
  ['no content type', 415, {}],
  ['plain text', 415, { type: 'text/plain', body: NUMBER }],
  ['a form', 415, { type: 'application/x-www-form-urlencoded', body: 'query={n}' }],
  ['a form with files', 415, { type: 'multipart/form-data; boundary=x', body: '--x--' }],
  ['a type that only looks like JSON', 415, { type: 'application/jsonp', body: NUMBER }],
  ['a type that is none', 415, { type: 'nonsense', body: NUMBER }],
  ['JSON in another charset', 415, { type: `${JSON_TYPE}; charset=utf-16`, body: NUMBER }],
]

const WITHOUT_ROOT: [string, RegExp][] = [
  ['mutation { x }', /no mutations/],
  ['mutation { __typename }', /no mutations/],
  ['subscription { x { y } }', /no subscriptions/],
  ['subscription { __typename }', /no subscriptions/],
  ['query A { n } mutation B { x }', /no mutations/],
]

const FAULT = { message: expect.any(String), extensions: { code: 'BAD_USER_INPUT' } }

const text = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: 'binary', maxLength: 40 }))
/** A document that is nearly right: pieces of the language in any order. */
const document = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '{',
        '}',
        '(',
        ')',
        'n',
        'twice',
        'x:',
        '$x',
        ': Int!',
        '1',
        '"',
        '"""',
        '@skip(if: true)',
      ),
      fc.constantFrom(
        'query',
        'mutation',
        'subscription',
        'fragment F on Query',
        '...F',
        '... on Query',
        '__typename',
      ),
      fc.constantFrom(
        '@include',
        '[',
        ']',
        '1e999',
        '-',
        '"\\u{110000}"',
        '"\\uD800"',
        '#',
        '__schema',
        'extend',
        'null',
      ),
      text,
    ),
    { maxLength: 14 },
  )
  .map(pieces => pieces.join(' '))
const operation = fc.record(
  {
    query: fc.oneof(document, fc.constant('query($x: Int!) { twice(x: $x) }'), fc.jsonValue()),
    variables: fc.oneof(
      fc.dictionary(text, fc.jsonValue()),
      fc.record({ x: fc.jsonValue() }),
      fc.jsonValue(),
    ),
    operationName: fc.oneof(text, fc.jsonValue()),
    extensions: fc.oneof(
      fc.jsonValue(),
      fc.record({
        persistedQuery: fc.oneof(fc.jsonValue(), fc.record({ version: fc.jsonValue(), sha256Hash: text })),
      }),
    ),
  },
  { requiredKeys: [] },
)
const body = fc.oneof(
  operation.map(one => JSON.stringify(one)),
  fc.array(operation, { maxLength: 3 }).map(batch => JSON.stringify(batch)),
  fc.json(),
  text,
)
/** The characters that Node's client sends in a header. */
const headerValue = fc.string({
  unit: fc.constantFrom(...' !"#$%&()*+,-./:;<=>?@[]^_{|}~abcq019'),
  maxLength: 30,
})
const headers = fc.dictionary(
  fc.constantFrom(
    ...[
      'accept',
      'content-type',
      'authorization',
      'waybill-consistency',
      'traceparent',
      'tracestate',
      'origin',
    ],
    ...[
      'accept-encoding',
      'accept-language',
      'if-none-match',
      'x-request-id',
      'last-event-id',
      'content-encoding',
    ],
  ),
  headerValue,
)
const sent = fc.oneof(
  fc.record({
    method: fc.constant('POST'),
    path: fc.constantFrom('/graphql', '/graphql/stream'),
    headers: headers.map(all => ({ 'content-type': JSON_TYPE, ...all })),
    body,
  }),
  fc.record({
    method: fc.constantFrom('GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'QUERY'),
    path: fc.oneof(
      document.map(query => `/graphql?query=${encodeURIComponent(query.toWellFormed())}`),
      fc.webQueryParameters().map(query => `/graphql?${query}`),
      fc.constantFrom(
        '/graphql?query=%ff',
        '/graphql?variables=%7B',
        '/%',
        '/graphql/%00',
        '//graphql',
        '/graphql/',
      ),
      fc.webPath().map(path => path || '/'),
    ),
    headers: headers.map(all => ({ accept: EVENTS, 'apollo-require-preflight': '1', ...all })),
    body: fc.constant(undefined),
  }),
)
type Sent = {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** The status of what no tidy client would send. */
function statusOf(url: string, { method, path, headers: given, body: text }: Sent): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const httpRequest = request({ hostname, port, method, path, headers: given }, response => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    httpRequest.on('error', reject)
    httpRequest.end(text)
  })
}

/** `start` serves `NUMBERS_SDL` at `/graphql`, over HTTP, WebSocket and as event streams. */
export function speaksGraphqlOverHttp(name: string, start: () => Promise<Served>): void {
  describe(`${name}, over HTTP,`, () => {
    let served: Served
    beforeAll(async () => {
      served = await start()
    })
    afterAll(() => served?.[Symbol.asyncDispose]())

    const endpoint = () => `${served.url}/graphql`
    const stream = () => `${served.url}/graphql/stream`
    const post = (url: string, { type, body, coding }: Body, accept = JSON_TYPE) =>
      fetch(url, {
        method: 'POST',
        headers: {
          accept,
          ...(type && { 'content-type': type }),
          ...(coding && { 'content-encoding': coding }),
        },
        ...(body !== undefined && { body: Buffer.from(body) }),
      })
    const ask = (query: string, accept?: string) =>
      post(endpoint(), { type: JSON_TYPE, body: JSON.stringify({ query }) }, accept)
    const faults = () => served.entries().filter(({ level }) => level !== 'info' && level !== 'debug')

    test.each(ACCEPTED)('answers Accept: %s with %s', async (accept, type) => {
      const headers = { 'content-type': JSON_TYPE, ...(accept !== undefined && { accept }) }
      for (const query of ['{ n }', '{ nope }']) {
        const answer = await fetch(endpoint(), { method: 'POST', headers, body: JSON.stringify({ query }) })
        expect(answer.headers.get('content-type')).toBe(type + CHARSET)
      }
    })

    test.each(REFUSED)('answers Accept: %s with 406', async accept => {
      expect((await ask('{ n }', accept)).status).toBe(406)
      expect(faults()).toEqual([])
    })

    test.each(['PUT', 'DELETE', 'PATCH', 'PROPFIND'])(
      'responds to %s with 405 and the allowed methods',
      async method => {
        for (const url of [endpoint(), stream()]) {
          const refused = await fetch(url, { method, body: 'x', headers: { 'content-type': 'text/xml' } })
          expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, POST, HEAD'])
          expect(await refused.json()).toEqual({ errors: [FAULT] })
        }
        const live = await fetch(`${served.url}/health/live`, { method })
        expect([live.status, live.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
        expect(faults()).toEqual([])
      },
    )

    test('responds to OPTIONS with the allowed methods, and allows no other origin', async () => {
      for (const url of [endpoint(), stream()]) {
        const headers = { origin: 'https://other.example', 'access-control-request-method': 'POST' }
        const options = await fetch(url, { method: 'OPTIONS', headers })
        expect([options.status, options.headers.get('allow')]).toEqual([204, 'GET, POST, HEAD'])
        expect([...options.headers.keys()].filter(key => key.startsWith('access-control'))).toEqual([])
      }
      expect((await fetch(`${served.url}/nothing`, { method: 'OPTIONS' })).status).toBe(404)
    })

    test('responds to HEAD as to GET, without the body', async () => {
      for (const query of ['{ n }', '{ nope }', 'mutation { x }', '']) {
        const url = `${endpoint()}?query=${encodeURIComponent(query)}`
        const [get, head] = [await fetch(url, GET), await fetch(url, { ...GET, method: 'HEAD' })]
        const summary = ({ status, headers }: Response) =>
          [status, ...['content-type', 'content-length', 'etag'].map(key => headers.get(key))] as const
        expect(summary(head)).toEqual(summary(get))
        expect(await head.text()).toBe('')
      }
    })

    test('responds to HEAD of a stream with its headers only', async () => {
      const ask = (method: string, query: string) =>
        fetch(`${stream()}?query=${encodeURIComponent(query)}`, { method, headers: { accept: EVENTS } })
      const head = await ask('HEAD', '{ n }')
      expect([head.status, head.headers.get('content-type')]).toEqual([200, `${EVENTS}; charset=utf-8`])
      expect(await head.text()).toBe('')
    })

    test('chooses a stream by the weights of the Accept header', async () => {
      const ask = (accept: string) => fetch(`${stream()}?query={n}`, { headers: { accept } })
      expect((await ask(`text/html, ${EVENTS};q=0`)).status).toBe(406)
      const answer = await ask(`text/html, ${EVENTS};q=0.1`)
      expect(answer.status).toBe(200)
      expect(await answer.text()).toContain('{"data":{"n":1}}')
    })

    test.each(BAD_BODIES)("refuses %s with %i, in GraphQL's form", async (_what, status, body) => {
      const ways: [string, string][] = [
        [endpoint(), JSON_TYPE],
        [endpoint(), RESPONSE_TYPE],
        [stream(), EVENTS],
      ]
      for (const [url, accept] of ways) {
        const refused = await post(url, body, accept)
        expect([refused.status, await refused.json()]).toEqual([status, { errors: [FAULT] }])
      }
      expect(faults()).toEqual([])
    })

    test("reports any malformed request as the caller's fault, and logs none of them as its own", async () => {
      await fc.assert(
        fc.asyncProperty(sent, async one => {
          expect(await statusOf(served.url, one)).toBeLessThan(500)
          expect(faults()).toEqual([])
        }),
        { numRuns: 200 },
      )
    })

    test.each(WITHOUT_ROOT)(
      "reports %s as its caller's mistake, by POST, GET and event stream",
      async (query, said) => {
        const fault = { message: expect.stringMatching(said), extensions: { code: 'BAD_USER_INPUT' } }
        const refused = await ask(query, RESPONSE_TYPE)
        expect([refused.status, await refused.json()]).toMatchObject([400, { errors: [fault] }])
        expect((await ask(query)).status).toBeLessThan(500)
        const got = await fetch(`${endpoint()}?query=${encodeURIComponent(query)}`, GET)
        expect([got.status < 500, await got.json()]).toMatchObject([true, { errors: [fault] }])
        const events = await post(stream(), { type: JSON_TYPE, body: JSON.stringify({ query }) }, EVENTS)
        expect(await events.text()).toMatch(said)
        const client = createClient({ url: endpoint().replace('http', 'ws'), webSocketImpl: WebSocket })
        const failure = new Promise((resolve, reject) => {
          client.subscribe({ query }, { next: reject, error: resolve, complete: () => reject('completed') })
        })
        expect(await failure).toMatchObject([fault])
        await client.dispose()
        expect(faults()).toEqual([])
      },
    )
  })
}
