// Loads the documents of inventory in batches per operation.
import DataLoader from 'dataloader'
import { isSku } from '#platform/domain/sku.ts'
import { loaderOf, type RequestContext } from '#platform/graphql/context.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import type { StockRepository } from '#subgraphs/inventory/domain/aggregate.ts'
import { compare } from '#subgraphs/inventory/domain/allocation.ts'
import { available, type Stock } from '#subgraphs/inventory/domain/stock.ts'
import type {
  ContentDoc,
  ListedFacts,
  ProductDoc,
  WarehouseUnits,
} from '#subgraphs/inventory/queries/product-documents.ts'
import type {
  CategoryDoc,
  FamilyDoc,
  ReservationDoc,
  TotalsDoc,
  WarehouseDoc,
} from '#subgraphs/inventory/queries/views.ts'

export type QueryDependencies = {
  readonly stocks: StockRepository
  readonly products: Collection<ProductDoc>
  readonly contents: Collection<ContentDoc>
  readonly familyMembers: Collection<FamilyDoc>
  readonly reservations: Collection<ReservationDoc>
  readonly totals: Collection<TotalsDoc>
  readonly categories: Collection<CategoryDoc>
  readonly warehouses: Collection<WarehouseDoc>
}

/**
 * The data that the fields of Product are resolved from. A ProductDoc is one; its content is loaded when it is asked for.
 * An aggregate does not know `addedAt` of a product that an earlier release added.
 */
export type ProductSource = ListedFacts & {
  readonly sku: string
  readonly content?: ContentDoc
  readonly available: number
  readonly stock: readonly WarehouseUnits[]
}

/** Products of one batch, which is also the most that `products` takes. */
export const MAX_SKUS = 500

/**
 * Batches the products of one operation; null for a SKU that no product has. Services price and reserve by what is so
 * now, so they read the aggregates, where a product that was just added is found; everybody else reads the view.
 */
export function productLoader(
  { stocks, products }: QueryDependencies,
  context: RequestContext,
): DataLoader<string, ProductSource | null> {
  const isService = context.viewer?.role === 'service'
  return loaderOf(context, 'products', () => {
    const load = (skus: readonly string[]) =>
      isService ? loadFromStocks(stocks, skus) : loadFromView(products, skus)
    return new DataLoader(load, { maxBatchSize: MAX_SKUS })
  })
}

async function loadFromStocks(
  stocks: StockRepository,
  skus: readonly string[],
): Promise<(ProductSource | null)[]> {
  return Promise.all(
    skus.map(async sku => (isSku(sku) ? productOf(sku, (await stocks.loadKnown(sku)).state) : null)),
  )
}

async function loadFromView(
  products: Collection<ProductDoc>,
  skus: readonly string[],
): Promise<(ProductSource | null)[]> {
  const docs = await products.getMany(skus.filter(isSku))
  return skus.map(sku => docs.get(sku) ?? null)
}

export function productOf(sku: string, stock: Stock): ProductSource | null {
  if (!stock.product) return null
  const units = Object.keys(stock.onHand)
    .sort(compare)
    .map(warehouse => ({
      warehouse,
      onHand: stock.onHand[warehouse] ?? 0,
      held: stock.held[warehouse] ?? 0,
    }))
  const { description = null, images = [], ...listed } = stock.product
  return { ...listed, sku, content: { description, images }, available: available(stock), stock: units }
}
