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

/**
 * Which products are listed, and in which order, depends on which products there are and on how they are described and
 * priced. A list of products in stock, and facets, change with every product.
 */
export const productsPage = definePage({
  name: 'products',
  document: ProductsDocument,
  ttlMs: TTL_MS,
  tags: {
    always: ({ filter, facets }) => [filter?.inStock || facets ? tag.catalogue : tag.assortment],
    of: ({ searchProducts: { edges } }) => edges.flatMap(({ node }) => variantTags(node)),
  },
})

export const productPage = definePage({
  name: 'product',
  document: ProductDocument,
  ttlMs: TTL_MS,
  tags: {
    always: ({ sku }) => [tag.product(sku)],
    /** Any product may become a variant of this one. */
    of: ({ product }, { details }) => (product && details ? [tag.assortment, ...variantTags(product)] : []),
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

type WithSku = { readonly sku: string }

/** Returns the tags of the product and of its variants, when they are shown. */
function variantTags({ sku, variants = [] }: WithSku & { readonly variants?: readonly WithSku[] }): string[] {
  return [tag.product(sku), ...variants.map(variant => tag.product(variant.sku))]
}

type WithLines = { readonly lines: readonly WithSku[] }

function productTags(orders: readonly WithLines[]): string[] {
  return [...new Set(orders.flatMap(({ lines }) => lines.map(({ sku }) => tag.product(sku))))]
}
