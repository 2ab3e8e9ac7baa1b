// The mutations of the web graph: each sends one of the gateway's in the caller's name, and names the pages that it touches.

import { type InputRefusal, refusalOf, type WithPath, withPath } from '#bff/graph/refusals.ts'
import { tag } from '#bff/pages/cache-tags.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { orderSummary, profile } from '#bff-web/resolvers/order-pages.ts'
import type { OrderSummary } from '#bff-web/resolvers/order-view.ts'
import { productPage } from '#bff-web/resolvers/product-pages.ts'
import type { TypedDocument } from '#platform/graphql/client/client.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { MutationResolvers } from '#schema/generated/bff-web.ts'
import {
  AddProductDocument,
  AdjustStockDocument,
  CancelOrderDocument,
  type CancelOrderMutation,
  ChangePriceDocument,
  type ChangePriceMutation,
  CheckoutDocument,
  type CheckoutMutation,
  type CustomerPartsFragment,
  DescribeProductDocument,
  DispatchShipmentDocument,
  ReauthoriseMovementDocument,
  ReceiveReturnDocument,
  RegisterCustomerDocument,
  RejectReturnDocument,
  RequestReturnDocument,
  RetryMovementDocument,
  type RetryMovementMutation,
  WriteOffMovementDocument,
} from '#schema/generated/bff-web-operations.ts'

const SETTLE_MS = 5_000

export function mutations(pages: Pages): Required<MutationResolvers> {
  const command = createCommandResolver(pages)
  const register = command(RegisterCustomerDocument, 'registerCustomer', {
    touches: customer => [tag.customer(customer.id)],
    cache: (customer, { context }) =>
      pages.put(profile, { variables: { id: customer.id }, result: { customer } }, context),
  })
  const checkout = command(CheckoutDocument, 'placeOrder', {
    touches: outcome => orderTags(recordedOrder(outcome)),
    cache: (outcome, sent) => putSummary(pages, recordedOrder(outcome), sent),
  })
  const cancel = command(CancelOrderDocument, 'cancelOrder', {
    touches: outcomeTags,
    cache: (outcome, sent) => putSummary(pages, 'order' in outcome ? outcome.order : null, sent),
  })
  return {
    registerCustomer: async (root, args, context) => registration(await register(root, args, context)),
    checkout: (root, { input }, context) => checkout(root, { input: settling(input) }, context),
    cancelOrder: async (root, { input }, context) =>
      cancellation(await cancel(root, { input: settling(input) }, context)),
    requestReturn: command(RequestReturnDocument, 'requestReturn', { touches: outcomeTags }),
    receiveReturn: command(ReceiveReturnDocument, 'receiveReturn', { touches: outcomeTags }),
    rejectReturn: command(RejectReturnDocument, 'rejectReturn', { touches: outcomeTags }),
    ...productMutations(pages),
    ...staffMutations(pages),
  }
}

/**
 * Caches the product's page: staff who may change a product see all of it, so the outcome is whole. Not that of a family,
 * whose other variants come from the view: it may not have reached the position of the command yet.
 */
function productMutations(pages: Pages) {
  const command = createCommandResolver(pages)
  const effects = {
    touches: productTags,
    cache(outcome: ProductOutcome, { context }: Sent) {
      if (!('product' in outcome) || outcome.product.family !== null) return
      const { product } = outcome
      pages.put(productPage, { variables: { sku: product.sku }, result: { product } }, context)
    },
  }
  return {
    addProduct: command(AddProductDocument, 'addProduct', effects),
    describeProduct: command(DescribeProductDocument, 'describeProduct', effects),
    changePrice: command(ChangePriceDocument, 'changePrice', effects),
    adjustStock: command(AdjustStockDocument, 'adjustStock', effects),
  } satisfies MutationResolvers
}

function staffMutations(pages: Pages) {
  const command = createCommandResolver(pages)
  return {
    dispatchShipment: command(DispatchShipmentDocument, 'dispatchShipment', {
      touches: outcome =>
        'shipment' in outcome ? [tag.order(outcome.shipment.order.id), tag.operations] : [],
    }),
    retryMovement: command(RetryMovementDocument, 'retryMovement', { touches: movementTags }),
    reauthoriseMovement: command(ReauthoriseMovementDocument, 'reauthoriseMovement', {
      touches: movementTags,
    }),
    writeOffMovement: command(WriteOffMovementDocument, 'writeOffMovement', { touches: movementTags }),
  } satisfies MutationResolvers
}

