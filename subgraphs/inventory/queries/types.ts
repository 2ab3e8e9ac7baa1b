// Resolves the object types of inventory: Product, and the fields that inventory adds to Order.
import { isStaff, mayActFor } from '#platform/auth/viewer.ts'
import { isId } from '#platform/domain/ids.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { moneyOut } from '#platform/graphql/scalars.ts'
import { documentLoader } from '#platform/subgraph/document-loader.ts'
import {
  type ProductSource,
  productLoader,
  type QueryDependencies,
} from '#subgraphs/inventory/queries/loaders.ts'
import {
  availabilityOf,
  type ContentDoc,
  NO_CONTENT,
  type ProductDoc,
  type WarehouseUnits,
} from '#subgraphs/inventory/queries/product-documents.ts'
import type { ReservationDoc } from '#subgraphs/inventory/queries/views.ts'

export function createTypes(dependencies: QueryDependencies) {
  return {
    Product: {
      __resolveReference: ({ sku }: { sku: string }, context: RequestContext) =>
        productLoader(dependencies, context).load(sku),
      description: async (product: ProductSource, _: unknown, context: RequestContext) =>
        (await contentOf(dependencies, product, context)).description,
      images: async (product: ProductSource, _: unknown, context: RequestContext) =>
        (await contentOf(dependencies, product, context)).images,
      addedAt: async ({ sku, addedAt }: ProductSource, _: unknown, context: RequestContext) =>
        addedAt ??
        addedAtOf(await documentLoader(context, 'product documents', dependencies.products).load(sku)),
      family: ({ family }: ProductSource) => family ?? null,
      options: ({ options }: ProductSource) => options ?? [],
      variants: (product: ProductSource, _: unknown, context: RequestContext) =>
        variantsOf(dependencies, product, context),
      price: ({ price }: ProductSource) => moneyOut(price),
      availability: availabilityOf,
      stock: ({ stock }: ProductSource, _: unknown, { viewer }: RequestContext) =>
        isStaff(viewer) ? stock.map(warehouseStock) : null,
    },
    Order: {
      __resolveReference: ({ id }: { id: string }) => ({ id }),
      async reservation({ id }: { id: string }, _: unknown, context: RequestContext) {
        if (!context.viewer || !isId('order', id)) return null
        const doc = await documentLoader(context, 'reservations', dependencies.reservations).load(id)
        return doc && mayActFor(context.viewer, doc.customerId) ? reservation(doc) : null
      },
    },
  }
}

/** The view has had the product for long: an earlier release added it. */
function addedAtOf(doc: ProductDoc | undefined): string {
  if (!doc) throw new Error('a product that an earlier release added is not in the view')
  return doc.addedAt
}

/** Returns the family in the order in which its products joined; one that the view does not have yet comes last. */
async function variantsOf(
  dependencies: QueryDependencies,
  product: ProductSource,
  context: RequestContext,
): Promise<readonly ProductSource[]> {
  if (product.family === undefined) return [product]
  const families = documentLoader(context, 'product families', dependencies.familyMembers)
  const members = (await families.load(product.family))?.members ?? []
  const loader = productLoader(dependencies, context)
  const others = members.filter(sku => sku !== product.sku)
  const loaded = new Map((await Promise.all(others.map(sku => loader.load(sku)))).map(of => [of?.sku, of]))
  loaded.set(product.sku, product)
  const skus = members.includes(product.sku) ? members : [...members, product.sku]
  return skus.flatMap(sku => loaded.get(sku) ?? [])
}

async function contentOf(
  { contents }: QueryDependencies,
  { sku, content }: ProductSource,
  context: RequestContext,
): Promise<ContentDoc> {
  return content ?? (await documentLoader(context, 'product contents', contents).load(sku)) ?? NO_CONTENT
}

function warehouseStock({ warehouse, onHand, held }: WarehouseUnits) {
  return { warehouse: { code: warehouse }, onHand, reserved: held, available: onHand - held }
}

/** A reservation that is committed, released or shipped does not expire any more. */
function reservation({ status, expiresAt, allocations }: ReservationDoc) {
  const canExpire = status === 'HELD' || status === 'EXPIRED'
  return {
    status,
    expiresAt: canExpire ? expiresAt : null,
    allocations: allocations.map(({ sku, warehouse, quantity, shipped }) => ({
      sku,
      warehouse: { code: warehouse },
      quantity,
      shipped,
    })),
  }
}
