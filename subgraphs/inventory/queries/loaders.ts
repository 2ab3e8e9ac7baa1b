// Where resolvers take products from: current aggregates for services and commands, read models for everybody else.
import DataLoader from 'dataloader'
import { loaderOf, type RequestContext } from '#platform/graphql/context.ts'
import type { Inventory } from '#subgraphs/inventory/commands/dependencies.ts'
import { isSku, MAX_SKUS } from '#subgraphs/inventory/commands/input.ts'
import { compare } from '#subgraphs/inventory/domain/allocation.ts'
import { available, type ProductFacts, type Stock } from '#subgraphs/inventory/domain/stock.ts'
import type { WarehouseUnits } from '#subgraphs/inventory/queries/views.ts'

/** What the fields of Product are resolved from. A ProductDoc is one too. */
export type ProductSource = ProductFacts & {
  readonly sku: string
  readonly available: number
  readonly stock: readonly WarehouseUnits[]
}

/** Batches the products of one operation. Null for a SKU that no product has. */
export function productLoader(
  inventory: Inventory,
  context: RequestContext,
): DataLoader<string, ProductSource | null> {
  const isCurrent = context.viewer?.role === 'service'
  return loaderOf(context, 'products', () => {
    const read = isCurrent ? currentProducts : viewedProducts
    const load = (skus: readonly string[]) => read(inventory, skus)
    return new DataLoader(load, { maxBatchSize: MAX_SKUS })
  })
}

/** A service prices and books by what is so now: a product that was just added is there. */
async function currentProducts(
  { stocks }: Inventory,
  skus: readonly string[],
): Promise<(ProductSource | null)[]> {
  return Promise.all(
    skus.map(async sku => (isSku(sku) ? productOf(sku, (await stocks.load(sku)).state) : null)),
  )
}

async function viewedProducts(
  { products }: Inventory,
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
  return { ...stock.product, sku, available: available(stock), stock: units }
}
