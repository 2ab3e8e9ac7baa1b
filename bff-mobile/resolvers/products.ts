// The queries of the mobile graph about products.
import type { Pages } from '#bff/pages/pages.ts'
import { checkPageSize } from '#bff-mobile/resolvers/access.ts'
import { nextCursor, requireData } from '#bff-mobile/resolvers/orders.ts'
import { productPage, productsPage } from '#bff-mobile/resolvers/pages.ts'
import { localizationOf } from '#bff-mobile/views/localization.ts'
import { productCard } from '#bff-mobile/views/order-view.ts'
import { isSku } from '#platform/domain/sku.ts'
import type { QueryResolvers } from '#schema/generated/bff-mobile.ts'

const MAX_PAGE_SIZE = 50

export function productQueries(pages: Pages): Pick<QueryResolvers, 'products' | 'product'> {
  return {
    products: async (_root, { search, category, first, after }, context) => {
      const filter = { text: search ?? null, category: category ?? null }
      const variables = { filter, first: checkPageSize(first, 1, MAX_PAGE_SIZE), after: after ?? null }
      const { searchProducts } = requireData(await pages.read(productsPage, variables, context), productsPage)
      const localization = localizationOf(context)
      return {
        items: searchProducts.nodes.map(product => productCard(product, localization)),
        next: nextCursor(searchProducts.pageInfo),
      }
    },
    product: async (_root, { sku }, context) => {
      if (!isSku(sku)) return null
      const { data } = await pages.read(productPage, { sku }, context)
      return data?.product ? productCard(data.product, localizationOf(context)) : null
    },
  }
}
