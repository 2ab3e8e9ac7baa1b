import { buildSchema, executeSync, GraphQLError, locatedError, parse, validate } from 'graphql'
import { describe, expect, it } from 'vitest'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import { formatError } from '#platform/graphql/errors.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

function format(error: unknown) {
  const { logger, lines } = recordingLogger()
  return { formatted: formatError(error, { requestId: 'req-1', logger }), lines }
}

describe('formatError', () => {
  it("shows a caller's fault as it is, with its details", () => {
    const thrown = new CallerError('CONFLICT', 'used before', { key: 'k' }, new Error('driver says no'))
    const { formatted, lines } = format(locatedError(thrown, undefined, ['place', 0]))
    expect(formatted).toEqual({
      message: 'used before',
      path: ['place', 0],
      extensions: { code: 'CONFLICT', key: 'k' },
    })
    expect(lines).toEqual([])
  })

  it.each([
    new Error('password is hunter2'),
    new OperatorError('DB', 'db at 10.0.0.1 is gone'),
    'text',
    undefined,
  ])('hides anything else behind a fixed sentence with the request id, and logs it: %j', thrown => {
    const { formatted, lines } = format(new GraphQLError('x', { originalError: thrown as Error }))
    expect(formatted.extensions).toEqual({ code: 'INTERNAL', requestId: 'req-1' })
    expect(formatted.message).toMatch(/on our side/)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('req-1')
  })

  it('logs the cause of an operator fault', () => {
    const { lines } = format(new OperatorError('DB', 'the store is gone', new Error('ECONNREFUSED')))
    expect(lines[0]).toContain('ECONNREFUSED')
  })

  it("reports faults of documents and variables as the caller's", () => {
    for (const code of ['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'BAD_USER_INPUT', 'BAD_REQUEST'])
      expect(format(new GraphQLError('wrong', { extensions: { code } })).formatted).toEqual({
        message: 'wrong',
        extensions: { code: 'BAD_USER_INPUT' },
      })
  })

  it("reports a variable's value that its scalar refuses as the caller's", () => {
    const schema = buildSchema('type Query { n(i: Int): Int }')
    const document = parse('query($i: Int) { n(i: $i) }')
    const { errors = [] } = executeSync({ schema, document, variableValues: { i: [true] } })
    const { formatted, lines } = format(errors[0])
    expect(formatted.message).toContain('Int cannot represent non-integer value: [true]')
    expect(formatted.extensions).toEqual({ code: 'BAD_USER_INPUT' })
    expect(lines).toEqual([])
  })

  it("reports a list of errors that graphql-js cuts off as the caller's, too", () => {
    const schema = buildSchema('type Query { n(i: I): Int } input I { a: Int }')
    const i = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`unknown${index}`, 1]))
    const document = parse('query($i: I) { n(i: $i) }')
    const { errors = [] } = executeSync({ schema, document, variableValues: { i } })
    const invalid = validate(schema, parse(`{ ${'unknown '.repeat(200)} }`))
    for (const last of [errors.at(-1), invalid.at(-1)]) {
      const { formatted, lines } = format(last)
      expect(formatted.message).toMatch(/^Too many/)
      expect(formatted.extensions).toEqual({ code: 'BAD_USER_INPUT' })
      expect(lines).toEqual([])
    }
  })

  it('passes on errors of another service with their code, without internal details', () => {
    const remote = new GraphQLError('not yours', {
      extensions: { code: 'FORBIDDEN', serviceName: 'payment', stacktrace: ['at x'], owner: 'cus_1' },
    })
    expect(format(remote).formatted).toEqual({
      message: 'not yours',
      extensions: { code: 'FORBIDDEN', owner: 'cus_1' },
    })
  })

  it('keeps the request id under which another service logged its own failure', () => {
    const remote = new GraphQLError('leaked?', { extensions: { code: 'INTERNAL', requestId: 'req-0' } })
    const { formatted, lines } = format(remote)
    expect(formatted.message).toMatch(/on our side/)
    expect(formatted.extensions).toEqual({ code: 'INTERNAL', requestId: 'req-0' })
    expect(lines).toEqual([])
  })

  it('does not change errors of the persisted-query protocol', () => {
    const missing = new GraphQLError('PersistedQueryNotFound', {
      extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' },
    })
    expect(format(missing).formatted).toEqual({
      message: 'PersistedQueryNotFound',
      extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' },
    })
  })
})