type Sent = { readonly context: RequestContext; readonly startedAt: number }

type Effects<Outcome> = {
  /** Returns the tags of the pages that show the outcome from now on. */
  readonly touches: (outcome: Outcome) => readonly string[]
  /** Caches the page that the outcome holds whole. */
  readonly cache?: (outcome: Outcome, sent: Sent) => void
}

/**
 * Returns a function that makes resolvers: each sends `document` as a command and returns the one `field` of its result.
 * Input that is malformed, and a key of another request, are members of the result, too.
 */
function createCommandResolver(pages: Pages) {
  return <Field extends string, Outcome extends object, Variables>(
    document: TypedDocument<Readonly<Record<Field, Outcome>>, Variables>,
    field: Field,
    { touches, cache }: Effects<NoInfer<Outcome>>,
  ) =>
    async (
      _root: unknown,
      variables: Variables,
      context: RequestContext,
    ): Promise<WithPath<Outcome> | InputRefusal> => {
      const startedAt = Date.now()
      try {
        const { [field]: outcome } = await pages.command(
          { document, variables, touches: result => touches(result[field]) },
          context,
        )
        cache?.(outcome, { context, startedAt })
        return withPath(outcome, variables)
      } catch (failure) {
        const refusal = refusalOf(failure, variables)
        if (refusal === undefined) throw failure
        return refusal
      }
    }
}

/** Returns the input with a time to wait for the outcome: a null means the default, as when it is left out. */
function settling<Input extends { readonly settleWithinMs?: number | null }>(input: Input) {
  return { ...input, settleWithinMs: input.settleWithinMs ?? SETTLE_MS }
}

function registration(outcome: CustomerPartsFragment | InputRefusal) {
  if ('__typename' in outcome) return outcome
  return { __typename: 'CustomerRegistered' as const, customer: outcome }
}

function cancellation(outcome: CancelOrderMutation['cancelOrder'] | InputRefusal) {
  if (outcome.__typename !== 'OrderCancellation') return outcome
  const { order } = outcome
  if (order.status === 'CANCELLED') return { __typename: 'OrderCancelled' as const, order }
  const message = 'The cancellation is asked for. The order shows what becomes of it.'
  return { __typename: 'CancellationPending' as const, order, message }
}

function movementTags(outcome: RetryMovementMutation['retryMovement']): readonly string[] {
  return 'movement' in outcome ? [tag.order(outcome.movement.orderId), tag.operations] : []
}

type OwnedOrder = { readonly id: string; readonly customer: { readonly id: string } }

function orderTags(order: OwnedOrder | null | undefined): readonly string[] {
  if (!order) return []
  return [tag.order(order.id), tag.ordersOf(order.customer.id), tag.orders, tag.operations]
}

/** Returns no tags for a refusal, which changed nothing. */
function outcomeTags(outcome: {
  readonly __typename: string
  readonly order?: OwnedOrder
}): readonly string[] {
  return orderTags(outcome.order)
}

/** Returns the order that a checkout recorded, even if it was cancelled at once. */
function recordedOrder(outcome: CheckoutMutation['placeOrder']): OrderSummary | null | undefined {
  if ('order' in outcome) return outcome.order
  return 'cancelledOrder' in outcome ? outcome.cancelledOrder : undefined
}

/**
 * Caches an order only if this command changed it: a repeated command returns the order as it was a moment before the
 * position that it reports.
 */
function putSummary(
  pages: Pages,
  order: OrderSummary | null | undefined,
  { context, startedAt }: Sent,
): void {
  if (order && Date.parse(order.updatedAt) >= startedAt)
    pages.put(orderSummary, { variables: { id: order.id }, result: { order } }, context)
}

type ProductOutcome =
  | ChangePriceMutation['changePrice']
  | { readonly __typename: 'ProductExists' | 'StockBelowReserved' }

function productTags(outcome: ProductOutcome): readonly string[] {
  if (!('product' in outcome)) return []
  return [tag.product(outcome.product.sku), tag.catalogue, tag.assortment, tag.operations]
}
