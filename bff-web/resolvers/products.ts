// The queries of the web graph about products, and about what shipping costs.
import { connectionOf, ITEMS, selectsCount } from '#bff/graph/connection.ts'
import { pageOf } from '#bff/graph/paging.ts'
import { refusalOf, withPath } from '#bff/graph/refusals.ts'
import { selectedInAll } from '#bff/graph/selection.ts'
import { type Pages, whole } from '#bff/pages/pages.ts'
import { categories, productList, productPage } from '#bff-web/resolvers/product-pages.ts'
import { type ProductData, selectsPage } from '#bff-web/resolvers/product-view.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isSku } from '#platform/domain/sku.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { ProductFilter, QueryResolvers } from '#schema/generated/bff-web.ts'
import { ShippingQuoteDocument } from '#schema/generated/bff-web-operations.ts'

const MAX_PAGE_SIZE = 100

export function productQueries(
  pages: Pages,
): Required<Pick<QueryResolvers, 'product' | 'products' | 'categories' | 'shippingQuote'>> {
  return {
    product: (_root, { sku }, context) => readProduct(pages, sku, context),
    async products(_root, { filter, sort, ...args }, context, info) {
      const variables = {
        filter: canonical(filter),
        sort: sort ?? null,
        ...pageOf(args, MAX_PAGE_SIZE),
        counted: selectsCount(info),
        details: selectsPage(info, ...ITEMS),
        facets: selectedInAll(info).has('facets'),
      }
      const found = whole(await pages.read(productList, variables, context))?.searchProducts
      if (!found) throw new CallerError('UNAVAILABLE', 'the products cannot be shown at the moment')
      return { ...connectionOf(found, product => product), facets: found.facets ?? NO_FACETS }
    },
    categories: async (_root, _args, context) =>
      whole(await pages.read(categories, {}, context))?.categories ?? [],
    async shippingQuote(_root, args, context) {
      try {
        const { quoteShipping } = await pages.run(ShippingQuoteDocument, args, context)
        return withPath(quoteShipping, args)
      } catch (failure) {
        const refusal = refusalOf(failure, args)
        if (refusal?.__typename !== 'InvalidInput') throw failure
        return refusal
      }
    },
  }
}

/** The parent of facets that were not selected, and so not read. */
const NO_FACETS = { categories: [], availability: [], options: [], prices: [], capped: false }

/** Returns null when there is no such product. */
export async function readProduct(
  pages: Pages,
  sku: string,
  context: RequestContext,
): Promise<ProductData | null> {
  if (!isSku(sku)) return null
  const product = whole(await pages.read(productPage, { sku }, context))?.product
  return product ?? null
}

/** Returns equal filters in equal form, so that they share a cached page. */
function canonical(filter: ProductFilter | null | undefined): ProductFilter {
  const { text, category, inStock, options, minPrice, maxPrice, eachVariant } = filter ?? {}
  return {
    ...(text != null && { text }),
    ...(category != null && { category }),
    ...(inStock && { inStock }),
    ...(options != null && options.length > 0 && { options }),
    ...(minPrice != null && { minPrice }),
    ...(maxPrice != null && { maxPrice }),
    ...(eachVariant && { eachVariant }),
  }
}
