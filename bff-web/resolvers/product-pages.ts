// The cached pages about products and operations: the gateway query of each, the tags that drop it, and how long it is kept.
import { tag } from '#bff/pages/cache-tags.ts'
import { definePage } from '#bff/pages/pages.ts'
import {
  CatalogueDocument,
  CategoriesDocument,
  InventoryTotalsDocument,
  LowStockDocument,
  OpenMovementsDocument,
  OrderTotalsDocument,
  PaymentTotalsDocument,
  ProductPageDocument,
  ProductShippingDocument,
  RefusedMovementTotalsDocument,
  StuckFulfilmentsDocument,
} from '#schema/generated/bff-web-operations.ts'

const MINUTE_MS = 60_000
/** Events drop the pages that they change: the time only bounds the effect of a lost event. */
const LIFETIME = { ttlMs: 10 * MINUTE_MS, staleMs: 20 * MINUTE_MS } as const

/**
 * Which products are listed depends on which products there are and on how they are described; each card changes with its
 * product. Only a list of products in stock changes with every product.
 */
export const catalogue = definePage({
  name: 'catalogue',
  document: CatalogueDocument,
  ...LIFETIME,
  tags: {
    always: ({ filter }) => [filter?.inStock ? tag.catalogue : tag.assortment],
    of: ({ searchProducts }) => searchProducts.nodes.map(({ sku }) => tag.product(sku)),
  },
})

export const categories = definePage({
  name: 'categories',
  document: CategoriesDocument,
  ...LIFETIME,
  tags: { always: () => [tag.assortment] },
})

export const productPage = definePage({
  name: 'product-page',
  document: ProductPageDocument,
  ...LIFETIME,
  tags: { always: ({ sku }) => [tag.product(sku)] },
  isThere: ({ product }) => Boolean(product),
})

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
  name: 'low-stock',
  document: LowStockDocument,
  ...LIFETIME,
  tags: { always: () => [tag.catalogue] },
})

/** A fulfilment gets stuck without any event, so this is cached for a moment only. */
export const stuckFulfilments = definePage({
  name: 'stuck-fulfilments',
  document: StuckFulfilmentsDocument,
  ttlMs: 1_000,
  tags: { always: () => [tag.operations] },
})

export const openMovements = definePage({
  name: 'open-movements',
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
