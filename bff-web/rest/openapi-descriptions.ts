// The texts of the OpenAPI description: what each route does, and the statuses that it responds with.
import type { RestRoute } from '#bff-web/rest/routes.ts'

type RouteDescription = {
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  /** Describes each successful status. */
  readonly success: Readonly<Record<number, string>>
  readonly problems: readonly (keyof typeof PROBLEM_DESCRIPTIONS)[]
}

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

const ROUTE_DESCRIPTIONS: Readonly<Record<string, RouteDescription>> = {
  'POST /orders': {
    operationId: 'placeOrder',
    summary: 'Place an order',
    description:
      'Answers when the order is confirmed, refused, or waits for an approval, at the latest after `settleWithinMs`.',
    success: {
      201: 'The order, placed now or by an earlier request with the same key',
      202: 'The order is placed; whether it can be fulfilled is not known yet',
    },
    problems: [400, 401, 403, 409, 415, 422, 429, 500, 503],
  },
  'GET /orders/{id}': {
    operationId: 'readOrder',
    summary: 'Everything about one order',
    description: 'A part that cannot be loaded for the moment is null, and `notices` says so.',
    success: { 200: 'The order' },
    problems: [400, 401, 404, 429, 500, 503],
  },
  'POST /orders/{id}/cancel': {
    operationId: 'cancelOrder',
    summary: 'Cancel an order',
    success: { 200: 'It is cancelled', 202: 'Its cancellation is under way' },
    problems: [400, 401, 403, 404, 409, 415, 429, 500, 503],
  },
  'GET /orders/customer/{customerId}': {
    operationId: 'listOrdersOfCustomer',
    summary: "A customer's orders, newest first",
    success: { 200: 'A page of orders' },
    problems: [400, 401, 403, 429, 500, 503],
  },
  'GET /orders/search': {
    operationId: 'searchOrders',
    summary: 'Orders that fit, newest first',
    description: 'Customers find their own orders, support and ops all.',
    success: { 200: 'A page of orders' },
    problems: [400, 401, 403, 429, 500, 503],
  },
}

/** Throws for a route that is not described here. */
export function routeDescription({ method, path }: RestRoute): RouteDescription {
  const texts = ROUTE_DESCRIPTIONS[`${method} ${path}`]
  if (texts === undefined) throw new Error(`${method} ${path} is not described`)
  return texts
}
