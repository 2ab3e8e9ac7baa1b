// The mutations of the mobile graph: each sends one of the gateway's in the caller's name, and names the pages that it
// touches.
import { refusalOf, withPath } from '#bff/graph/refusals.ts'
import { tag } from '#bff/pages/cache-tags.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { orderVariables } from '#bff-mobile/resolvers/order-reads.ts'
import { orderPage, profilePage } from '#bff-mobile/resolvers/pages.ts'
import { NO_SECTIONS, type OrderData, selectedSections } from '#bff-mobile/views/order-source.ts'
import type { TypedDocument } from '#platform/graphql/client/client.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { MutationResolvers } from '#schema/generated/bff-mobile.ts'
import {
  CancelOrderDocument,
  type CancelOrderMutation,
  CheckoutDocument,
  type CheckoutMutation,
  RegisterCustomerDocument,
  RequestReturnDocument,
  type RequestReturnMutation,
} from '#schema/generated/bff-mobile-operations.ts'

/** Where results of commands have the order. */
const ORDERS = [['order'], ['cancelledOrder']] as const

export function mutations(pages: Pages): Required<MutationResolvers> {
  return {
    async registerCustomer(_root, { input }, context) {
      const command = {
        document: RegisterCustomerDocument,
        variables: { input },
        touches: ({ registerCustomer: { id } }: { readonly registerCustomer: { readonly id: string } }) => [
          tag.customer(id),
        ],
      }
      return refusing({ input }, async () => {
        const { registerCustomer: customer } = await pages.command(command, context)
        pages.put(profilePage, { variables: { id: customer.id }, result: { customer } }, context)
        return { __typename: 'CustomerRegistered' as const, customer }
      })
    },
    checkout: (_root, { input }, context, info) =>
      refusing({ input }, async () => {
        const { details } = selectedSections(info, ...ORDERS)
        const sent = {
          document: CheckoutDocument,
          variables: { input, details },
          outcomeOf: ({ placeOrder }: CheckoutMutation) => placeOrder,
        }
        return withPath((await send(pages, sent, context)).placeOrder, { input })
      }),
    cancelOrder: (_root, { input }, context, info) =>
      refusing({ input }, async () => {
        const { details } = selectedSections(info, ...ORDERS)
        const sent = {
          document: CancelOrderDocument,
          variables: { input, details },
          outcomeOf: ({ cancelOrder }: CancelOrderMutation) => cancelOrder,
        }
        return cancellation((await send(pages, sent, context)).cancelOrder, { input })
      }),
    requestReturn: (_root, { input }, context, info) =>
      refusing({ input }, async () => {
        const { details } = selectedSections(info, ...ORDERS)
        const sent = {
          document: RequestReturnDocument,
          variables: { input, details },
          outcomeOf: ({ requestReturn }: RequestReturnMutation) => requestReturn,
        }
        return withPath((await send(pages, sent, context)).requestReturn, { input })
      }),
  }
}

/** Returns the outcome, or a member of the result for input that is malformed and for a key of another request. */
async function refusing<Outcome>(variables: { readonly input: unknown }, run: () => Promise<Outcome>) {
  try {
    return await run()
  } catch (failure) {
    const refusal = refusalOf(failure, variables)
    if (refusal === undefined) throw failure
    return refusal
  }
}

type Sent<Result, Variables> = {
  readonly document: TypedDocument<Result, Variables>
  readonly variables: NoInfer<Variables>
  readonly outcomeOf: (result: NoInfer<Result>) => Outcome
}
type Outcome =
  | CheckoutMutation['placeOrder']
  | CancelOrderMutation['cancelOrder']
  | RequestReturnMutation['requestReturn']

/** Sends a command about an order, and caches the order that it recorded or changed. */
async function send<Result, Variables>(
  pages: Pages,
  { document, variables, outcomeOf }: Sent<Result, Variables>,
  context: RequestContext,
): Promise<Result> {
  const startedAt = Date.now()
  const touches = (result: Result) => orderTags(recordedOrder(outcomeOf(result)))
  const result = await pages.command({ document, variables, touches }, context)
  putOrder(pages, recordedOrder(outcomeOf(result)), { context, startedAt })
  return result
}

/** Returns the order that a command recorded, even if it was cancelled at once. */
function recordedOrder(outcome: Outcome): OrderData | undefined {
  if ('order' in outcome) return outcome.order
  return 'cancelledOrder' in outcome ? (outcome.cancelledOrder ?? undefined) : undefined
}

function orderTags(order: OrderData | undefined): string[] {
  return order ? [tag.order(order.id), tag.orders, tag.ordersOf(order.customer.id)] : []
}

/**
 * Caches an order only if this command changed it: a repeated command returns the order as it was a moment before the
 * position that it reports.
 */
function putOrder(
  pages: Pages,
  order: OrderData | undefined,
  { context, startedAt }: { readonly context: RequestContext; readonly startedAt: number },
): void {
  if (order && Date.parse(order.updatedAt) >= startedAt)
    pages.put(orderPage, { variables: orderVariables(order.id, NO_SECTIONS), result: { order } }, context)
}

function cancellation(outcome: CancelOrderMutation['cancelOrder'], variables: { readonly input: unknown }) {
  if (outcome.__typename !== 'OrderCancellation') return withPath(outcome, variables)
  const { order } = outcome
  if (order.status === 'CANCELLED') return { __typename: 'OrderCancelled' as const, order }
  const message = 'The cancellation is asked for. The order shows what becomes of it.'
  return { __typename: 'CancellationPending' as const, order, message }
}
