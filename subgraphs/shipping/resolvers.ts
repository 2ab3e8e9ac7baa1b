// Shipping's part of the graph: authorises, checks, calls, maps. Free of rules about shipments and of storage.
import DataLoader from 'dataloader'
import { mayActFor, requireRole, requireViewer, type Viewer } from '#platform/auth/viewer.ts'
import { loaderOf, type RequestContext } from '#platform/graphql/context.ts'
import { moneyOut, scalars } from '#platform/graphql/scalars.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import type {
  MutationCancelShipmentArgs,
  MutationCreateShipmentArgs,
  MutationDispatchShipmentArgs,
  ProductShippingEstimateArgs,
  QueryQuoteShippingArgs,
  QueryShipmentArgs,
  QueryShipmentsArgs,
} from '#schema/generated/shipping.ts'
import {
  checked,
  createShipmentInput,
  estimateInput,
  quoteInput,
  shipmentIdInput,
  shipmentInput,
  shipmentsInput,
} from './commands/input.ts'
import type { Asked, Outcome, ShipmentCommands } from './commands/shipments.ts'
import type { ShipmentLine } from './domain/shipment.ts'
import { type Dimensions, QUOTE_VALID_MS, quoteGoods } from './domain/tariff.ts'
import type { ShipmentDocument } from './queries/views.ts'

type ProductReference = {
  readonly sku: string
  readonly weightGrams: number
  readonly dimensions: Dimensions
}

export type ResolverPorts = {
  readonly commands: ShipmentCommands
  readonly shipments: Collection<ShipmentDocument>
  readonly now: () => Date
}

const PAGE = 20
/** Of one read while following the shipments of many orders. */
const READ_LIMIT = 1000

export function createResolvers(ports: ResolverPorts) {
  return { ...scalars, Query: queries(ports), Mutation: mutations(ports), ...entities(ports) }
}

function queries({ shipments, now }: ResolverPorts) {
  return {
    async shipment(_: unknown, args: QueryShipmentArgs, { viewer }: RequestContext) {
      const known = requireViewer(viewer)
      return visible(await shipments.get(checked(shipmentIdInput, args).id), known)
    },
    quoteShipping(_: unknown, { input }: QueryQuoteShippingArgs) {
      const quoted = quoteGoods(checked(quoteInput, input))
      if ('refused' in quoted) return { __typename: 'NotShippable', ...quoted.refused }
      const validUntil = new Date(now().getTime() + QUOTE_VALID_MS).toISOString()
      return { __typename: 'ShippingQuote', fee: moneyOut(quoted.fee), days: quoted.days, validUntil }
    },
    async shipments(_: unknown, args: QueryShipmentsArgs, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      const { status, first, after } = checked(shipmentsInput, args)
      const page = await shipments.find({
        ...(status && { where: [{ path: 'status', in: status }] }),
        orderBy: { path: 'createdAt' },
        limit: first ?? PAGE,
        ...(after && { after }),
      })
      return connection(page)
    },
  }
}

function mutations({ commands }: ResolverPorts) {
  return {
    async dispatchShipment(_: unknown, { input }: MutationDispatchShipmentArgs, context: RequestContext) {
      const viewer = requireRole(context.viewer, 'ops')
      const { shipmentId, idempotencyKey } = checked(shipmentInput, input)
      const asked = askedBy(viewer.subject, 'dispatchShipment', idempotencyKey, context)
      return changed(await commands.dispatch(shipmentId, asked), context)
    },
    async createShipment(_: unknown, { input }: MutationCreateShipmentArgs, context: RequestContext) {
      requireRole(context.viewer, 'service')
      const { idempotencyKey, ...shipment } = checked(createShipmentInput, input)
      const asked = askedBy('service', 'createShipment', idempotencyKey, context)
      const outcome = await commands.create(shipment, asked)
      const refusal = outcome.status === 'accepted' ? outcome.shipment.refusal : outcome.refusal
      const answer = changed(outcome, context)
      if (refusal) return { __typename: 'CarrierRefused', code: 'CARRIER_REFUSED', message: refusal.message }
      return { ...answer, __typename: 'ShipmentCreated' }
    },
    async cancelShipment(_: unknown, { input }: MutationCancelShipmentArgs, context: RequestContext) {
      requireRole(context.viewer, 'service')
      const { shipmentId, idempotencyKey } = checked(shipmentInput, input)
      const asked = askedBy('service', 'cancelShipment', idempotencyKey, context)
      return changed(await commands.cancel(shipmentId, asked), context)
    },
  }
}

