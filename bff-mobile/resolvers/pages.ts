// The cached pages of the mobile graph: the gateway query of each, the tags that drop it, and how long it is kept.
import { tag } from '#bff/pages/cache-tags.ts'
import { definePage } from '#bff/pages/pages.ts'
import {
  CategoriesDocument,
  OrderDocument,
  OrdersDocument,
  ProductDocument,
  ProductsDocument,
  ProfileDocument,
} from '#schema/generated/bff-mobile-operations.ts'

/** Events drop the pages that they change: the time only bounds the effect of a lost event. */
const TTL_MS = 5 * 60_000

/** Cached once for each set of sections. */
export const orderPage = definePage({
  name: 'order',
  document: OrderDocument,
  ttlMs: TTL_MS,
  tags: {
    always: ({ id }) => [tag.order(id)],
    of: ({ order }, { products }) => (order && products ? productTags([order]) : []),
  },
  isThere: ({ order }) => order !== null,
})

/** A customer's orders, or all orders without a customer in the filter. */
export const ordersPage = definePage({
  name: 'orders',
  document: OrdersDocument,
  ttlMs: TTL_MS,
  tags: {
    always: ({ filter }) => [filter?.customerId ? tag.ordersOf(filter.customerId) : tag.orders],
    of({ orders }, { products }) {
      const nodes = orders.edges.map(({ node }) => node)
      return [...nodes.map(({ id }) => tag.order(id)), ...(products ? productTags(nodes) : [])]
    },
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
  document: ProductDocument,
  ttlMs: TTL_MS,
  tags: {
    always: ({ sku }) => [tag.product(sku)],
    /** Any product may become a variant of this one. */
    of: ({ product }, { details }) =>
      product && details
        ? [tag.assortment, ...(product.variants ?? []).map(({ sku }) => tag.product(sku))]
        : [],
  },
  isThere: ({ product }) => product !== null,
})

export const categoriesPage = definePage({
  name: 'categories',
  document: CategoriesDocument,
  ttlMs: TTL_MS,
  tags: { always: () => [tag.assortment] },
})

export const profilePage = definePage({
  name: 'profile',
  document: ProfileDocument,
  ttlMs: TTL_MS,
  tags: { always: ({ id }) => [tag.customer(id)] },
  isThere: ({ customer }) => customer !== null,
})

type WithLines = { readonly lines: readonly { readonly sku: string }[] }

function productTags(orders: readonly WithLines[]): string[] {
  return [...new Set(orders.flatMap(({ lines }) => lines.map(({ sku }) => tag.product(sku))))]
}
