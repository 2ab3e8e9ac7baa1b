// The queries of the web graph about products: the catalogue, a product's page, and shipping quotes.
import type { Pages } from '#bff/pages/pages.ts'
import { checkCountry, hideStaffFields } from '#bff-web/resolvers/access.ts'
import { catalogue, categories, productPage, productShipping } from '#bff-web/resolvers/product-pages.ts'
import { readSection, whole } from '#bff-web/resolvers/section-notices.ts'
import { selects } from '#bff-web/resolvers/selection.ts'
import { isSku } from '#platform/domain/sku.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type {
  CatalogueFilter,
  ProductNotice,
  QueryCatalogueArgs,
  QueryResolvers,
} from '#schema/generated/bff-web.ts'
import {
  type CatalogueQuery,
  type ProductShippingQueryVariables,
  ShippingQuoteDocument,
  type ShippingQuoteQuery,
} from '#schema/generated/bff-web-operations.ts'

const DEFAULT_FIRST = 20

export function productQueries(
  pages: Pages,
): Required<Pick<QueryResolvers, 'catalogue' | 'productPage' | 'shippingQuote'>> {
  return {
    async catalogue(_root, args, context, info) {
      const [products, categoryNames] = await Promise.all([
        selects(info, 'nodes') || selects(info, 'pageInfo') ? readCatalogue(pages, args, context) : NOTHING,
        selects(info, 'categories') ? readCategories(pages, context) : [],
      ])
      return { ...products, categories: categoryNames }
    },
    async productPage(_root, args, context, info) {
      const country = checkCountry(args.country ?? 'US')
      if (!isSku(args.sku)) return null
      const product = whole(await pages.read(productPage, { sku: args.sku }, context))?.product
      if (!product) return null
      const shown = hideStaffFields(product, context.viewer)
      if (!selects(info, 'shippingEstimate')) return { ...shown, notices: [] }
      const { sku, price } = product
      return { ...shown, ...(await estimate(pages, { sku, country, currency: price.currency }, context)) }
    },
    async shippingQuote(_root, args, context): Promise<ShippingQuoteQuery['quoteShipping']> {
      return (await pages.run(ShippingQuoteDocument, args, context)).quoteShipping
    },
  }
}

const NOTHING: CatalogueQuery['searchProducts'] = {
  nodes: [],
  pageInfo: { hasNextPage: false, endCursor: null },
}

async function readCatalogue(pages: Pages, args: Partial<QueryCatalogueArgs>, context: RequestContext) {
  const variables = {
    filter: canonical(args.filter),
    first: args.first ?? DEFAULT_FIRST,
    after: args.after ?? null,
  }
  return whole(await pages.read(catalogue, variables, context))?.searchProducts ?? NOTHING
}

async function readCategories(pages: Pages, context: RequestContext) {
  return whole(await pages.read(categories, {}, context))?.categories ?? []
}

/** Returns equal filters in equal form, so that they share a cached page. */
function canonical(filter: CatalogueFilter | null | undefined): CatalogueFilter {
  const { text, category, inStock } = filter ?? {}
  return {
    ...(text != null && { text }),
    ...(category != null && { category }),
    ...(inStock && { inStock }),
  }
}

/** Estimates shipping in the product's own currency, which is why the product must be read before. */
async function estimate(pages: Pages, variables: ProductShippingQueryVariables, context: RequestContext) {
  const notices: ProductNotice[] = []
  const found = await readSection(context, notices, {
    section: 'SHIPPING_ESTIMATE',
    message: 'What shipping costs cannot be said at the moment.',
    read: () => pages.read(productShipping, variables, context),
  })
  return { shippingEstimate: found?.product?.shippingEstimate ?? null, notices }
}
