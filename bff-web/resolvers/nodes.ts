// The queries `node` and `nodes`: find anything by its id, as if what is not the caller's were not there.
import type { GraphQLResolveInfo } from 'graphql'
import { type NodeKey, nodeKeyOf } from '#bff/graph/node-ids.ts'
import { checkNodeIds, typed } from '#bff/graph/nodes.ts'
import { type Pages, whole } from '#bff/pages/pages.ts'
import { visibleOrder } from '#bff-web/resolvers/access.ts'
import { profile, shipmentPage } from '#bff-web/resolvers/order-pages.ts'
import { loadOrder, shownOrder } from '#bff-web/resolvers/order-type.ts'
import { NO_SECTIONS } from '#bff-web/resolvers/order-view.ts'
import { readVisibleOrder } from '#bff-web/resolvers/orders.ts'
import { readProduct } from '#bff-web/resolvers/products.ts'
import { isStaff, mayActFor, requireViewer } from '#platform/auth/viewer.ts'
import { siblingId } from '#platform/domain/ids.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { QueryResolvers, ResolversTypes } from '#schema/generated/bff-web.ts'
import { OneFulfilmentDocument, OneRefusedMovementDocument } from '#schema/generated/bff-web-operations.ts'

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
  const key = nodeKeyOf(id)
  if (key === undefined) return null
  if (key.kind === 'product') return typed('Product', await readProduct(pages, key.sku, asked.context))
  requireViewer(asked.context.viewer)
  if (key.kind === 'fulfilment') return readFulfilment(pages, key.orderId, asked.context)
  return readOwned(pages, key, asked)
}

async function readOwned(
  pages: Pages,
  { kind, id }: Extract<NodeKey, { readonly id: string }>,
  asked: Asked,
): Promise<Node | null> {
  const { context } = asked
  switch (kind) {
    case 'order':
      return readOrderNode(pages, id, asked)
    case 'customer':
      return readCustomer(pages, id, context)
    case 'payment':
      return readPayment(pages, id, context)
    case 'shipment':
      return readShipment(pages, id, context)
    case 'capture':
    case 'refund':
    case 'void':
      return readMovement(pages, id, context)
    case 'return':
    case 'tender':
      return null
  }
}

/** The state of an order is kept beside the very object that its fields are resolved from. */
async function readOrderNode(pages: Pages, id: string, asked: Asked): Promise<Node | null> {
  const loaded = await readVisibleOrder(pages, id, asked)
  if (!loaded) return null
  const { order, failures } = loaded
  const node = { ...order, __typename: 'Order' as const }
  shownOrder({ order: node, failures }, asked.context)
  return node
}

async function readCustomer(pages: Pages, id: string, context: RequestContext): Promise<Node | null> {
  if (!mayActFor(context.viewer, id)) return null
  return typed('Customer', (await pages.read(profile, { id }, context)).data?.customer)
}

async function readShipment(pages: Pages, id: string, context: RequestContext): Promise<Node | null> {
  const shipment = whole(await pages.read(shipmentPage, { id }, context))?.shipment
  return shipment && visibleOrder(shipment.order, context.viewer) ? typed('Shipment', shipment) : null
}

/** An order's payment has the order's UUID, and is read with it. */
async function readPayment(pages: Pages, id: string, context: RequestContext): Promise<Node | null> {
  const sections = { ...NO_SECTIONS, payments: true }
  const loaded = await loadOrder(pages, { id: siblingId('order', id), ...sections }, context)
  const order = visibleOrder(loaded?.order, context.viewer)
  const failure = loaded?.failures.get('PAYMENTS')
  if (order && failure) throw failure
  return typed(
    'Payment',
    order?.payments?.find(payment => payment.id === id),
  )
}

async function readFulfilment(pages: Pages, orderId: string, context: RequestContext): Promise<Node | null> {
  if (!isStaff(context.viewer)) return null
  return typed('Fulfilment', (await pages.run(OneFulfilmentDocument, { orderId }, context)).fulfilment)
}

async function readMovement(pages: Pages, id: string, context: RequestContext): Promise<Node | null> {
  if (!isStaff(context.viewer)) return null
  const { refusedMovement } = await pages.run(OneRefusedMovementDocument, { id }, context)
  return typed('RefusedMovement', refusedMovement)
}
