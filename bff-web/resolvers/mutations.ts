// Mutations: each is one of the gateway's, in the caller's name, and names the cached views that it touches.

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
    ...customerCommands(pages),
    ...orderCommands(pages),
    ...staffCommands(pages),
    ...moneyCommands(pages),
  }
}

function customerCommands(pages: Pages) {
  return {
    async registerCustomer(_root, args, context) {
      const { registerCustomer: customer } = await pages.command(
        RegisterCustomerDocument,
        args,
        context,
        result => [tag.customer(result.registerCustomer.id)],
      )
      pages.put(profile, { id: customer.id }, { customer }, context)
      return customer
    },
  } satisfies MutationResolvers
}

function orderCommands(pages: Pages) {
  return {
    async checkout(_root, args, context) {
      const begun = Date.now()
      const touches = (result: CheckoutMutation) => tagsOfOrder(recordedOrder(result.placeOrder))
      const { placeOrder } = await pages.command(CheckoutDocument, args, context, touches)
      putSummary(pages, recordedOrder(placeOrder), begun, context)
      return placeOrder
    },
    async cancelOrder(_root, args, context) {
      const begun = Date.now()
      const touches = (result: CancelOrderMutation) => tagsIn(result.cancelOrder)
      const { cancelOrder } = await pages.command(CancelOrderDocument, args, context, touches)
      if ('order' in cancelOrder) {
        const { cancellationRequested: _request, cancellation: _cancellation, ...summary } = cancelOrder.order
        putSummary(pages, summary, begun, context)
      }
      return cancelOrder
    },
    async requestReturn(_root, args, context) {
      const touches = (result: RequestReturnMutation) => tagsIn(result.requestReturn)
      return (await pages.command(RequestReturnDocument, args, context, touches)).requestReturn
    },
    async receiveReturn(_root, args, context) {
      const touches = (result: ReceiveReturnMutation) => tagsIn(result.receiveReturn)
      return (await pages.command(ReceiveReturnDocument, args, context, touches)).receiveReturn
    },
    async rejectReturn(_root, args, context) {
      const touches = (result: RejectReturnMutation) => tagsIn(result.rejectReturn)
      return (await pages.command(RejectReturnDocument, args, context, touches)).rejectReturn
    },
  } satisfies MutationResolvers
}

function staffCommands(pages: Pages) {
  return {
    addProduct: (_root, args, context) =>
      changeProduct(
        pages,
        { document: AddProductDocument, args, answerIn: result => result.addProduct },
        context,
      ),
    changePrice: (_root, args, context) =>
      changeProduct(
        pages,
        { document: ChangePriceDocument, args, answerIn: result => result.changePrice },
        context,
      ),
    adjustStock: (_root, args, context) =>
      changeProduct(
        pages,
        { document: AdjustStockDocument, args, answerIn: result => result.adjustStock },
        context,
      ),
    async dispatchShipment(_root, args, context) {
      const touches = ({ dispatchShipment: answer }: DispatchShipmentMutation) =>
        'shipment' in answer ? [tag.order(answer.shipment.order.id), tag.operations] : []
      return (await pages.command(DispatchShipmentDocument, args, context, touches)).dispatchShipment
    },
  } satisfies MutationResolvers
}

function moneyCommands(pages: Pages) {
  return {
    async retryMovement(_root, args, context) {
      const touches = (result: RetryMovementMutation) => tagsOfMovement(result.retryMovement)
      return (await pages.command(RetryMovementDocument, args, context, touches)).retryMovement
    },
    async reauthoriseMovement(_root, args, context) {
      const touches = (result: ReauthoriseMovementMutation) => tagsOfMovement(result.reauthoriseMovement)
      return (await pages.command(ReauthoriseMovementDocument, args, context, touches)).reauthoriseMovement
    },
    async writeOffMovement(_root, args, context) {
      const touches = (result: WriteOffMovementMutation) => tagsOfMovement(result.writeOffMovement)
      return (await pages.command(WriteOffMovementDocument, args, context, touches)).writeOffMovement
    },
  } satisfies MutationResolvers
}

function tagsOfMovement(answer: RetryMovementMutation['retryMovement']): readonly string[] {
  return 'movement' in answer ? [tag.order(answer.movement.orderId), tag.operations] : []
}

type Recorded = { readonly id: string; readonly customer: { readonly id: string } }

function tagsOfOrder(order: Recorded | null | undefined): readonly string[] {
  if (!order) return []
  return [tag.order(order.id), tag.ordersOf(order.customer.id), tag.orders, tag.operations]
}

/** A refusal changed nothing. */
function tagsIn(answer: { readonly __typename: string; readonly order?: Recorded }): readonly string[] {
  return tagsOfOrder(answer.order)
}

/** The order that a checkout recorded, whatever became of it. */
function recordedOrder(answer: CheckoutMutation['placeOrder']): SummaryView | null | undefined {
  if ('order' in answer) return answer.order
  return 'cancelledOrder' in answer ? answer.cancelledOrder : undefined
}

/**
 * Only of an order that this command changed: a repeated command tells of it as it stood a moment before the position
 * that it reports.
 */
function putSummary(
  pages: Pages,
  order: SummaryView | null | undefined,
  begun: number,
  context: RequestContext,
): void {
  if (order && Date.parse(order.updatedAt) >= begun)
    pages.put(orderSummary, { id: order.id }, { order }, context)
}

type ProductAnswer =
  | ChangePriceMutation['changePrice']
  | { readonly __typename: 'ProductExists' | 'StockBelowReserved' }

type ProductChange<Result, Variables, Answer> = {
  readonly document: TypedDocument<Result, Variables>
  readonly args: Variables
  readonly answerIn: (result: Result) => Answer
}

/** Staff who may change a product see all of it: the answer holds its whole page. */
async function changeProduct<Result, Variables, Answer extends ProductAnswer>(
  pages: Pages,
  { document, args, answerIn }: ProductChange<Result, Variables, Answer>,
  context: RequestContext,
): Promise<Answer> {
  const touches = (result: Result) => tagsOfProduct(answerIn(result))
  const answer = answerIn(await pages.command(document, args, context, touches))
  if ('product' in answer) {
    const { product } = answer
    pages.put(productPage, { sku: product.sku }, { product }, context)
  }
  return answer
}

function tagsOfProduct(answer: ProductAnswer): readonly string[] {
  if (!('product' in answer)) return []
  return [tag.product(answer.product.sku), tag.catalogue, tag.assortment, tag.operations]
}
