// The web graph's resolvers: each page is one gateway operation, whose result already has the page's shape.
import type { GatewayClient } from '#platform/bff/gateway-client.ts'
import type { OrderFeed } from '#platform/bff/order-feed.ts'
import { watchOrder } from '#platform/bff/watch-order.ts'
import type { MutationResolvers, QueryResolvers, SubscriptionResolvers } from '#schema/generated/bff-web.ts'
import {
  AddProductDocument,
  AdjustStockDocument,
  CancelOrderDocument,
  CatalogueDocument,
  ChangePriceDocument,
  CheckoutDocument,
  DispatchShipmentDocument,
  FulfilmentsDocument,
  MeDocument,
  OperationsDocument,
  OrderAsOfDocument,
  OrderPageDocument,
  type OrderPageQuery,
  OrdersDocument,
  ProductPageDocument,
  ProductShippingDocument,
  ReceiveReturnDocument,
  RegisterCustomerDocument,
  RejectReturnDocument,
  RequestReturnDocument,
  ShippingQuoteDocument,
} from '#schema/generated/bff-web-operations.ts'

export type Order = NonNullable<OrderPageQuery['order']>
export type WebResolvers = {
  readonly Query: QueryResolvers
  readonly Mutation: MutationResolvers
  readonly Subscription: SubscriptionResolvers
}

export function createResolvers(gateway: GatewayClient, feed: OrderFeed<Order>): WebResolvers {
  return { Query: queries(gateway), Mutation: mutations(gateway), Subscription: subscriptions(gateway, feed) }
}

function queries(gateway: GatewayClient): QueryResolvers {
  return {
    me: async (_root, _args, context) => (await gateway.run(MeDocument, {}, context)).me ?? null,
    orderPage: async (_root, { id }, context) =>
      (await gateway.run(OrderPageDocument, { id }, context)).order ?? null,
    orders: async (_root, args, context) => (await gateway.run(OrdersDocument, args, context)).orders,
    orderAsOf: async (_root, args, context) =>
      (await gateway.run(OrderAsOfDocument, args, context)).orderAsOf ?? null,
    catalogue: async (_root, args, context) => {
      const { searchProducts, categories } = await gateway.run(CatalogueDocument, args, context)
      return { ...searchProducts, categories }
    },
    // The estimate is in the product's own currency, so it can be asked for only once the product is known.
    productPage: async (_root, { sku, country }, context) => {
      const { product } = await gateway.run(ProductPageDocument, { sku }, context)
      if (!product) return null
      const variables = { sku, country: country ?? 'US', currency: product.price.currency }
      const shipping = await gateway.run(ProductShippingDocument, variables, context)
      return { ...product, shippingEstimate: shipping.product?.shippingEstimate ?? null }
    },
    shippingQuote: async (_root, args, context) =>
      (await gateway.run(ShippingQuoteDocument, args, context)).quoteShipping,
    operations: async (_root, _args, context) => {
      const { lowStock, fulfilments, ...totals } = await gateway.run(OperationsDocument, {}, context)
      return { ...totals, lowStock: lowStock.nodes, stuckFulfilments: fulfilments }
    },
    fulfilments: async (_root, args, context) =>
      (await gateway.run(FulfilmentsDocument, args, context)).fulfilments,
  }
}

function mutations(gateway: GatewayClient): MutationResolvers {
  return {
    registerCustomer: async (_root, args, context) =>
      (await gateway.run(RegisterCustomerDocument, args, context)).registerCustomer,
    checkout: async (_root, args, context) => (await gateway.run(CheckoutDocument, args, context)).placeOrder,
    cancelOrder: async (_root, args, context) =>
      (await gateway.run(CancelOrderDocument, args, context)).cancelOrder,
    requestReturn: async (_root, args, context) =>
      (await gateway.run(RequestReturnDocument, args, context)).requestReturn,
    receiveReturn: async (_root, args, context) =>
      (await gateway.run(ReceiveReturnDocument, args, context)).receiveReturn,
    rejectReturn: async (_root, args, context) =>
      (await gateway.run(RejectReturnDocument, args, context)).rejectReturn,
    addProduct: async (_root, args, context) =>
      (await gateway.run(AddProductDocument, args, context)).addProduct,
    changePrice: async (_root, args, context) =>
      (await gateway.run(ChangePriceDocument, args, context)).changePrice,
    adjustStock: async (_root, args, context) =>
      (await gateway.run(AdjustStockDocument, args, context)).adjustStock,
    dispatchShipment: async (_root, args, context) =>
      (await gateway.run(DispatchShipmentDocument, args, context)).dispatchShipment,
  }
}

function subscriptions(gateway: GatewayClient, feed: OrderFeed<Order>): SubscriptionResolvers {
  return {
    orderUpdated: {
      subscribe: (_root, { id }, context) =>
        watchOrder(feed, id, async () => (await gateway.run(OrderPageDocument, { id }, context)).order),
      resolve: (order: Order) => order,
    },
  }
}
