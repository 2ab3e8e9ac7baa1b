// Mutations: each is one of the gateway's, in the caller's name, and names the cached views that it touches.
import { orderSummary, profile } from '#bff-web/resolvers/order-pages.ts'
import type { SummaryView } from '#bff-web/resolvers/order-view.ts'
import { productPage } from '#bff-web/resolvers/product-pages.ts'
import { tag } from '#platform/bff/order-tags.ts'
import type { Pages } from '#platform/bff/pages.ts'
import type { TypedDocument } from '#platform/graphql/client.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { MutationResolvers } from '#schema/generated/bff-web.ts'
import {
  AddProductDocument,
  AdjustStockDocument,
  CancelOrderDocument,
  ChangePriceDocument,
  type ChangePriceMutation,
  CheckoutDocument,
  type CheckoutMutation,
  DispatchShipmentDocument,
  ReceiveReturnDocument,
  RegisterCustomerDocument,
  RejectReturnDocument,
  RequestReturnDocument,
} from '#schema/generated/bff-web-operations.ts'

export function mutations(pages: Pages): Required<MutationResolvers> {
  return { ...customerCommands(pages), ...orderCommands(pages), ...staffCommands(pages) }
}

function customerCommands(pages: Pages) {
  return {
    async registerCustomer(_root, args, context) {
      const result = await pages.command(RegisterCustomerDocument, args, context, ({ registerCustomer }) => [
        tag.customer(registerCustomer.id),
      ])
      const customer = result.registerCustomer
      pages.put(profile, { id: customer.id }, { customer }, context)
      return customer
    },
  } satisfies MutationResolvers
}

function orderCommands(pages: Pages) {
  return {
    async checkout(_root, args, context) {
      const begun = Date.now()
      const { placeOrder } = await pages.command(CheckoutDocument, args, context, result =>
        tagsOfOrder(recordedOrder(result.placeOrder)),
      )
      putSummary(pages, recordedOrder(placeOrder), begun, context)
      return placeOrder
    },
    async cancelOrder(_root, args, context) {
      const begun = Date.now()
      const { cancelOrder } = await pages.command(CancelOrderDocument, args, context, result =>
        'order' in result.cancelOrder ? tagsOfOrder(result.cancelOrder.order) : [],
      )
      if ('order' in cancelOrder) {
        const {
          cancellationRequested: _requested,
          cancellation: _cancellation,
          ...summary
        } = cancelOrder.order
        putSummary(pages, summary, begun, context)
      }
      return cancelOrder
    },
    requestReturn: async (_root, args, context) =>
      (
        await pages.command(RequestReturnDocument, args, context, ({ requestReturn: answer }) =>
          'order' in answer ? tagsOfOrder(answer.order) : [],
        )
      ).requestReturn,
    receiveReturn: async (_root, args, context) =>
      (
        await pages.command(ReceiveReturnDocument, args, context, ({ receiveReturn: answer }) =>
          'order' in answer ? tagsOfOrder(answer.order) : [],
        )
      ).receiveReturn,
    rejectReturn: async (_root, args, context) =>
      (
        await pages.command(RejectReturnDocument, args, context, ({ rejectReturn: answer }) =>
          'order' in answer ? tagsOfOrder(answer.order) : [],
        )
      ).rejectReturn,
  } satisfies MutationResolvers
}

function staffCommands(pages: Pages) {
  return {
    addProduct: async (_root, args, context) =>
      (
        await changeProduct(
          pages,
          { document: AddProductDocument, args, of: result => result.addProduct },
          context,
        )
      ).addProduct,
    changePrice: async (_root, args, context) =>
      (
        await changeProduct(
          pages,
          { document: ChangePriceDocument, args, of: result => result.changePrice },
          context,
        )
      ).changePrice,
    adjustStock: async (_root, args, context) =>
      (
        await changeProduct(
          pages,
          { document: AdjustStockDocument, args, of: result => result.adjustStock },
          context,
        )
      ).adjustStock,
    dispatchShipment: async (_root, args, context) =>
      (
        await pages.command(DispatchShipmentDocument, args, context, ({ dispatchShipment: answer }) =>
          'shipment' in answer ? [tag.order(answer.shipment.order.id), tag.operations] : [],
        )
      ).dispatchShipment,
  } satisfies MutationResolvers
}

type Recorded = { readonly id: string; readonly customer: { readonly id: string } }

function tagsOfOrder(order: Recorded | null | undefined): readonly string[] {
  if (!order) return []
  return [tag.order(order.id), tag.ordersOf(order.customer.id), tag.orders, tag.operations]
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

type ProductChange<Result, Variables> = {
  readonly document: TypedDocument<Result, Variables>
  readonly args: Variables
  readonly of: (result: Result) => ProductAnswer
}

/** Staff who may change a product see all of it: the answer holds its whole page. */
async function changeProduct<Result, Variables>(
  pages: Pages,
  { document, args, of }: ProductChange<Result, Variables>,
  context: RequestContext,
): Promise<Result> {
  const result = await pages.command(document, args, context, changed => {
    const answer = of(changed)
    if (!('product' in answer)) return []
    return [tag.product(answer.product.sku), tag.catalogue, tag.assortment, tag.operations]
  })
  const answer = of(result)
  if ('product' in answer)
    pages.put(productPage, { sku: answer.product.sku }, { product: answer.product }, context)
  return result
}
