import { describe, expect, test } from 'vitest'
import { readSettings } from '#gateway/settings.ts'
import { INTERNAL_MESSAGE } from '#platform/domain/errors.ts'
import { respondJson, respondText } from '../faulty-subgraph.ts'
import { type LibraryOptions, startLibraryGateway } from '../gateway-fixture.ts'
import { sharedFaultySubgraph } from './subgraph-fixture.ts'

const faulty = await sharedFaultySubgraph()

const INTERNAL = 'db-7.internal:5432 refused'
const PATH = ['newestQuote']

/** Returns the only error of `{ newestQuote }` when the subgraph reports `error`. */
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
  test('an error with a known code is forwarded without its stack', async () => {
    expect(await told(KNOWN, {})).toEqual({
      message: 'no quotes today',
      path: PATH,
      extensions: { code: 'NOT_FOUND', day: 'Monday' },
    })
  })

  test.each([
    ['an unknown code', UNKNOWN],
    ['no code', { message: INTERNAL }],
    [
      'the code of an invalid document',
      { message: INTERNAL, extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } },
    ],
    [
      'a code of the federation protocol',
      { message: INTERNAL, extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } },
    ],
  ])('an error with %s becomes a fixed sentence and the request id', async (_what, error) => {
    expect(await told(error, {})).toEqual(MASKED)
  })

  test("the request id is the subgraph's own where the subgraph masked its error", async () => {
    const error = {
      message: INTERNAL_MESSAGE,
      extensions: { code: 'INTERNAL', requestId: 'req-7', host: INTERNAL },
    }
    expect(await told(error, {})).toEqual({ ...MASKED, extensions: { code: 'INTERNAL', requestId: 'req-7' } })
  })

  test('an unavailable subgraph is not named', async () => {
    faulty.setBehavior(respondText(INTERNAL, { status: 500 }))
    const error = await firstError({})
    expect(error).toMatchObject({ path: PATH, extensions: { code: 'UNAVAILABLE' } })
    expect(JSON.stringify(error)).not.toMatch(/reviews|internal:/)
  })
})

describe('in development, unless the settings say otherwise', () => {
  test('errors are forwarded in full except stacks, with the name of the subgraph', async () => {
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

  test('an unavailable subgraph is named', async () => {
    faulty.setBehavior(respondText(INTERNAL, { status: 500 }))
    expect(await firstError({}, { development: true })).toMatchObject({
      message: expect.stringContaining('reviews'),
      extensions: { code: 'UNAVAILABLE', serviceName: 'reviews' },
    })
  })
})

describe('the settings', () => {
  test('can name the subgraph of an error that is masked', async () => {
    expect(await told(UNKNOWN, { subgraphs: true })).toEqual({
      ...MASKED,
      extensions: { ...MASKED.extensions, serviceName: 'reviews' },
    })
  })

  test('can mask all messages and keep the code', async () => {
    expect(await told(KNOWN, { messages: 'none' })).toEqual({
      message: 'A service behind this graph refused this.',
      path: PATH,
      extensions: { code: 'NOT_FOUND' },
    })
    expect(await told(UNKNOWN, { messages: 'none' })).toEqual(MASKED)
  })

  test('can forward errors in full in production', async () => {
    expect(await told(UNKNOWN, { messages: 'all' })).toEqual({
      message: INTERNAL,
      path: PATH,
      extensions: { code: 'ECONNREFUSED' },
    })
  })
})
