// The mutations of the mobile graph: each sends one of the gateway's and returns its outcome as a card or a refusal.

import { tag } from '#bff/pages/cache-tags.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { cardPage } from '#bff-mobile/resolvers/pages.ts'
import { type Localization, localizationOf } from '#bff-mobile/views/localization.ts'
import { orderCard } from '#bff-mobile/views/order-view.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type {
  MutationCheckoutArgs,
  MutationResolvers,
  ResolversParentTypes,
} from '#schema/generated/bff-mobile.ts'
import {
  type CardPartsFragment,
  MobileCancelDocument,
  type MobileCancelMutation,
  MobileCheckoutDocument,
  type MobileCheckoutMutation,
} from '#schema/generated/bff-mobile-operations.ts'

/** How long a phone waits for a command's outcome; after that, the order's screen shows it. */
const SETTLE_MS = 5000

export function mutations(pages: Pages): MutationResolvers {
  return {
    checkout: async (_root, { input }, context) => {
      const variables = checkoutVariables(input)
      const touches = (result: MobileCheckoutMutation) => orderTags(orderOfCheckout(result.placeOrder))
      const command = { document: MobileCheckoutDocument, variables, touches }
      const { placeOrder } = await pages.command(command, context)
      cacheCard(pages, orderOfCheckout(placeOrder), context)
      return checkoutOutcome(placeOrder, localizationOf(context))
    },
    cancelOrder: async (_root, { idempotencyKey, orderId }, context) => {
      const variables = { input: { idempotencyKey, orderId, settleWithinMs: SETTLE_MS } }
      const touches = (result: MobileCancelMutation) => orderTags(orderOfCancel(result.cancelOrder))
      const command = { document: MobileCancelDocument, variables, touches }
      const { cancelOrder } = await pages.command(command, context)
      cacheCard(pages, orderOfCancel(cancelOrder), context)
      return cancelOutcome(cancelOrder, localizationOf(context))
    },
  }
}

function orderTags(order: CardPartsFragment | null): string[] {
  return order ? [tag.order(order.id), tag.orders, tag.ordersOf(order.customer.id)] : []
}

/** Caches the card, which the result holds whole, for the feed and the lists of changes that read it next. */
function cacheCard(pages: Pages, order: CardPartsFragment | null, context: RequestContext): void {
  if (order) pages.put(cardPage, { variables: { id: order.id }, result: { order } }, context)
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

type CheckoutOutcome = ResolversParentTypes['CheckoutOutcome']
type OrderOutcome = ResolversParentTypes['OrderOutcome']
type CheckoutResult = MobileCheckoutMutation['placeOrder']
type CancelResult = MobileCancelMutation['cancelOrder']

function orderOfCheckout(result: CheckoutResult): CardPartsFragment | null {
  if ('order' in result) return result.order
  return 'cancelledOrder' in result ? result.cancelledOrder : null
}

function orderOfCancel(result: CancelResult): CardPartsFragment | null {
  return 'order' in result ? result.order : null
}

function checkoutOutcome(result: CheckoutResult, localization: Localization): CheckoutOutcome {
  const card = cardOrNull(orderOfCheckout(result), localization)
  const pending = result.__typename === 'OrderPending'
  switch (result.__typename) {
    case 'OrderAccepted':
    case 'OrderPending':
      return { order: card, refusal: null, pending }
    case 'OutOfStock':
      return {
        pending,
        order: card,
        refusal: { ...refusal(result), skus: result.shortages.map(({ sku }) => sku) },
      }
    case 'UnknownProduct':
      return { order: null, refusal: { ...refusal(result), skus: result.skus }, pending }
    case 'OrderNotFulfilled':
    case 'PaymentDeclined':
    case 'UnknownCustomer':
    case 'TotalChanged':
    case 'TenderMismatch':
    case 'MixedCurrencies':
      return { order: card, refusal: refusal(result), pending }
  }
}

function cancelOutcome(result: CancelResult, localization: Localization): OrderOutcome {
  return result.__typename === 'OrderCancellation'
    ? { order: orderCard(result.order, localization), refusal: null }
    : { order: null, refusal: refusal(result) }
}

function cardOrNull(order: CardPartsFragment | null, localization: Localization) {
  return order ? orderCard(order, localization) : null
}

function refusal({ code, message }: { readonly code: string; readonly message: string }) {
  return { code, message, skus: [] }
}
