// The REST routes: the operation that each runs, its variables, and the HTTP response to its result.
import type { GraphQLSchema } from 'graphql'
import {
  badInput,
  type InputProblem,
  PAGE_PARAMETERS,
  type SearchParameters,
  searchParameters,
} from '#bff-web/rest/parameters.ts'
import { type BodyInput, readBody } from '#bff-web/rest/request-body.ts'
import { mayActFor, type Viewer } from '#platform/auth/viewer.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isObject } from '#platform/domain/json.ts'

export type Fields = Readonly<Record<string, unknown>>

/** A request whose parts are read and valid. */
type RestRequest = {
  readonly viewer: Viewer
  /** The parameters in the path. */
  readonly params: Readonly<Record<string, string>>
  readonly search: Fields
  /** Empty for a GET. */
  readonly idempotencyKey: string
  readonly body: unknown
}

/** A business refusal: its `__typename`, code and message, and what the client needs to act on it. */
export type Refusal = Fields & {
  readonly __typename: string
  readonly code: string
  readonly message: string
}
type RestResponse =
  | { readonly status: 200 | 201 | 202; readonly body: unknown; readonly location?: string }
  | { readonly status: 404 | 409 | 422; readonly refusal: Refusal }

/** The route's part of the OpenAPI description: says what it does and which statuses it responds with. */
type RouteDescription = {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  /** Describes each successful status. */
  readonly success: Readonly<Record<number, string>>
  readonly problems: readonly (keyof typeof PROBLEM_DESCRIPTIONS)[]
}

export type RestRoute = RouteDescription & {
  readonly method: 'GET' | 'POST'
  /** Under `API_PATH`, with `{names}` in braces. */
  readonly path: string
  /** The name of the operation in operations.graphql. */
  readonly operation: string
  readonly search: SearchParameters
  readonly input?: BodyInput
  /** Returns the operation's variables. Throws CallerError for input that does not fit or is not the viewer's. */
  readonly variables: (request: RestRequest) => Fields
  /** Returns the response. Throws CallerError NOT_FOUND when there is nothing at the path. */
  readonly respond: (data: Fields) => RestResponse
}

export const API_PATH = '/api/v1'

export const PROBLEM_DESCRIPTIONS = {
  400: 'Something is missing, malformed or out of range; `errors` says where',
  401: 'No token, or one that does not hold',
  403: 'The role of this token may not do this',
  404: "There is no such thing; someone else's counts as none",
  409: 'At odds with prices, stock or state as they are now, or an Idempotency-Key of another request',
  415: 'The body is not sent as application/json',
  422: 'It cannot be done as asked; `refusal` says why',
  429: 'Too much at once: wait as long as Retry-After says, then send it again',
  500: 'A fault on our side',
  503: 'A service is away: send it again, with the same Idempotency-Key',
} as const

/** 409 conflicts with prices, stock or state as they are now: look again and decide. 422 cannot be done as requested. */
export const CHECKOUT_REFUSALS: Readonly<Record<string, 409 | 422>> = {
  OutOfStock: 409,
  TotalChanged: 409,
  UnknownProduct: 422,
  UnknownCustomer: 422,
  PaymentDeclined: 422,
  TenderMismatch: 422,
  MixedCurrencies: 422,
  OrderNotFulfilled: 422,
}

/** An order that is placed but not confirmed yet is accepted (202) instead of created. */
const CHECKOUT_SUCCESSES: Readonly<Record<string, 201 | 202>> = { OrderAccepted: 201, OrderPending: 202 }
const CANCELLATION_SUCCESSES: Readonly<Record<string, 200 | 202>> = {
  OrderCancelled: 200,
  CancellationPending: 202,
}

/** Members of every command's result that are problems of the request, with no `refusal` of their own. */
export const REQUEST_FAULTS: readonly string[] = ['InvalidInput', 'IdempotencyConflict']

const KEY_HEADER = 'the header Idempotency-Key'

/** Returns every route except that of the OpenAPI file. */
export function createRoutes(schema: GraphQLSchema): readonly RestRoute[] {
  return [placeOrder(schema), readOrder, cancelOrder(schema), listCustomerOrders, searchOrders(schema)]
}

function placeOrder(schema: GraphQLSchema): RestRoute {
  const input = { type: 'CheckoutInput', elsewhere: { idempotencyKey: KEY_HEADER } }
  return {
    method: 'POST',
    path: '/orders',
    operationId: 'placeOrder',
    summary: 'Place an order',
    description:
      'Answers when the order is confirmed, refused, or waits for an approval, at the latest after `settleWithinMs`.',
    success: {
      201: 'The order, placed now or by an earlier request with the same key',
      202: 'The order is placed; whether it can be fulfilled is not known yet',
    },
    problems: [400, 401, 403, 409, 415, 422, 429, 500, 503],
    operation: 'RestPlaceOrder',
    search: {},
    input,
    variables: ({ body, idempotencyKey }) => ({
      input: readBody(schema, input, { body, given: { idempotencyKey } }),
    }),
    respond({ checkout }) {
      const outcome = fieldsOf(checkout)
      const status = CHECKOUT_SUCCESSES[String(outcome.__typename)]
      if (status === undefined) return refuse(outcome, input, CHECKOUT_REFUSALS)
      const order = fieldsOf(outcome.order)
      return { status, body: order, location: `${API_PATH}/orders/${order.id}` }
    },
  }
}

