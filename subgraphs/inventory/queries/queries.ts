// Queries and types of inventory: products, low stock, totals, and the reservation of an order. Reads only.
import DataLoader from 'dataloader'
import { isStaff, mayActFor, requireRole } from '#platform/auth/viewer.ts'
import { isId } from '#platform/domain/ids.ts'
import { loaderOf, type RequestContext } from '#platform/graphql/context.ts'
import { moneyOut } from '#platform/graphql/scalars.ts'
import type { Filter, Page } from '#platform/read-models/read-models.ts'
import type { Inventory } from '#subgraphs/inventory/commands/dependencies.ts'
import { checkCount, checkSku, checkText, checkWhole, MAX_SKUS } from '#subgraphs/inventory/commands/input.ts'
import { type ProductSource, productLoader } from '#subgraphs/inventory/queries/loaders.ts'
import {
  noTotals,
  type ProductDoc,
  type ReservationDoc,
  TOTALS_ID,
  type WarehouseUnits,
} from '#subgraphs/inventory/queries/views.ts'

type PageArguments = { readonly first?: number | null; readonly after?: string | null }
type ProductFilter = {
  readonly text?: string | null
  readonly category?: string | null
  readonly inStock?: boolean | null
}
/** SKUs of one page of all. */
const MOST_SKUS = 10_000
/** Categories and warehouses that are listed. */
const MOST_NAMES = 1000

export function queriesOf(inventory: Inventory) {
  return {
    product: (_: unknown, { sku }: { sku: string }, context: RequestContext) =>
      productLoader(inventory, context).load(sku),

    products(_: unknown, { skus }: { skus: readonly string[] }, context: RequestContext) {
      checkCount('skus', skus, 0, MAX_SKUS)
      const loader = productLoader(inventory, context)
      return Promise.all(skus.map(sku => loader.load(sku)))
    },

    searchProducts: (_: unknown, args: PageArguments & { filter?: ProductFilter | null }) =>
      productPage(inventory, args, filtersOf(args.filter ?? {})),

    productSkus(_: unknown, args: { first?: number | null; after?: string | null }, context: RequestContext) {
      requireRole(context.viewer, 'service')
      const after = args.after == null ? '' : checkSku('after', args.after)
      return inventory.products.ids(after, checkWhole('first', args.first ?? MOST_SKUS, 1, MOST_SKUS))
    },

    async categories() {
      const { items } = await inventory.categories.find({ limit: MOST_NAMES })
      return items.map(({ doc }) => doc.name)
    },

    async warehouses() {
      const { items } = await inventory.warehouses.find({ limit: MOST_NAMES })
      return items.map(({ doc }) => ({ code: doc.name }))
    },

    lowStock(_: unknown, args: PageArguments, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      return productPage(inventory, args, [{ path: 'low', equals: true }])
    },

    async inventoryTotals(_: unknown, _args: unknown, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      return (await inventory.totals.get(TOTALS_ID)) ?? noTotals
    },
  }
}

function filtersOf({ text, category, inStock }: ProductFilter): Filter[] {
  const filters: Filter[] = []
  if (category != null)
    filters.push({ path: 'category', equals: checkText('filter.category', category, 100) })
  if (inStock) filters.push({ path: 'inStock', equals: true })
  if (text?.trim()) filters.push({ matching: text })
  return filters
}

async function productPage({ products }: Inventory, args: PageArguments, where: readonly Filter[]) {
  const limit = checkWhole('first', args.first ?? 20, 1, 100)
  const after = args.after == null ? {} : { after: args.after }
  return connection(await products.find({ where, orderBy: { path: 'sortTitle' }, limit, ...after }))
}

function connection({ items, hasNext }: Page<ProductDoc>) {
  return {
    nodes: items.map(({ doc }) => doc),
    edges: items.map(({ doc, cursor }) => ({ cursor, node: doc })),
    pageInfo: { hasNextPage: hasNext, endCursor: items.at(-1)?.cursor ?? null },
  }
}

export function typesOf(inventory: Inventory) {
  return {
    Product: {
      __resolveReference: ({ sku }: { sku: string }, context: RequestContext) =>
        productLoader(inventory, context).load(sku),
      price: ({ price }: ProductSource) => moneyOut(price),
      availability: ({ available, lowStockThreshold }: ProductSource) => {
        if (available <= 0) return 'OUT_OF_STOCK'
        return available <= lowStockThreshold ? 'LOW_STOCK' : 'IN_STOCK'
      },
      stock: ({ stock }: ProductSource, _: unknown, { viewer }: RequestContext) =>
        isStaff(viewer) ? stock.map(warehouseStock) : null,
    },
    Order: {
      __resolveReference: ({ id }: { id: string }) => ({ id }),
      async reservation({ id }: { id: string }, _: unknown, context: RequestContext) {
        if (!context.viewer) return null
        const doc = await reservationLoader(inventory, context).load(id)
        return doc && mayActFor(context.viewer, doc.customerId) ? reservation(doc) : null
      },
    },
  }
}

function warehouseStock({ warehouse, onHand, held }: WarehouseUnits) {
  return { warehouse: { code: warehouse }, onHand, reserved: held, available: onHand - held }
}

function reservationLoader(
  { reservations }: Inventory,
  context: RequestContext,
): DataLoader<string, ReservationDoc | null> {
  return loaderOf(context, 'reservations', () => {
    const load = async (ids: readonly string[]) => {
      const docs = await reservations.getMany(ids.filter(id => isId('order', id)))
      return ids.map(id => docs.get(id) ?? null)
    }
    return new DataLoader(load, { maxBatchSize: MAX_SKUS })
  })
}

/** A hold that is firm, given back or shipped has no end any more. */
function reservation({ status, expiresAt, allocations }: ReservationDoc) {
  const ends = status === 'HELD' || status === 'EXPIRED'
  return {
    status,
    expiresAt: ends ? expiresAt : null,
    allocations: allocations.map(({ sku, warehouse, quantity, shipped }) => ({
      sku,
      warehouse: { code: warehouse },
      quantity,
      shipped,
    })),
  }
}
