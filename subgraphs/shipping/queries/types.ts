// Resolves the object types of shipping: Shipment, and the fields that shipping adds to Order and Product.
import { mayActFor } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { moneyOut } from '#platform/graphql/scalars.ts'
import { documentLoader } from '#platform/subgraph/document-loader.ts'
import type { ProductShippingEstimateArgs } from '#schema/generated/shipping.ts'
import type { ShipmentLine } from '#subgraphs/shipping/domain/shipment.ts'
import { type Dimensions, quoteGoods } from '#subgraphs/shipping/domain/tariff.ts'
import { readEstimate } from '#subgraphs/shipping/queries/input.ts'
import {
  type QueryDependencies,
  shipmentsOfOrderLoader,
  visibleShipment,
} from '#subgraphs/shipping/queries/loaders.ts'
import type { ShipmentDoc } from '#subgraphs/shipping/queries/views.ts'

type ProductReference = {
  readonly sku: string
  readonly weightGrams: number
  readonly dimensions: Dimensions
}

export function createTypes(dependencies: QueryDependencies) {
  const { shipments } = dependencies
  return {
    Shipment: {
      __resolveReference: async ({ id }: { readonly id: string }, context: RequestContext) =>
        visibleShipment(await documentLoader(context, 'shipments', shipments).load(id), context.viewer),
      order: ({ orderId }: ShipmentDoc) => ({ __typename: 'Order', id: orderId }),
    },
    ShipmentLine: {
      product: ({ sku }: ShipmentLine) => ({ __typename: 'Product', sku }),
    },
    Order: {
      __resolveReference: ({ id }: { readonly id: string }) => ({ __typename: 'Order', id }),
      async shipments({ id }: { readonly id: string }, _: unknown, context: RequestContext) {
        if (!context.viewer) return []
        const found = await shipmentsOfOrderLoader(dependencies, context).load(id)
        return found.filter(({ customerId }) => mayActFor(context.viewer, customerId))
      },
    },
    Product: {
      __resolveReference: (reference: ProductReference) => ({ ...reference, __typename: 'Product' }),
      shippingEstimate,
    },
  }
}

/** Null also for a unit that is too heavy for any parcel service. */
function shippingEstimate({ weightGrams, dimensions }: ProductReference, args: ProductShippingEstimateArgs) {
  const goods = [{ quantity: 1, weightGrams, dimensions }]
  const quoted = quoteGoods({ ...readEstimate(args), goods })
  return 'refused' in quoted ? null : { fee: moneyOut(quoted.fee), days: quoted.days }
}
