// Defines the facts of a product: what it is, what a shop shows of it, and how its description changes.
import { accept, type Decision, refuse } from '#platform/domain/decision.ts'
import type { Money } from '#platform/domain/money.ts'

type Dimensions = { readonly lengthCm: number; readonly widthCm: number; readonly heightCm: number }

/** A picture: `url` is absolute, or a path that the shop serves; `width` and `height` are its size in pixels. */
export type ProductImage = {
  readonly url: string
  readonly width: number
  readonly height: number
  readonly altText: string
}

/** `description` and `images` are missing where none were ever given, `addedAt` where an earlier release added the product. */
export type ProductFacts = {
  readonly title: string
  readonly category: string | null
  readonly price: Money
  readonly weightGrams: number
  readonly dimensions: Dimensions
  readonly lowStockThreshold: number
  readonly description?: string | null
  readonly images?: readonly ProductImage[]
  readonly addedAt?: string
}

/** What is missing stays as it is; null removes the category or the description. */
export type Description = {
  readonly title?: string
  readonly category?: string | null
  readonly description?: string | null
  readonly images?: readonly ProductImage[]
}

/** Holds only what is other than before; `previousCategory` is there together with `category`. */
export type ProductDescribed = Description & {
  readonly sku: string
  readonly previousCategory?: string | null
}

export type ProductNotFound = {
  readonly code: 'PRODUCT_NOT_FOUND'
  readonly message: string
  readonly sku: string
}

export function productNotFound(sku: string): ProductNotFound {
  return { code: 'PRODUCT_NOT_FOUND', message: `There is no product ${sku}.`, sku }
}

/** Changes nothing when the product is described so already. */
export function describeProduct(
  { product }: { readonly product: ProductFacts | null },
  { sku, given }: { sku: string; given: Description },
): Decision<{ readonly type: 'ProductDescribed'; readonly data: ProductDescribed }, ProductNotFound> {
  if (!product) return refuse(productNotFound(sku))
  const { title, category, description, images } = given
  const changes: Description = {
    ...(title !== undefined && title !== product.title && { title }),
    ...(category !== undefined && category !== product.category && { category }),
    ...(description !== undefined && description !== (product.description ?? null) && { description }),
    ...(images !== undefined && !sameImages(images, product.images ?? []) && { images }),
  }
  if (Object.keys(changes).length === 0) return accept()
  const previous = 'category' in changes && { previousCategory: product.category }
  return accept({ type: 'ProductDescribed', data: { ...changes, ...previous, sku } })
}

function sameImages(some: readonly ProductImage[], others: readonly ProductImage[]): boolean {
  return (
    some.length === others.length &&
    some.every((image, index) => {
      const other = others[index]
      return (
        other !== undefined &&
        image.url === other.url &&
        image.width === other.width &&
        image.height === other.height &&
        image.altText === other.altText
      )
    })
  )
}

/** Returns the facts as they are after the event. */
export function describedAs(
  product: ProductFacts,
  { sku: _, previousCategory: _category, ...changes }: ProductDescribed,
): ProductFacts {
  return { ...product, ...changes }
}
