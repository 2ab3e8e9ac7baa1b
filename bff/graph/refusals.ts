// Refusals: the members of results that say why a command was not carried out, and the place of the input that they are
// about.
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'

export type InputPath = readonly string[]

/** A refusal of the form of the input, or of the idempotency key. Rights and services that are away are no refusals. */
export type InputRefusal = {
  readonly __typename: 'InvalidInput' | 'IdempotencyConflict'
  readonly code: string
  readonly message: string
  readonly path: InputPath | null
}

/** Returns undefined for a failure that stays an error of the request. */
export function refusalOf(failure: unknown, variables: unknown): InputRefusal | undefined {
  if (!(failure instanceof CallerError)) return undefined
  const { code, message } = failure
  if (code === 'CONFLICT')
    return { __typename: 'IdempotencyConflict', code, message, path: ['input', 'idempotencyKey'] }
  if (code !== 'BAD_USER_INPUT') return undefined
  return { __typename: 'InvalidInput', code, message, path: pathOf(failure, variables) }
}

/** Fields whose absence may be what is malformed: they have a place also when they were not given. */
const MAY_BE_MISSING: ReadonlySet<string> = new Set(['idempotencyKey', 'customerId', 'id'])

/**
 * Returns the place of the field in the variable `input`, or null when the client did not give it.
 * @param field As the services name it, such as `lines[0].sku`.
 */
function inputPath(variables: unknown, field: string): InputPath | null {
  const [first, ...others] = field.split(/[.[\]]+/).filter(step => step !== '')
  if (first === undefined || !isObject(variables) || !isObject(variables.input)) return null
  return variables.input[first] == null ? null : ['input', first, ...others]
}

/** A field that the failure names, or the one that its message begins with. */
function pathOf({ details, message }: CallerError, variables: unknown): InputPath | null {
  const named = typeof details.field === 'string' ? details.field : /^([\w.[\]]+): /.exec(message)?.[1]
  if (named === undefined) return null
  return MAY_BE_MISSING.has(named) ? ['input', named] : inputPath(variables, named)
}

/** A refusal with the place of the input that it is about; any other outcome as it is. */
export type WithPath<Outcome> = Outcome extends { readonly code: string; readonly message: string }
  ? Outcome & { readonly path: InputPath | null }
  : Outcome

type Refusal = { readonly __typename: string; readonly code: string; readonly message: string }

export function withPath<Outcome extends object>(outcome: Outcome, variables: unknown): WithPath<Outcome>
export function withPath(outcome: object, variables: unknown): object {
  if (!isRefusal(outcome)) return outcome
  const field = fieldOf(outcome, variables)
  return { ...outcome, path: field === undefined ? null : inputPath(variables, field) }
}

function isRefusal(outcome: object): outcome is Refusal {
  return '__typename' in outcome && 'code' in outcome && 'message' in outcome
}

const FIELDS: Readonly<Record<string, string>> = {
  UnknownCustomer: 'customerId',
  TotalChanged: 'expectedTotal',
  TenderMismatch: 'tenders',
  MixedCurrencies: 'lines',
  CannotCancel: 'orderId',
  ProductExists: 'sku',
  NoSuchProduct: 'sku',
  StockBelowReserved: 'quantity',
  ShipmentRefused: 'shipmentId',
  MovementUnchanged: 'movementId',
}

/** Codes of refusals of one type that are about different fields. */
const FIELDS_BY_CODE: Readonly<Record<string, string>> = {
  ORDER_NOT_FOUND: 'orderId',
  ORDER_NOT_DELIVERED: 'orderId',
  RETURNS_EXHAUSTED: 'orderId',
  RETURN_EXCEEDS_DELIVERED: 'lines',
  RETURN_NOT_FOUND: 'returnId',
  RETURN_REJECTED: 'returnId',
  RETURN_RECEIVED: 'returnId',
  COUNTRY_NOT_SERVED: 'country',
}

function fieldOf(outcome: Refusal, variables: unknown): string | undefined {
  const skus = skusOf(outcome)
  if (skus !== undefined) return lineOf(skus, variables)
  if (outcome.__typename === 'PaymentDeclined') return onlyTender(variables)
  if (outcome.code === 'TOO_HEAVY') return inputPath(variables, 'goods') ? 'goods' : 'weightGrams'
  return FIELDS[outcome.__typename] ?? FIELDS_BY_CODE[outcome.code]
}

/** Returns the SKUs that a refusal of a checkout is about. */
function skusOf(outcome: object): readonly unknown[] | undefined {
  if ('skus' in outcome && Array.isArray(outcome.skus)) return outcome.skus
  if (!('shortages' in outcome) || !Array.isArray(outcome.shortages)) return undefined
  return outcome.shortages.map(shortage => (isObject(shortage) ? shortage.sku : undefined))
}

/** Returns the one line of the input that has one of the SKUs; all lines when there are several. */
function lineOf(skus: readonly unknown[], variables: unknown): string | undefined {
  const input = isObject(variables) ? variables.input : undefined
  const lines = isObject(input) && Array.isArray(input.lines) ? input.lines : []
  const indexes = lines.flatMap((line, index) => (isObject(line) && skus.includes(line.sku) ? [index] : []))
  if (indexes.length === 1) return `lines[${indexes[0]}].sku`
  return indexes.length === 0 ? undefined : 'lines'
}

/** Returns the tender of the input when there is one alone: of several the result does not say which was declined. */
function onlyTender(variables: unknown): string | undefined {
  const input = isObject(variables) ? variables.input : undefined
  const tenders = isObject(input) && Array.isArray(input.tenders) ? input.tenders : []
  return tenders.length === 1 ? 'tenders[0]' : undefined
}
