// The catalogue of the mobile graph: its queries, and the fields of a product.
import { connectionOf, ITEMS, selectsCount } from '#bff/graph/connection.ts'
import { productId } from '#bff/graph/node-ids.ts'
import { pageOf } from '#bff/graph/paging.ts'
import { selectedInAll } from '#bff/graph/selection.ts'
import { asVariants } from '#bff/graph/variants.ts'
import { type Pages, whole } from '#bff/pages/pages.ts'
import { categoriesPage, productPage, productsPage } from '#bff-mobile/resolvers/pages.ts'
import { quoteShipping } from '#bff-mobile/resolvers/shipping-quote.ts'
import { localizationOf } from '#bff-mobile/views/localization.ts'
import { type Facets, type ProductSource, selectsDetails } from '#bff-mobile/views/product-source.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isSku } from '#platform/domain/sku.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type {
  ProductFilter,
  ProductResolvers,
  QueryResolvers,
  Resolvers,
} from '#schema/generated/bff-mobile.ts'

const MAX_PAGE_SIZE = 50

export function productQueries(
  pages: Pages,
): Required<Pick<QueryResolvers, 'products' | 'product' | 'categories' | 'shippingQuote'>> {
  return {
    async products(_root, { filter, sort, ...args }, context, info) {
      const variables = {
        filter: canonical(filter),
        sort: sort ?? null,
        ...pageOf(args, MAX_PAGE_SIZE),
        details: selectsDetails(info, ...ITEMS),
        counted: selectsCount(info),
        facets: selectedInAll(info).has('facets'),
      }
      const found = whole(await pages.read(productsPage, variables, context)) ?? unavailable('the products')
      const { facets = NO_FACETS } = found.searchProducts
      return { ...connectionOf(found.searchProducts, product => product), facets }
    },
    product: (_root, { sku }, context, info) =>
      readProduct(pages, { sku, details: selectsDetails(info, []) }, context),
    categories: async (_root, _args, context) =>
      (whole(await pages.read(categoriesPage, {}, context)) ?? unavailable('the categories')).categories,
    shippingQuote: (_root, { input }, context) => quoteShipping(pages, input, context),
  }
}

/** Returns null when there is no such product. */
export async function readProduct(
  pages: Pages,
  { sku, details }: { readonly sku: string; readonly details: boolean },
  context: RequestContext,
): Promise<ProductSource | null> {
  if (!isSku(sku)) return null
  return whole(await pages.read(productPage, { sku, details }, context))?.product ?? null
}

function unavailable(what: string): never {
  throw new CallerError('UNAVAILABLE', `${what} cannot be shown at the moment`)
}

/** Returns equal filters in equal form, so that they share a cached page. */
function canonical(filter: ProductFilter | null | undefined): ProductFilter {
  const { text, category, inStock, options, minPrice, maxPrice, eachVariant } = filter ?? {}
  return {
    ...(text != null && { text }),
    ...(category != null && { category }),
    ...(inStock && { inStock }),
    ...(options != null && { options }),
    ...(minPrice != null && { minPrice }),
    ...(maxPrice != null && { maxPrice }),
    ...(eachVariant && { eachVariant }),
  }
}

/** The facets of a list whose facets nobody selected. */
const NO_FACETS: Facets = { categories: [], availability: [], options: [], prices: [], capped: false }

/** Facets say what they are in the user's language, too. */
export const facetTypes: Required<Pick<Resolvers, 'AvailabilityCount' | 'PriceRange'>> = {
  AvailabilityCount: {
    availabilityText: ({ availability }, _args, context) =>
      localizationOf(context).translations.availability[availability],
  },
  PriceRange: {
    min: ({ min, currency }) => ({ amount: min, currency }),
    max: ({ max, currency }) => ({ amount: max, currency }),
  },
}

/** Days throw CallerError BAD_USER_INPUT for an unknown time zone. */
export function productFields(pages: Pages): ProductResolvers {
  return {
    id: ({ sku }) => productId(sku),
    description: async (product, _args, context) =>
      (await withDetails(pages, product, context)).description ?? null,
    variants: async (product, _args, context) =>
      asVariants(product.variants ?? (await withDetails(pages, product, context)).variants ?? []),
    availabilityText: ({ availability }, _args, context) =>
      localizationOf(context).translations.availability[availability],
    canOrder: ({ availability }) => availability !== 'OUT_OF_STOCK',
    added: ({ addedAt }, { timeZone }, context) => localizationOf(context).date(addedAt, timeZone),
  }
}

/** Returns the product with what its screen alone shows, which is read when it was not read with the product. */
async function withDetails(
  pages: Pages,
  product: ProductSource,
  context: RequestContext,
): Promise<ProductSource> {
  if (product.description !== undefined) return product
  return (
    (await readProduct(pages, { sku: product.sku, details: true }, context)) ?? unavailable('the product')
  )
}
