// Resolves the queries of inventory: products, low stock, and totals.
import { requireRole } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { findConnection } from '#platform/subgraph/connection.ts'
import { checkCount } from '#platform/subgraph/input.ts'
import type { QueryLowStockArgs, QuerySearchProductsArgs } from '#schema/generated/inventory.ts'
import { facetsOf, type ProductConnectionSource } from '#subgraphs/inventory/queries/facets.ts'
import { eachFamilyOnce, entryOf } from '#subgraphs/inventory/queries/family-list.ts'
import { MAX_SKUS, productLoader, type QueryDependencies } from '#subgraphs/inventory/queries/loaders.ts'
import {
  conditionsOf,
  type ListConditions,
  orderOf,
  whereOf,
} from '#subgraphs/inventory/queries/product-filter.ts'
import { noTotals, TOTALS_ID } from '#subgraphs/inventory/queries/views.ts'

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

    searchProducts: (_: unknown, { filter, ...list }: QuerySearchProductsArgs) =>
      filter?.eachVariant
        ? productList(dependencies, conditionsOf(filter), list)
        : familyList(dependencies, conditionsOf(filter ?? {}), list),

    async categories() {
      const { items } = await categories.find({ limit: MAX_NAMES })
      return items.map(({ doc }) => doc.name)
    },

    async warehouses() {
      const { items } = await warehouses.find({ limit: MAX_NAMES })
      return items.map(({ doc }) => ({ code: doc.name }))
    },

    lowStock(_: unknown, list: QueryLowStockArgs, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      return productList(dependencies, { low: [{ path: 'low', equals: true }] }, list)
    },

    async inventoryTotals(_: unknown, _args: unknown, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      return (await totals.get(TOTALS_ID)) ?? noTotals
    },
  }
}

type ListArguments = Pick<QuerySearchProductsArgs, 'first' | 'after' | 'last' | 'before' | 'sort'>

/** Lists the products with each family once. */
async function familyList(
  { products }: QueryDependencies,
  conditions: ListConditions,
  { sort, ...page }: ListArguments,
): Promise<ProductConnectionSource> {
  const query = { where: whereOf(conditions), orderBy: orderOf(sort), page }
  const found = await findConnection(eachFamilyOnce(products), query)
  return { ...found, facets: facetsOf(products, { conditions, entryOf }) }
}

/** Lists each product by itself. */
async function productList(
  { products }: QueryDependencies,
  conditions: ListConditions,
  { sort, ...page }: ListArguments,
): Promise<ProductConnectionSource> {
  const found = await findConnection(products, { where: whereOf(conditions), orderBy: orderOf(sort), page })
  return { ...found, facets: facetsOf(products, { conditions, entryOf: ({ sku }) => sku }) }
}
