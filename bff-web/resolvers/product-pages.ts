// The cached pages about products and operations: the gateway query of each, the tags that drop it, and how long it is kept.
import { tag } from '#bff/pages/cache-tags.ts'
import { definePage } from '#bff/pages/pages.ts'
import type { ProductData } from '#bff-web/resolvers/product-view.ts'
import {
  CategoriesDocument,
  InventoryTotalsDocument,
  LowStockDocument,
  OpenMovementsDocument,
  OrderTotalsDocument,
  PaymentTotalsDocument,
  ProductPageDocument,
  ProductShippingDocument,
  ProductsDocument,
  RefusedMovementTotalsDocument,
  StuckFulfilmentsDocument,
} from '#schema/generated/bff-web-operations.ts'

const MINUTE_MS = 60_000
/** Events drop the pages that they change: the time only bounds the effect of a lost event. */
const LIFETIME = { ttlMs: 10 * MINUTE_MS, staleMs: 20 * MINUTE_MS } as const

/**
 * Which products are listed, and in which order, depends on which products there are and on how they are described and
 * priced; each card changes with its product. A list of products in stock, and counts, change with every product.
 */
export const productList = definePage({
  name: 'product-list',
  document: ProductsDocument,
  ...LIFETIME,
  tags: {
    always: ({ filter, facets }) => [filter?.inStock || facets ? tag.catalogue : tag.assortment],
    of: ({ searchProducts: { edges } }) => edges.flatMap(({ node }) => productTags(node)),
  },
})

export const categories = definePage({
  name: 'categories',
  document: CategoriesDocument,
  ...LIFETIME,
  tags: { always: () => [tag.assortment] },
})

export const productPage = definePage({
  name: 'product',
  document: ProductPageDocument,
  ...LIFETIME,
  tags: {
    always: ({ sku }) => [tag.product(sku)],
    of: ({ product }) => (product ? [tag.assortment, ...productTags(product)] : []),
  },
  isThere: ({ product }) => Boolean(product),
})

/** Returns the tags of the product and of its variants, when they are shown. */
function productTags({ sku, variants = [] }: ProductData): readonly string[] {
  return [tag.product(sku), ...variants.map(variant => tag.product(variant.sku))]
}

export const productShipping = definePage({
  name: 'product-shipping',
  document: ProductShippingDocument,
  ...LIFETIME,
  tags: { always: ({ sku }) => [tag.product(sku)] },
  isThere: ({ product }) => Boolean(product),
})

export const orderTotals = definePage({
  name: 'order-totals',
  document: OrderTotalsDocument,
  ...LIFETIME,
  tags: { always: () => [tag.orders] },
})

export const inventoryTotals = definePage({
  name: 'inventory-totals',
  document: InventoryTotalsDocument,
  ...LIFETIME,
  tags: { always: () => [tag.catalogue] },
})

export const paymentTotals = definePage({
  name: 'payment-totals',
  document: PaymentTotalsDocument,
  ...LIFETIME,
  tags: { always: () => [tag.operations] },
})

export const lowStock = definePage({
  name: 'products-low',
  document: LowStockDocument,
  ...LIFETIME,
  tags: { always: () => [tag.catalogue] },
})

/** A fulfilment gets stuck without any event, so this is cached for a moment only. */
export const stuckFulfilments = definePage({
  name: 'fulfilments-stuck',
  document: StuckFulfilmentsDocument,
  ttlMs: 1_000,
  tags: { always: () => [tag.operations] },
})

export const openMovements = definePage({
  name: 'movements-open',
  document: OpenMovementsDocument,
  ...LIFETIME,
  tags: { always: () => [tag.operations] },
})

export const movementTotals = definePage({
  name: 'movement-totals',
  document: RefusedMovementTotalsDocument,
  ...LIFETIME,
  tags: { always: () => [tag.operations] },
})
