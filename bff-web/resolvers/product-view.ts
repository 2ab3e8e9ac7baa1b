// A product as the gateway gives it: its light part, and what its page shows when that was read with it.
import { selectedBelow } from '#bff/graph/selection.ts'
import type {
  ProductCardPartsFragment,
  ProductPagePartsFragment,
} from '#schema/generated/bff-web-operations.ts'

/** A product as the gateway gives it: what its page alone shows may be missing. */
export type ProductData = ProductCardPartsFragment & Partial<ProductPagePartsFragment>
export type ProductPageData = ProductPagePartsFragment

export const PAGE_FIELDS = ['description', 'weightGrams', 'dimensions', 'stock', 'variants'] as const

/**
 * Returns whether the client selected what the page alone shows, of the products at any of `paths` below the resolved field.
 */
export function selectsPage(
  info: Parameters<typeof selectedBelow>[0],
  ...paths: readonly (readonly string[])[]
): boolean {
  const fields = new Set(paths.flatMap(path => [...selectedBelow(info, ...path)]))
  return PAGE_FIELDS.some(field => fields.has(field))
}
