// The cached pages of the mobile graph: the gateway query of each, the tags that drop it, and how long it is kept.
import { tag } from '#bff/pages/cache-tags.ts'
import type { Page } from '#bff/pages/pages.ts'
import {
  OrderCardOneDocument,
  type OrderCardOneQuery,
  type OrderCardOneQueryVariables,
  OrderCardsDocument,
  type OrderCardsQuery,
  type OrderCardsQueryVariables,
  OrderScreenDocument,
  type OrderScreenQuery,
  type OrderScreenQueryVariables,
  ProductOneDocument,
  type ProductOneQuery,
  type ProductOneQueryVariables,
  ProductsDocument,
  type ProductsQuery,
  type ProductsQueryVariables,
  ProfileDocument,
  type ProfileQuery,
  type ProfileQueryVariables,
} from '#schema/generated/bff-mobile-operations.ts'

/** Events drop the pages that they change: the time only bounds the effect of a lost event. */
const TTL_MS = 5 * 60_000

export const screenPage: Page<OrderScreenQuery, OrderScreenQueryVariables> = {
  name: 'screen',
  document: OrderScreenDocument,
  ttlMs: TTL_MS,
  tags: { always: ({ id }) => [tag.order(id)] },
  isThere: ({ order }) => order !== null,
  entity: ({ id }) => ({ kind: 'order', id }),
}

/** One order as lists show it. */
export const cardPage: Page<OrderCardOneQuery, OrderCardOneQueryVariables> = {
  name: 'card',
  document: OrderCardOneDocument,
  ttlMs: TTL_MS,
  tags: { always: ({ id }) => [tag.order(id)] },
  isThere: ({ order }) => order !== null,
  entity: ({ id }) => ({ kind: 'order', id }),
}

/** A customer's orders, or all orders without a filter. */
export const cardsPage: Page<OrderCardsQuery, OrderCardsQueryVariables> = {
  name: 'cards',
  document: OrderCardsDocument,
  ttlMs: TTL_MS,
  tags: {
    always: ({ filter }) => [filter?.customerId ? tag.ordersOf(filter.customerId) : tag.orders],
    of: ({ orders }) => orders.nodes.map(({ id }) => tag.order(id)),
  },
  isThere: () => true,
}

export const productsPage: Page<ProductsQuery, ProductsQueryVariables> = {
  name: 'products',
  document: ProductsDocument,
  ttlMs: TTL_MS,
  tags: { always: () => [tag.catalogue] },
  isThere: () => true,
}

export const productPage: Page<ProductOneQuery, ProductOneQueryVariables> = {
  name: 'product',
  document: ProductOneDocument,
  ttlMs: TTL_MS,
  tags: { always: ({ sku }) => [tag.product(sku)] },
  isThere: ({ product }) => product !== null,
  entity: ({ sku }) => ({ kind: 'product', id: sku }),
}

export const profilePage: Page<ProfileQuery, ProfileQueryVariables> = {
  name: 'profile',
  document: ProfileDocument,
  ttlMs: TTL_MS,
  tags: { always: ({ id }) => [tag.customer(id)] },
  isThere: ({ customer }) => customer !== null,
}
