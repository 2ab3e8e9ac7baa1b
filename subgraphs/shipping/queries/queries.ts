// Resolves the queries of shipping: shipments, quotes and estimates.
import { requireRole, requireViewer } from '#platform/auth/viewer.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { moneyOut } from '#platform/graphql/scalars.ts'
import { findConnection, sortedBy } from '#platform/subgraph/connection.ts'
import { checkCount, checkId } from '#platform/subgraph/input.ts'
import type {
  QueryQuoteShippingArgs,
  QueryShipmentArgs,
  QueryShipmentsArgs,
} from '#schema/generated/shipping.ts'
import { QUOTE_VALID_MS, quoteGoods } from '#subgraphs/shipping/domain/tariff.ts'
import { readQuote } from '#subgraphs/shipping/queries/input.ts'
import { type QueryDependencies, visibleShipment } from '#subgraphs/shipping/queries/loaders.ts'
import { stages } from '#subgraphs/shipping/queries/views.ts'

const SORT_PATHS = { CREATED_AT: 'createdAt' } as const
const OLDEST_FIRST = { field: 'CREATED_AT', direction: 'ASC' } as const

export function createQueries({ shipments, now }: QueryDependencies) {
  return {
    async shipment(_: unknown, { id }: QueryShipmentArgs, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      return visibleShipment(await shipments.get(checkId('id', 'shipment', id)), viewer)
    },

    quoteShipping(_: unknown, { input }: QueryQuoteShippingArgs) {
      const quoted = quoteGoods(readQuote(input))
      if ('refused' in quoted) return { __typename: 'NotShippable', ...quoted.refused }
      const validUntil = new Date(now().getTime() + QUOTE_VALID_MS).toISOString()
      return { __typename: 'ShippingQuote', fee: moneyOut(quoted.fee), days: quoted.days, validUntil }
    },

    shipments(_: unknown, { filter, sort, ...page }: QueryShipmentsArgs, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      const { status } = filter ?? {}
      if (status) checkCount('filter.status', status, { min: 0, max: 20 })
      return findConnection(shipments, {
        where: status ? stages.filters(status) : [],
        orderBy: sortedBy(SORT_PATHS, sort ?? OLDEST_FIRST),
        page,
      })
    },
  }
}
