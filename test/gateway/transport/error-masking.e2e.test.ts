import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSettings } from '#gateway/settings.ts'
import { INTERNAL_MESSAGE } from '#platform/domain/errors.ts'
import { type FaultySubgraph, respondJson, respondText, startFaultySubgraph } from '../faulty-subgraph.ts'
import { type LibraryOptions, startLibraryGateway } from '../gateway-fixture.ts'

let faulty: FaultySubgraph
beforeAll(async () => {
  faulty = await startFaultySubgraph()
})
afterAll(() => faulty?.[Symbol.asyncDispose]())

const INTERNAL = 'db-7.internal:5432 refused'
const PATH = ['newestQuote']

/** The only error of `{ newestQuote }`, when the subgraph tells `error` about it. */
async function told(error: object, settings: object, options: LibraryOptions = {}) {
  faulty.setBehavior(respondJson({ data: { newestQuote: null }, errors: [{ path: PATH, ...error }] }))
  return firstError(settings, options)
}

async function firstError(errors: object, options: LibraryOptions = {}) {
  const settings = readSettings({ errors, everySubgraph: { retries: 0 } })
  await using library = await startLibraryGateway({
    settings,
    subgraphUrls: { reviews: faulty.url },
    ...options,
  })
  const reply = await library.send('{ newestQuote }')
  expect(reply.errors).toHaveLength(1)
  return reply.errors?.[0]
}

const KNOWN = {
  message: 'no quotes today',
  extensions: { code: 'NOT_FOUND', day: 'Monday', stacktrace: [INTERNAL] },
}
const UNKNOWN = {
  message: INTERNAL,
  extensions: { code: 'ECONNREFUSED', exception: { stacktrace: [INTERNAL] } },
}
const MASKED = {
  message: INTERNAL_MESSAGE,
  path: PATH,
  extensions: { code: 'INTERNAL', requestId: expect.any(String) },
}

describe('in production, unless the settings say otherwise', () => {
  test('an error with a code of the catalogue is told, without its stack', async () => {
    expect(await told(KNOWN, {})).toEqual({
      message: 'no quotes today',
      path: PATH,
      extensions: { code: 'NOT_FOUND', day: 'Monday' },
    })
  })

  test.each([
    ['a code that nobody knows', UNKNOWN],
    ['no code', { message: INTERNAL }],
    [
      'the code of a document that is not valid',
      { message: INTERNAL, extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } },
    ],
    [
      'a code of the protocol between it and the gateway',
      { message: INTERNAL, extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } },
    ],
  ])('an error with %s is a fixed sentence and the request id', async (_what, error) => {
    expect(await told(error, {})).toEqual(MASKED)
  })

  test('the request id is that of the subgraph where the subgraph kept its fault to itself', async () => {
    const error = {
      message: INTERNAL_MESSAGE,
      extensions: { code: 'INTERNAL', requestId: 'req-7', host: INTERNAL },
    }
    expect(await told(error, {})).toEqual({ ...MASKED, extensions: { code: 'INTERNAL', requestId: 'req-7' } })
  })

  test('a subgraph that is away has no name', async () => {
    faulty.setBehavior(respondText(INTERNAL, { status: 500 }))
    const error = await firstError({})
    expect(error).toMatchObject({ path: PATH, extensions: { code: 'UNAVAILABLE' } })
    expect(JSON.stringify(error)).not.toMatch(/reviews|internal:/)
  })
})

describe('in development, unless the settings say otherwise', () => {
  test('everything is told but stacks, with the name of the subgraph', async () => {
    expect(await told(UNKNOWN, {}, { development: true })).toEqual({
      message: INTERNAL,
      path: PATH,
      extensions: { code: 'ECONNREFUSED', serviceName: 'reviews' },
    })
    expect(await told({ message: 'x' }, {}, { development: true })).toEqual({
      message: 'x',
      path: PATH,
      extensions: { code: 'INTERNAL', serviceName: 'reviews' },
    })
  })

  test('a subgraph that is away is named', async () => {
    faulty.setBehavior(respondText(INTERNAL, { status: 500 }))
    expect(await firstError({}, { development: true })).toMatchObject({
      message: expect.stringContaining('reviews'),
      extensions: { code: 'UNAVAILABLE', serviceName: 'reviews' },
    })
  })
})

describe('the settings', () => {
  test('name the subgraph of a fault that they do not tell', async () => {
    expect(await told(UNKNOWN, { subgraphs: true })).toEqual({
      ...MASKED,
      extensions: { ...MASKED.extensions, serviceName: 'reviews' },
    })
  })

  test('keep all messages back, and leave the code', async () => {
    expect(await told(KNOWN, { messages: 'none' })).toEqual({
      message: 'A service behind this graph refused this.',
      path: PATH,
      extensions: { code: 'NOT_FOUND' },
    })
    expect(await told(UNKNOWN, { messages: 'none' })).toEqual(MASKED)
  })

  test('tell everything in production', async () => {
    expect(await told(UNKNOWN, { messages: 'all' })).toEqual({
      message: INTERNAL,
      path: PATH,
      extensions: { code: 'ECONNREFUSED' },
    })
  })
})