const readOrder: RestRoute = {
  method: 'GET',
  path: '/orders/{id}',
  operationId: 'readOrder',
  summary: 'Everything about one order',
  description: 'A part that cannot be loaded for the moment is null, and `notices` says so.',
  success: { 200: 'The order' },
  problems: [400, 401, 404, 429, 500, 503],
  operation: 'RestOrder',
  search: {},
  variables: ({ params }) => ({ id: params.id }),
  respond({ order }) {
    if (order === null) throw new CallerError('NOT_FOUND', 'there is no such order')
    return { status: 200, body: order }
  },
}

function cancelOrder(schema: GraphQLSchema): RestRoute {
  const input = {
    type: 'CancelOrderInput',
    elsewhere: { idempotencyKey: KEY_HEADER, orderId: 'in the path' },
  }
  return {
    method: 'POST',
    path: '/orders/{id}/cancel',
    operationId: 'cancelOrder',
    summary: 'Cancel an order',
    success: { 200: 'It is cancelled', 202: 'Its cancellation is under way' },
    problems: [400, 401, 403, 404, 409, 415, 429, 500, 503],
    operation: 'RestCancelOrder',
    search: {},
    input,
    variables: ({ body, idempotencyKey, params }) => ({
      input: readBody(schema, input, { body: body ?? {}, given: { idempotencyKey, orderId: params.id } }),
    }),
    respond({ cancelOrder: outcome }) {
      const result = fieldsOf(outcome)
      const status = CANCELLATION_SUCCESSES[String(result.__typename)]
      if (status === undefined)
        return refuse(result, input, { CannotCancel: result.code === 'ORDER_NOT_FOUND' ? 404 : 409 })
      return { status, body: result.order }
    },
  }
}

const listCustomerOrders: RestRoute = {
  method: 'GET',
  path: '/orders/customer/{customerId}',
  operationId: 'listOrdersOfCustomer',
  summary: "A customer's orders, newest first",
  success: { 200: 'A page of orders' },
  problems: [400, 401, 403, 429, 500, 503],
  operation: 'RestOrders',
  search: PAGE_PARAMETERS,
  variables({ params: { customerId = '' }, search, viewer }) {
    if (!mayActFor(viewer, customerId))
      throw new CallerError('FORBIDDEN', 'these are the orders of another customer')
    return { filter: { customerId }, ...search }
  },
  respond: orderList,
}

function searchOrders(schema: GraphQLSchema): RestRoute {
  return {
    method: 'GET',
    path: '/orders/search',
    operationId: 'searchOrders',
    summary: 'Orders that fit, newest first',
    description: 'Customers find their own orders, support and ops all.',
    success: { 200: 'A page of orders' },
    problems: [400, 401, 403, 429, 500, 503],
    operation: 'RestOrders',
    search: searchParameters(schema),
    variables({ search: { first, after, ...filter } }) {
      if (isAtOrAfter(filter.placedFrom, filter.placedTo))
        throw badInput([{ parameter: 'placedFrom', detail: 'should be before placedTo' }])
      return { filter, ...(first !== undefined && { first }), ...(after !== undefined && { after }) }
    },
    respond: orderList,
  }
}

function orderList({ orders }: Fields): RestResponse {
  const { nodes, pageInfo } = fieldsOf(orders)
  return { status: 200, body: { orders: nodes, pageInfo } }
}

/** Compares instants as texts: both are normalised by now, so that they sort by time. */
function isAtOrAfter(from: unknown, to: unknown): boolean {
  return typeof from === 'string' && typeof to === 'string' && from >= to
}

/** Throws CallerError for a result that is a problem of the request. */
function refuse(
  outcome: Fields,
  input: BodyInput,
  statuses: Readonly<Record<string, 404 | 409 | 422>>,
): RestResponse {
  const { __typename, code, message, path } = outcome
  if (__typename === 'IdempotencyConflict') throw new CallerError('CONFLICT', String(message))
  if (__typename === 'InvalidInput') throw invalidInput(String(message), input, path)
  const status = typeof __typename === 'string' ? statuses[__typename] : undefined
  if (status === undefined || typeof __typename !== 'string')
    throw new Error(`${String(__typename)} has no status here`)
  return { status, refusal: { ...outcome, __typename, code: String(code), message: String(message) } }
}

/** Points into the body when that is where the graph found the fault: its `path` begins with the argument `input`. */
function invalidInput(detail: string, { elsewhere }: BodyInput, path: unknown): CallerError {
  const [, ...steps] = Array.isArray(path) ? path.map(String) : []
  const isInBody = steps[0] !== undefined && !Object.hasOwn(elsewhere, steps[0])
  const pointer = steps.map(step => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  const errors: readonly InputProblem[] = [isInBody ? { pointer, detail } : { detail }]
  return new CallerError('BAD_USER_INPUT', detail, { errors })
}

function fieldsOf(value: unknown): Fields {
  if (!isObject(value)) throw new Error(`the graph answered ${typeof value} where an object should be`)
  return value
}
