// The mobile queries: each a cached page, authorised on what it shows and formatted in the caller's language.

import type { Pages } from '#bff/pages/pages.ts'
import { readVisibleOrder, readVisibleOrders, requireData } from '#bff-mobile/resolvers/orders.ts'
import { productPage, productsPage, profilePage } from '#bff-mobile/resolvers/pages.ts'
import { checkPageSize, nextCursor } from '#bff-mobile/resolvers/paging.ts'
import { changesSince } from '#bff-mobile/sync/delta-sync.ts'
import { localizationOf } from '#bff-mobile/views/localization.ts'
import { orderCard, orderScreen, productCard } from '#bff-mobile/views/order-view.ts'
import { requireViewer } from '#platform/auth/viewer.ts'
import type { QueryResolvers } from '#schema/generated/bff-mobile.ts'

const PAGE_LIMIT = 50
const SKU = /^[A-Za-z0-9._-]{1,64}$/

export function queries(pages: Pages): QueryResolvers {
  return {
    orders: async (_root, { first, after }, context) => {
      const asked = { first: checkPageSize(first, 1, PAGE_LIMIT), after: after ?? null }
      const { nodes, pageInfo } = await readVisibleOrders(pages, asked, context)
      const texts = localizationOf(context)
      return { items: nodes.map(order => orderCard(order, texts)), next: nextCursor(pageInfo) }
    },
    order: async (_root, { id }, context) => {
      const found = await readVisibleOrder(pages, id, context)
      return found ? orderScreen(found.order, found.failures, localizationOf(context)) : null
    },
    products: async (_root, { search, category, first, after }, context) => {
      const filter = { text: search ?? null, category: category ?? null }
      const variables = { filter, first: checkPageSize(first, 1, PAGE_LIMIT), after: after ?? null }
      const { searchProducts } = requireData(await pages.read(productsPage, variables, context), productsPage)
      const texts = localizationOf(context)
      return {
        items: searchProducts.nodes.map(product => productCard(product, texts)),
        next: nextCursor(searchProducts.pageInfo),
      }
    },
    product: async (_root, { sku }, context) => {
      if (!SKU.test(sku)) return null
      const { data } = await pages.read(productPage, { sku }, context)
      return data?.product ? productCard(data.product, localizationOf(context)) : null
    },
    me: async (_root, _args, context) => {
      const { role, subject } = requireViewer(context.viewer)
      if (role !== 'customer') return null
      return (await pages.read(profilePage, { id: subject }, context)).data?.customer ?? null
    },
    changesSince: (_root, { cursor, first }, context) =>
      changesSince(pages, { cursor: cursor ?? null, first: checkPageSize(first, 1, 100) }, context),
  }
}
