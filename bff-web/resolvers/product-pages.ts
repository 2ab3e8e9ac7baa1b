// The cached pages about products and operations: the gateway query of each, the tags that drop it, and how long it is kept.
import { tag } from '#bff/pages/cache-tags.ts'
import type { Page } from '#bff/pages/pages.ts'
import {
  CatalogueDocument,
  type CatalogueQuery,
  type CatalogueQueryVariables,
  CategoriesDocument,
  type CategoriesQuery,
  InventoryTotalsDocument,
  type InventoryTotalsQuery,
  LowStockDocument,
  type LowStockQuery,
  OpenMovementsDocument,
  type OpenMovementsQuery,
  OrderTotalsDocument,
  type OrderTotalsQuery,
  PaymentTotalsDocument,
  type PaymentTotalsQuery,
  ProductPageDocument,
  type ProductPageQuery,
  type ProductPageQueryVariables,
  ProductShippingDocument,
  type ProductShippingQuery,
  type ProductShippingQueryVariables,
  RefusedMovementTotalsDocument,
  type RefusedMovementTotalsQuery,
  StuckFulfilmentsDocument,
  type StuckFulfilmentsQuery,
} from '#schema/generated/bff-web-operations.ts'

type None = Record<string, never>

const MINUTE_MS = 60_000
/** Events drop the pages that they change: the time only bounds the effect of a lost event. */
const LIFETIME = { ttlMs: 10 * MINUTE_MS, staleMs: 20 * MINUTE_MS } as const
const always = () => true

/**
 * Which products are listed depends on which products exist and on facts that a product never changes; each card changes
 * with its product. Only a list of products in stock changes with every product.
 */
export const catalogue: Page<CatalogueQuery, CatalogueQueryVariables> = {
  name: 'catalogue',
  document: CatalogueDocument,
  ...LIFETIME,
  tags: {
    always: ({ filter }) => [filter?.inStock ? tag.catalogue : tag.assortment],
    of: ({ searchProducts }) => searchProducts.nodes.map(({ sku }) => tag.product(sku)),
  },
  isThere: always,
}

export const categories: Page<CategoriesQuery, None> = {
  name: 'categories',
  document: CategoriesDocument,
  ...LIFETIME,
  tags: { always: () => [tag.assortment] },
  isThere: always,
}

export const productPage: Page<ProductPageQuery, ProductPageQueryVariables> = {
  name: 'product-page',
  document: ProductPageDocument,
  ...LIFETIME,
  tags: { always: ({ sku }) => [tag.product(sku)] },
  isThere: ({ product }) => Boolean(product),
  entity: ({ sku }) => ({ kind: 'product', id: sku }),
}

export const productShipping: Page<ProductShippingQuery, ProductShippingQueryVariables> = {
  name: 'product-shipping',
  document: ProductShippingDocument,
  ...LIFETIME,
  tags: { always: ({ sku }) => [tag.product(sku)] },
  isThere: ({ product }) => Boolean(product),
}

export const orderTotals: Page<OrderTotalsQuery, None> = {
  name: 'order-totals',
  document: OrderTotalsDocument,
  ...LIFETIME,
  tags: { always: () => [tag.orders] },
  isThere: always,
}

export const inventoryTotals: Page<InventoryTotalsQuery, None> = {
  name: 'inventory-totals',
  document: InventoryTotalsDocument,
  ...LIFETIME,
  tags: { always: () => [tag.catalogue] },
  isThere: always,
}

export const paymentTotals: Page<PaymentTotalsQuery, None> = {
  name: 'payment-totals',
  document: PaymentTotalsDocument,
  ...LIFETIME,
  tags: { always: () => [tag.operations] },
  isThere: always,
}

export const lowStock: Page<LowStockQuery, None> = {
  name: 'low-stock',
  document: LowStockDocument,
  ...LIFETIME,
  tags: { always: () => [tag.catalogue] },
  isThere: always,
}

/** A fulfilment gets stuck without any event, so this is cached for a moment only. */
export const stuckFulfilments: Page<StuckFulfilmentsQuery, None> = {
  name: 'stuck-fulfilments',
  document: StuckFulfilmentsDocument,
  ttlMs: 1_000,
  tags: { always: () => [tag.operations] },
  isThere: always,
}

export const openMovements: Page<OpenMovementsQuery, None> = {
  name: 'open-movements',
  document: OpenMovementsDocument,
  ...LIFETIME,
  tags: { always: () => [tag.operations] },
  isThere: always,
}

export const movementTotals: Page<RefusedMovementTotalsQuery, None> = {
  name: 'movement-totals',
  document: RefusedMovementTotalsDocument,
  ...LIFETIME,
  tags: { always: () => [tag.operations] },
  isThere: always,
}