function entities({ shipments }: ResolverPorts) {
  return {
    Shipment: {
      __resolveReference: async ({ id }: { readonly id: string }, context: RequestContext) =>
        visible(await byId(context, shipments).load(id), context.viewer),
      order: ({ orderId }: ShipmentDocument) => ({ __typename: 'Order', id: orderId }),
    },
    ShipmentLine: {
      product: ({ sku }: ShipmentLine) => ({ __typename: 'Product', sku }),
    },
    Order: {
      __resolveReference: ({ id }: { readonly id: string }) => ({ __typename: 'Order', id }),
      async shipments({ id }: { readonly id: string }, _: unknown, context: RequestContext) {
        if (!context.viewer) return []
        const found = await byOrder(context, shipments).load(id)
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
  const quoted = quoteGoods({ ...checked(estimateInput, args), goods })
  return 'refused' in quoted ? null : { fee: moneyOut(quoted.fee), days: quoted.days }
}

/** Somebody else's shipment looks like none. */
function visible(
  shipment: ShipmentDocument | undefined,
  viewer: Viewer | undefined,
): ShipmentDocument | null {
  return shipment && mayActFor(viewer, shipment.customerId) ? shipment : null
}

function byId(context: RequestContext, shipments: Collection<ShipmentDocument>) {
  return loaderOf(
    context,
    'shipments',
    () =>
      new DataLoader<string, ShipmentDocument | undefined>(async ids => {
        const found = await shipments.getMany(ids)
        return ids.map(id => found.get(id))
      }),
  )
}

/** Oldest first. */
function byOrder(context: RequestContext, shipments: Collection<ShipmentDocument>) {
  return loaderOf(
    context,
    'shipmentsByOrder',
    () => new DataLoader<string, readonly ShipmentDocument[]>(orderIds => ofOrders(orderIds, shipments)),
  )
}

async function ofOrders(orderIds: readonly string[], shipments: Collection<ShipmentDocument>) {
  const found: ShipmentDocument[] = []
  let after: string | undefined
  do {
    const page = await shipments.find({
      where: [{ path: 'orderId', in: orderIds }],
      orderBy: { path: 'createdAt' },
      limit: READ_LIMIT,
      ...(after && { after }),
    })
    found.push(...page.items.map(({ doc }) => doc))
    after = page.hasNext ? page.items.at(-1)?.cursor : undefined
  } while (after)
  const grouped = Map.groupBy(found, ({ orderId }) => orderId)
  return orderIds.map(id => grouped.get(id) ?? [])
}

function connection(page: Awaited<ReturnType<Collection<ShipmentDocument>['find']>>) {
  return {
    nodes: page.items.map(({ doc }) => doc),
    edges: page.items.map(({ cursor, doc }) => ({ cursor, node: doc })),
    pageInfo: { hasNextPage: page.hasNext, endCursor: page.items.at(-1)?.cursor ?? null },
  }
}

function changed(outcome: Outcome, { consistency }: RequestContext) {
  consistency.reached('shipping', outcome.position)
  return outcome.status === 'accepted'
    ? { __typename: 'ShipmentChanged', shipment: outcome.shipment }
    : { __typename: 'ShipmentRefused', ...outcome.refusal }
}

function askedBy(subject: string, command: string, key: string, { meta }: RequestContext): Asked {
  return { key: `${subject}:${command}:${key}`, meta }
}
