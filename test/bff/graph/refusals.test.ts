import { expect, test } from 'vitest'
import { refusalOf, withPath } from '#bff/graph/refusals.ts'
import { CallerError, OperatorError } from '#platform/domain/errors.ts'

const input = {
  idempotencyKey: 'k',
  orderId: 'ord_1',
  lines: [
    { sku: 'MUG', quantity: 0 },
    { sku: 'TEE', quantity: 1 },
  ],
}

test.each([
  ['lines[0].quantity', ['input', 'lines', '0', 'quantity']],
  ['orderId', ['input', 'orderId']],
  ['total', null],
  ['customerId', ['input', 'customerId']],
])('malformed %s is an InvalidInput with its place', (field, path) => {
  const failure = new CallerError('BAD_USER_INPUT', `${field}: should be otherwise`, { field })
  expect(refusalOf(failure, { input })).toEqual({
    __typename: 'InvalidInput',
    code: 'BAD_USER_INPUT',
    message: `${field}: should be otherwise`,
    path,
  })
})

test('an InvalidInput takes its place from the beginning of the message when nothing else names it', () => {
  const failure = new CallerError('BAD_USER_INPUT', 'lines[1]: comes to more than 10 EUR')
  expect(refusalOf(failure, { input })?.path).toEqual(['input', 'lines', '1'])
})

test('the key of another request is an IdempotencyConflict at the place of the key', () => {
  const failure = new CallerError('CONFLICT', 'This idempotency key was used for another request.')
  expect(refusalOf(failure, { input })).toMatchObject({
    __typename: 'IdempotencyConflict',
    path: ['input', 'idempotencyKey'],
  })
})

test.each([
  new CallerError('FORBIDDEN', 'no'),
  new CallerError('UNAUTHENTICATED', 'no'),
  new CallerError('UNAVAILABLE', 'later'),
  new CallerError('RATE_LIMITED', 'later'),
  new OperatorError('DEPENDENCY_FAILED', 'broken'),
  new Error('broken'),
])('%s stays an error of the request', failure => {
  expect(refusalOf(failure, { input })).toBeUndefined()
})

const refusal = { code: 'X', message: 'No.' }
test.each([
  [{ __typename: 'UnknownProduct', ...refusal, skus: ['TEE'] }, ['input', 'lines', '1', 'sku']],
  [{ __typename: 'UnknownProduct', ...refusal, skus: ['TEE', 'MUG'] }, ['input', 'lines']],
  [{ __typename: 'UnknownProduct', ...refusal, skus: ['OTHER'] }, null],
  [{ __typename: 'OutOfStock', ...refusal, shortages: [{ sku: 'MUG' }] }, ['input', 'lines', '0', 'sku']],
  [{ __typename: 'TotalChanged', ...refusal }, null],
  [{ __typename: 'UnknownCustomer', ...refusal }, null],
  [{ __typename: 'CannotCancel', ...refusal }, ['input', 'orderId']],
  [{ __typename: 'CannotReturn', ...refusal, code: 'RETURN_EXCEEDS_DELIVERED' }, ['input', 'lines']],
  [{ __typename: 'OrderNotFulfilled', ...refusal }, null],
])('%j is about its place in the input', (outcome, path) => {
  expect(withPath(outcome, { input })).toEqual({ ...outcome, path })
})

test('a declined payment is about its tender when there is one alone', () => {
  const outcome = { __typename: 'PaymentDeclined', ...refusal }
  const card = { kind: 'CARD', token: 'tok_decline' }
  expect(withPath(outcome, { input: { ...input, tenders: [card] } }).path).toEqual(['input', 'tenders', '0'])
  expect(withPath(outcome, { input: { ...input, tenders: [card, card] } }).path).toBeNull()
})

test('an outcome that is no refusal is left as it is', () => {
  const outcome = { __typename: 'OrderAccepted', order: { id: 'ord_1' } }
  expect(withPath(outcome, { input })).toBe(outcome)
})
