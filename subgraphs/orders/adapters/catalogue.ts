// Loads products from inventory, batching concurrent placements into one query. Prices must be current, so nothing is cached.
import DataLoader from 'dataloader'
import { CONSISTENCY_HEADER } from '#platform/consistency/consistency-token.ts'
import type { GraphqlClient } from '#platform/graphql/client/client.ts'
import { type MoneyText, moneyIn } from '#platform/graphql/scalars.ts'
import { OPERATIONS } from '#subgraphs/orders/adapters/operations.ts'
import type { PricedProduct } from '#subgraphs/orders/domain/pricing.ts'

export type Catalogue = {
  /** Products by SKU, without those that are unknown. Inventory is read at position `required` or later. */
  load(skus: readonly string[], required?: number): Promise<ReadonlyMap<string, PricedProduct>>
}

type Product = Omit<PricedProduct, 'price'> & { readonly price: MoneyText }
type RequiredStock = { readonly sku: string; readonly required: number | undefined }

/** Inventory's limit on the SKUs of one query. */
const MAX_SKUS = 500

export function createCatalogue(client: GraphqlClient): Catalogue {
  const loader = new DataLoader<RequiredStock, PricedProduct | undefined>(
    wanted => loadMany(client, wanted),
    {
      cache: false,
      maxBatchSize: MAX_SKUS,
      batchScheduleFn: dispatch => void setImmediate(dispatch),
    },
  )
  return {
    async load(skus, required) {
      const products = await Promise.all([...new Set(skus)].map(sku => loader.load({ sku, required })))
      return new Map(products.flatMap(product => (product ? [[product.sku, product]] : [])))
    },
  }
}

/** A required position delays the response, so requests without one are sent in a query of their own. */
async function loadMany(
  client: GraphqlClient,
  wanted: readonly RequiredStock[],
): Promise<(PricedProduct | undefined)[]> {
  const groups = Map.groupBy(wanted, ({ required }) => required)
  const found = await Promise.all(
    [...groups].map(async ([required, group]) => {
      const skus = [...new Set(group.map(({ sku }) => sku))]
      return [required, await query(client, skus, required)] as const
    }),
  )
  const products = new Map(found)
  return wanted.map(({ sku, required }) => products.get(required)?.get(sku))
}

async function query(
  client: GraphqlClient,
  skus: readonly string[],
  required: number | undefined,
): Promise<Map<string, PricedProduct>> {
  const { data } = await client.request<{ products: readonly (Product | null)[] }>({
    document: OPERATIONS.products.document,
    variables: { skus },
    idempotent: true,
    ...(required !== undefined && { headers: { [CONSISTENCY_HEADER]: `inventory=${required}` } }),
  })
  return new Map(
    data.products.flatMap(product =>
      product ? [[product.sku, { ...product, price: moneyIn(product.price) }]] : [],
    ),
  )
}
