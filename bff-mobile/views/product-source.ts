// A product as the graph's resolvers get it: its light part, and what its screen shows when that was read with it.
import { selectedBelow } from '#bff/graph/selection.ts'
import type {
  ProductDetailPartsFragment,
  ProductPartsFragment,
  ProductsQuery,
} from '#schema/generated/bff-mobile-operations.ts'

/** By what a list of products can be narrowed, with counts. */
export type Facets = NonNullable<ProductsQuery['searchProducts']['facets']>
export type AvailabilityFacet = Facets['availability'][number]
export type PriceFacet = Facets['prices'][number]

/** The parent of the fields of Product: what its screen alone shows may be missing. */
export type ProductSource = ProductPartsFragment & ProductDetailPartsFragment

/**
 * Returns whether the client selected what the screen alone shows, of the products at any of `paths` below the resolved
 * field.
 */
export function selectsDetails(
  info: Parameters<typeof selectedBelow>[0],
  ...paths: readonly (readonly string[])[]
): boolean {
  const fields = new Set(paths.flatMap(path => [...selectedBelow(info, ...path)]))
  return fields.has('description') || fields.has('variants')
}
