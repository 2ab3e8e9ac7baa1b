// Resolves the queries of inventory: products, low stock, and totals.
import { requireRole } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { Filter } from '#platform/read-models/read-models.ts'
import { findConnection, type PageArguments } from '#platform/subgraph/connection.ts'
import { checkCount, checkLine } from '#platform/subgraph/input.ts'
import { MAX_SKUS, productLoader, type QueryDependencies } from '#subgraphs/inventory/queries/loaders.ts'
import { noTotals, TOTALS_ID } from '#subgraphs/inventory/queries/views.ts'

type ProductFilter = {
  readonly text?: string | null
  readonly category?: string | null
  readonly inStock?: boolean | null
}
/** Categories and warehouses that are listed. */
const MAX_NAMES = 1000

export function createQueries(dependencies: QueryDependencies) {
  const { categories, warehouses, totals } = dependencies
  return {
    product: (_: unknown, { sku }: { sku: string }, context: RequestContext) =>
      productLoader(dependencies, context).load(sku),

    products(_: unknown, { skus }: { skus: readonly string[] }, context: RequestContext) {
      checkCount('skus', skus, { min: 0, max: MAX_SKUS })
      const loader = productLoader(dependencies, context)
      return Promise.all(skus.map(sku => loader.load(sku)))
    },

    searchProducts: (_: unknown, { filter, ...page }: PageArguments & { filter?: ProductFilter | null }) =>
      productPage(dependencies, page, filtersOf(filter ?? {})),

    async categories() {
      const { items } = await categories.find({ limit: MAX_NAMES })
      return items.map(({ doc }) => doc.name)
    },

    async warehouses() {
      const { items } = await warehouses.find({ limit: MAX_NAMES })
      return items.map(({ doc }) => ({ code: doc.name }))
    },

    lowStock(_: unknown, page: PageArguments, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      return productPage(dependencies, page, [{ path: 'low', equals: true }])
    },

    async inventoryTotals(_: unknown, _args: unknown, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      return (await totals.get(TOTALS_ID)) ?? noTotals
    },
  }
}

function filtersOf({ text, category, inStock }: ProductFilter): Filter[] {
  const filters: Filter[] = []
  if (category != null)
    filters.push({ path: 'category', equals: checkLine('filter.category', category, 100) })
  if (inStock) filters.push({ path: 'inStock', equals: true })
  if (text?.trim()) filters.push({ matching: text })
  return filters
}

function productPage({ products }: QueryDependencies, page: PageArguments, where: readonly Filter[]) {
  return findConnection(products, { where, orderBy: { path: 'sortTitle' }, page })
}
