// The mobile graph's resolvers: each screen is one gateway operation, formatted in the caller's language.
import { type Order, orderCard, orderScreen, productCard } from '#bff-mobile/screens.ts'
import { chooseLocale, type Texts, textsFor } from '#bff-mobile/texts.ts'
import type { GatewayClient } from '#platform/bff/gateway-client.ts'
import type { OrderFeed } from '#platform/bff/order-feed.ts'
import { watchOrder } from '#platform/bff/watch-order.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type {
  CheckoutOutcome,
  MutationCheckoutArgs,
  MutationResolvers,
  OrderOutcome,
  QueryResolvers,
  SubscriptionResolvers,
} from '#schema/generated/bff-mobile.ts'
import {
  MobileCancelDocument,
  type MobileCancelMutation,
  MobileCheckoutDocument,
  type MobileCheckoutMutation,
  OrderCardsDocument,
  OrderScreenDocument,
  ProductOneDocument,
  ProductsDocument,
  ProfileDocument,
} from '#schema/generated/bff-mobile-operations.ts'

const PAGE_LIMIT = 50
/** A phone waits this long for a command's outcome; afterwards the order's screen tells. */
const SETTLE_MS = 5000

export type MobileResolvers = {
  readonly Query: QueryResolvers
  readonly Mutation: MutationResolvers
  readonly Subscription: SubscriptionResolvers
}

export function createResolvers(gateway: GatewayClient, feed: OrderFeed<Order>): MobileResolvers {
  return {
    Query: queries(gateway),
    Mutation: mutations(gateway),
    Subscription: {
      orderChanged: {
        subscribe: (_root, { id }, context) =>
          watchOrder(feed, id, async () => (await gateway.run(OrderScreenDocument, { id }, context)).order),
        resolve: (order: Order, _args: unknown, context: RequestContext) =>
          orderScreen(order, textsOf(context)),
      },
    },
  }
}

function textsOf(context: RequestContext): Texts {
  return textsFor(chooseLocale(context.language))
}

function pageSize(first: number): number {
  if (first >= 1 && first <= PAGE_LIMIT) return first
  throw new CallerError('BAD_USER_INPUT', `first is ${first}; it should be 1 to ${PAGE_LIMIT}`)
}

function nextOf({
  hasNextPage,
  endCursor,
}: {
  hasNextPage: boolean
  endCursor?: string | null
}): string | null {
  return hasNextPage ? (endCursor ?? null) : null
}

function queries(gateway: GatewayClient): QueryResolvers {
  return {
    orders: async (_root, { first, after }, context) => {
      const variables = { first: pageSize(first), after: after ?? null }
      const { orders } = await gateway.run(OrderCardsDocument, variables, context)
      const texts = textsOf(context)
      return { items: orders.nodes.map(order => orderCard(order, texts)), next: nextOf(orders.pageInfo) }
    },
    order: async (_root, { id }, context) => {
      const { order } = await gateway.run(OrderScreenDocument, { id }, context)
      return order ? orderScreen(order, textsOf(context)) : null
    },
    products: async (_root, { search, category, first, after }, context) => {
      const filter = { text: search ?? null, category: category ?? null }
      const variables = { filter, first: pageSize(first), after: after ?? null }
      const { searchProducts } = await gateway.run(ProductsDocument, variables, context)
      const texts = textsOf(context)
      return {
        items: searchProducts.nodes.map(product => productCard(product, texts)),
        next: nextOf(searchProducts.pageInfo),
      }
    },
    product: async (_root, { sku }, context) => {
      const { product } = await gateway.run(ProductOneDocument, { sku }, context)
      return product ? productCard(product, textsOf(context)) : null
    },
    me: async (_root, _args, context) => (await gateway.run(ProfileDocument, {}, context)).me ?? null,
  }
}

function mutations(gateway: GatewayClient): MutationResolvers {
  return {
    checkout: async (_root, { input }, context) => {
      const { placeOrder } = await gateway.run(MobileCheckoutDocument, checkoutVariables(input), context)
      return checkoutOutcome(placeOrder, textsOf(context))
    },
    cancelOrder: async (_root, { idempotencyKey, orderId }, context) => {
      const input = { idempotencyKey, orderId, settleWithinMs: SETTLE_MS }
      const { cancelOrder } = await gateway.run(MobileCancelDocument, { input }, context)
      return cancelOutcome(cancelOrder, textsOf(context))
    },
  }
}

function checkoutVariables(input: MutationCheckoutArgs['input']) {
  return {
    input: {
      idempotencyKey: input.idempotencyKey,
      lines: input.lines,
      tenders: [{ kind: 'CARD' as const, token: input.cardToken }],
      deliveryAddress: input.address,
      shippingOption: input.express ? ('EXPRESS' as const) : ('STANDARD' as const),
      settleWithinMs: SETTLE_MS,
    },
  }
}

function checkoutOutcome(result: MobileCheckoutMutation['placeOrder'], texts: Texts): CheckoutOutcome {
  switch (result.__typename) {
    case 'OrderAccepted':
      return { order: orderCard(result.order, texts), refusal: null }
    case 'OrderNotFulfilled':
      return { order: orderCard(result.order, texts), refusal: refusal(result) }
    case 'OutOfStock': {
      const skus = result.shortages.map(({ sku }) => sku)
      return { order: cardOrNull(result.cancelledOrder, texts), refusal: { ...refusal(result), skus } }
    }
    case 'PaymentDeclined':
      return { order: cardOrNull(result.cancelledOrder, texts), refusal: refusal(result) }
    case 'UnknownProduct':
      return { order: null, refusal: { ...refusal(result), skus: result.skus } }
    case 'UnknownCustomer':
    case 'TotalChanged':
    case 'TenderMismatch':
    case 'MixedCurrencies':
      return { order: null, refusal: refusal(result) }
  }
}

function cancelOutcome(result: MobileCancelMutation['cancelOrder'], texts: Texts): OrderOutcome {
  return result.__typename === 'OrderCancellation'
    ? { order: orderCard(result.order, texts), refusal: null }
    : { order: null, refusal: refusal(result) }
}

function cardOrNull(order: Parameters<typeof orderCard>[0] | null | undefined, texts: Texts) {
  return order ? orderCard(order, texts) : null
}

function refusal({ code, message }: { code: string; message: string }) {
  return { code, message, skus: [] }
}
