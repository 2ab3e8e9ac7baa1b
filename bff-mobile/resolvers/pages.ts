// The cached pages of the mobile graph: the gateway query of each, the tags that drop it, and how long it is kept.
import { tag } from '#bff/pages/cache-tags.ts'
import { definePage } from '#bff/pages/pages.ts'
import {
  OrderCardOneDocument,
  OrderCardsDocument,
  OrderScreenDocument,
  ProductOneDocument,
  ProductsDocument,
  ProfileDocument,
} from '#schema/generated/bff-mobile-operations.ts'

/** Events drop the pages that they change: the time only bounds the effect of a lost event. */
const TTL_MS = 5 * 60_000

export const screenPage = definePage({
  name: 'screen',
  document: OrderScreenDocument,
  ttlMs: TTL_MS,
  tags: { always: ({ id }) => [tag.order(id)] },
  isThere: ({ order }) => order !== null,
})

/** One order as lists show it. */
export const cardPage = definePage({
  name: 'card',
  document: OrderCardOneDocument,
  ttlMs: TTL_MS,
  tags: { always: ({ id }) => [tag.order(id)] },
  isThere: ({ order }) => order !== null,
})

/** A customer's orders, or all orders without a filter. */
export const cardsPage = definePage({
  name: 'cards',
  document: OrderCardsDocument,
  ttlMs: TTL_MS,
  tags: {
    always: ({ filter }) => [filter?.customerId ? tag.ordersOf(filter.customerId) : tag.orders],
    of: ({ orders }) => orders.nodes.map(({ id }) => tag.order(id)),
  },
})

export const productsPage = definePage({
  name: 'products',
  document: ProductsDocument,
  ttlMs: TTL_MS,
  tags: { always: () => [tag.catalogue] },
})

export const productPage = definePage({
  name: 'product',
  document: ProductOneDocument,
  ttlMs: TTL_MS,
  tags: { always: ({ sku }) => [tag.product(sku)] },
  isThere: ({ product }) => product !== null,
})

export const profilePage = definePage({
  name: 'profile',
  document: ProfileDocument,
  ttlMs: TTL_MS,
  tags: { always: ({ id }) => [tag.customer(id)] },
  isThere: ({ customer }) => customer !== null,
})
