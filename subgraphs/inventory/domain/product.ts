// Defines the facts of a product: what it is, what a shop shows of it, and how its description changes.
import { accept, type Decision, refuse } from '#platform/domain/decision.ts'
import type { Money } from '#platform/domain/money.ts'
import { type FamilyClash, familyClash, type ProductOption } from '#subgraphs/inventory/domain/family.ts'

type Dimensions = { readonly lengthCm: number; readonly widthCm: number; readonly heightCm: number }

/** A picture: `url` is absolute, or a path that the shop serves; `width` and `height` are its size in pixels. */
export type ProductImage = {
  readonly url: string
  readonly width: number
  readonly height: number
  readonly altText: string
}

/** The place of a product in its family: 0 for the first that joined, and so on. */
export type FamilyPlace = {
  readonly family: string
  readonly familyPlace: number
  readonly options: readonly ProductOption[]
}

/**
 * `description` and `images` are missing where none were ever given, `addedAt` where an earlier release added the product.
 * The place in a family is there of a product with variants, and never changes.
 */
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
} & Partial<FamilyPlace>

/** A missing field stays as it is; null removes the category or the description. */
export type Description = {
  readonly title?: string
  readonly category?: string | null
  readonly description?: string | null
  readonly images?: readonly ProductImage[]
}

/** Holds only what is other than before; `previousCategory` is there together with `category`. */
export type ProductDescribed = Description &
  Partial<FamilyPlace> & {
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

/** Changes nothing when the product is described so already. A product that has a family stays in it. */
export function describeProduct(
  { product }: { readonly product: ProductFacts | null },
  { sku, given, place }: { sku: string; given: Description; place?: FamilyPlace | undefined },
): Decision<
  { readonly type: 'ProductDescribed'; readonly data: ProductDescribed },
  ProductNotFound | FamilyClash
> {
  if (!product) return refuse(productNotFound(sku))
  if (place && product.family !== undefined && product.family !== place.family)
    return refuse(familyClash(`product ${sku} is in family ${product.family} already`))
  const { title, category, description, images } = given
  const changes: Description & Partial<FamilyPlace> = {
    ...(title !== undefined && title !== product.title && { title }),
    ...(category !== undefined && category !== product.category && { category }),
    ...(description !== undefined && description !== (product.description ?? null) && { description }),
    ...(images !== undefined && !sameImages(images, product.images ?? []) && { images }),
    ...(product.family === undefined && place),
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
