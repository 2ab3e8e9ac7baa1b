// The queries `node` and `nodes`: find anything by its id, as if what is not the caller's were not there.
import type { GraphQLResolveInfo } from 'graphql'
import { nodeKeyOf } from '#bff/graph/node-ids.ts'
import { checkNodeIds, typed } from '#bff/graph/nodes.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { loadVisibleOrder } from '#bff-mobile/resolvers/order-reads.ts'
import { shownOrder } from '#bff-mobile/resolvers/order-state.ts'
import { profilePage } from '#bff-mobile/resolvers/pages.ts'
import { readProduct } from '#bff-mobile/resolvers/products.ts'
import { selectedSections } from '#bff-mobile/views/order-source.ts'
import { selectsDetails } from '#bff-mobile/views/product-source.ts'
import { mayActFor, requireViewer } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { QueryResolvers, ResolversTypes } from '#schema/generated/bff-mobile.ts'
import { ShipmentDocument } from '#schema/generated/bff-mobile-operations.ts'

type Node = Awaited<ResolversTypes['Node']>
type Asked = { readonly context: RequestContext; readonly info: GraphQLResolveInfo }

export function nodeQueries(pages: Pages): Required<Pick<QueryResolvers, 'node' | 'nodes'>> {
  return {
    node: (_root, { id }, context, info) => readNode(pages, id, { context, info }),
    nodes(_root, { ids }, context, info) {
      checkNodeIds(ids)
      // Each item fails by itself. The generated type of a list of promises does not know that an item may be null.
      return ids.map(id => readNode(pages, id, { context, info }) as Promise<Node>)
    },
  }
}

async function readNode(pages: Pages, id: string, asked: Asked): Promise<Node | null> {
  const { context, info } = asked
  const key = nodeKeyOf(id)
  if (key === undefined) return null
  if (key.kind === 'product') {
    const request = { sku: key.sku, details: selectsDetails(info, []) }
    return typed('Product', await readProduct(pages, request, context))
  }
  const viewer = requireViewer(context.viewer)
  switch (key.kind) {
    case 'order':
      return readOrderNode(pages, key.id, asked)
    case 'customer':
      if (!mayActFor(viewer, key.id)) return null
      return typed('Customer', (await pages.read(profilePage, { id: key.id }, context)).data?.customer)
    case 'shipment':
      return readShipment(pages, key.id, context)
    case 'payment':
    case 'fulfilment':
    case 'capture':
    case 'refund':
    case 'void':
    case 'return':
    case 'tender':
      return null
  }
}

/** The state of an order is kept beside the very object that its fields are resolved from. */
async function readOrderNode(pages: Pages, id: string, { context, info }: Asked): Promise<Node | null> {
  const loaded = await loadVisibleOrder(pages, id, { sections: selectedSections(info, []), context })
  if (!loaded) return null
  const { order, failures } = loaded
  const node = { ...order, __typename: 'Order' as const }
  shownOrder({ order: node, failures }, context)
  return node
}

async function readShipment(pages: Pages, id: string, context: RequestContext): Promise<Node | null> {
  const { shipment } = await pages.run(ShipmentDocument, { id }, context)
  return shipment && mayActFor(context.viewer, shipment.order.customer.id)
    ? typed('Shipment', shipment)
    : null
}
