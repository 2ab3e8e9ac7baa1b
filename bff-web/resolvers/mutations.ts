// The mutations of the web graph: each sends one of the gateway's in the caller's name, and names the pages that it touches.

import { tag } from '#bff/pages/cache-tags.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { orderSummary, profile } from '#bff-web/resolvers/order-pages.ts'
import type { SummaryView } from '#bff-web/resolvers/order-view.ts'
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
  DispatchShipmentDocument,
  type DispatchShipmentMutation,
  ReauthoriseMovementDocument,
  type ReauthoriseMovementMutation,
  ReceiveReturnDocument,
  type ReceiveReturnMutation,
  RegisterCustomerDocument,
  type RegisterCustomerMutation,
  RejectReturnDocument,
  type RejectReturnMutation,
  RequestReturnDocument,
  type RequestReturnMutation,
  RetryMovementDocument,
  type RetryMovementMutation,
  WriteOffMovementDocument,
  type WriteOffMovementMutation,
} from '#schema/generated/bff-web-operations.ts'

export function mutations(pages: Pages): Required<MutationResolvers> {
  return {
    ...customerMutations(pages),
    ...orderMutations(pages),
    ...staffMutations(pages),
    ...moneyMutations(pages),
  }
}

function customerMutations(pages: Pages) {
  return {
    async registerCustomer(_root, variables, context) {
      const touches = (result: RegisterCustomerMutation) => [tag.customer(result.registerCustomer.id)]
      const command = { document: RegisterCustomerDocument, variables, touches }
      const { registerCustomer: customer } = await pages.command(command, context)
      pages.put(profile, { variables: { id: customer.id }, result: { customer } }, context)
      return customer
    },
  } satisfies MutationResolvers
}

function orderMutations(pages: Pages) {
  return {
    async checkout(_root, variables, context) {
      const startedAt = Date.now()
      const touches = (result: CheckoutMutation) => orderTags(recordedOrder(result.placeOrder))
      const { placeOrder } = await pages.command({ document: CheckoutDocument, variables, touches }, context)
      putSummary(pages, { order: recordedOrder(placeOrder), startedAt }, context)
      return placeOrder
    },
    async cancelOrder(_root, variables, context) {
      const startedAt = Date.now()
      const touches = (result: CancelOrderMutation) => outcomeTags(result.cancelOrder)
      const { cancelOrder } = await pages.command(
        { document: CancelOrderDocument, variables, touches },
        context,
      )
      if ('order' in cancelOrder) {
        const { cancellationRequested: _request, cancellation: _cancellation, ...order } = cancelOrder.order
        putSummary(pages, { order, startedAt }, context)
      }
      return cancelOrder
    },
    async requestReturn(_root, variables, context) {
      const touches = (result: RequestReturnMutation) => outcomeTags(result.requestReturn)
      return (await pages.command({ document: RequestReturnDocument, variables, touches }, context))
        .requestReturn
    },
    async receiveReturn(_root, variables, context) {
      const touches = (result: ReceiveReturnMutation) => outcomeTags(result.receiveReturn)
      return (await pages.command({ document: ReceiveReturnDocument, variables, touches }, context))
        .receiveReturn
    },
    async rejectReturn(_root, variables, context) {
      const touches = (result: RejectReturnMutation) => outcomeTags(result.rejectReturn)
      return (await pages.command({ document: RejectReturnDocument, variables, touches }, context))
        .rejectReturn
    },
  } satisfies MutationResolvers
}

function staffMutations(pages: Pages) {
  return {
    addProduct: (_root, variables, context) =>
      changeProduct(
        pages,
        { document: AddProductDocument, variables, outcomeIn: result => result.addProduct },
        context,
      ),
    changePrice: (_root, variables, context) =>
      changeProduct(
        pages,
        { document: ChangePriceDocument, variables, outcomeIn: result => result.changePrice },
        context,
      ),
    adjustStock: (_root, variables, context) =>
      changeProduct(
        pages,
        { document: AdjustStockDocument, variables, outcomeIn: result => result.adjustStock },
        context,
      ),
    async dispatchShipment(_root, variables, context) {
      const touches = ({ dispatchShipment: outcome }: DispatchShipmentMutation) =>
        'shipment' in outcome ? [tag.order(outcome.shipment.order.id), tag.operations] : []
      return (await pages.command({ document: DispatchShipmentDocument, variables, touches }, context))
        .dispatchShipment
    },
  } satisfies MutationResolvers
}

function moneyMutations(pages: Pages) {
  return {
    async retryMovement(_root, variables, context) {
      const touches = (result: RetryMovementMutation) => movementTags(result.retryMovement)
      return (await pages.command({ document: RetryMovementDocument, variables, touches }, context))
        .retryMovement
    },
    async reauthoriseMovement(_root, variables, context) {
      const touches = (result: ReauthoriseMovementMutation) => movementTags(result.reauthoriseMovement)
      return (await pages.command({ document: ReauthoriseMovementDocument, variables, touches }, context))
        .reauthoriseMovement
    },
    async writeOffMovement(_root, variables, context) {
      const touches = (result: WriteOffMovementMutation) => movementTags(result.writeOffMovement)
      return (await pages.command({ document: WriteOffMovementDocument, variables, touches }, context))
        .writeOffMovement
    },
  } satisfies MutationResolvers
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
function recordedOrder(outcome: CheckoutMutation['placeOrder']): SummaryView | null | undefined {
  if ('order' in outcome) return outcome.order
  return 'cancelledOrder' in outcome ? outcome.cancelledOrder : undefined
}

/**
 * Caches an order only if this command changed it: a repeated command returns the order as it was a moment before the
 * position that it reports.
 */
function putSummary(
  pages: Pages,
  { order, startedAt }: { readonly order: SummaryView | null | undefined; readonly startedAt: number },
  context: RequestContext,
): void {
  if (order && Date.parse(order.updatedAt) >= startedAt)
    pages.put(orderSummary, { variables: { id: order.id }, result: { order } }, context)
}

type ProductOutcome =
  | ChangePriceMutation['changePrice']
  | { readonly __typename: 'ProductExists' | 'StockBelowReserved' }

type ProductChange<Result, Variables, Outcome> = {
  readonly document: TypedDocument<Result, Variables>
  readonly variables: Variables
  readonly outcomeIn: (result: Result) => Outcome
}

/** Sends a change of a product and caches its page: staff who may change a product see all of it, so the outcome is whole. */
async function changeProduct<Result, Variables, Outcome extends ProductOutcome>(
  pages: Pages,
  { document, variables, outcomeIn }: ProductChange<Result, Variables, Outcome>,
  context: RequestContext,
): Promise<Outcome> {
  const touches = (result: Result) => productTags(outcomeIn(result))
  const outcome = outcomeIn(await pages.command({ document, variables, touches }, context))
  if ('product' in outcome) {
    const { product } = outcome
    pages.put(productPage, { variables: { sku: product.sku }, result: { product } }, context)
  }
  return outcome
}

function productTags(outcome: ProductOutcome): readonly string[] {
  if (!('product' in outcome)) return []
  return [tag.product(outcome.product.sku), tag.catalogue, tag.assortment, tag.operations]
}
