import { expect, test } from 'vitest'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'
import { isOutage } from '#platform/resilience/outage.ts'

function coded(code: string): Error {
  return Object.assign(new Error('failed'), { code })
}

test.each<[string, unknown]>([
  ['a refused connection', coded('ECONNREFUSED')],
  ['a name that does not resolve', coded('ENOTFOUND')],
  ['a server that shuts down', coded('57P01')],
  ['a server out of sessions', coded('53300')],
  ['a full disk', coded('53100')],
  ['a server that became a standby', coded('25006')],
  ['a lost session', new Error('Connection terminated unexpectedly')],
  ['a pool without a session in time', new Error('timeout exceeded when trying to connect')],
  ['a session that was not opened in time', new Error('timeout expired')],
  ['MongoDB without a server', Object.assign(new Error('x'), { name: 'MongoServerSelectionError' })],
  [
    'MongoDB while a client is connected anew',
    Object.assign(new Error('x'), { name: 'MongoClientClosedError' }),
  ],
  ['a port that is UNAVAILABLE', new CallerError('UNAVAILABLE', 'x')],
  ['what one of them caused', new OperatorError('X', 'x', new Error('y', { cause: coded('ECONNRESET') }))],
])('%s is an outage', (_, error) => {
  expect(isOutage(error)).toBe(true)
})

test.each<[string, unknown]>([
  ['a mistake in code', new TypeError('x is undefined')],
  ['a value that a column refuses', coded('22003')],
  ["a caller's mistake", new CallerError('BAD_USER_INPUT', 'x')],
  ['something that is no error', 'ECONNREFUSED'],
])('%s is not', (_, error) => {
  expect(isOutage(error)).toBe(false)
})
