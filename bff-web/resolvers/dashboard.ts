// The queries of the web graph for staff: the operations dashboard, fulfilments, and refused movements of money.

import { connectionOf, selectsCount } from '#bff/graph/connection.ts'
import { fulfilmentId } from '#bff/graph/node-ids.ts'
import { pageOf } from '#bff/graph/paging.ts'
import { createSections } from '#bff/graph/sections.ts'
import { type Page, type Pages, whole } from '#bff/pages/pages.ts'
import { requireStaff } from '#bff-web/resolvers/access.ts'
import {
  inventoryTotals,
  lowStock,
  movementTotals,
  openMovements,
  orderTotals,
  paymentTotals,
  stuckFulfilments,
} from '#bff-web/resolvers/product-pages.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type {
  FulfilmentResolvers,
  OperationsResolvers,
  OperationsSection,
  QueryResolvers,
} from '#schema/generated/bff-web.ts'
import { FulfilmentsDocument, RefusedMovementsDocument } from '#schema/generated/bff-web-operations.ts'

const MESSAGES: Readonly<Record<OperationsSection, string>> = {
  ORDER_TOTALS: 'The totals of orders cannot be shown at the moment.',
  INVENTORY_TOTALS: 'The totals of stock cannot be shown at the moment.',
  PAYMENT_TOTALS: 'The totals of payments cannot be shown at the moment.',
  LOW_STOCK: 'Products that run low cannot be shown at the moment.',
  STUCK_FULFILMENTS: 'Fulfilments that are stuck cannot be shown at the moment.',
  REFUSED_MOVEMENTS: 'Refused movements of money cannot be shown at the moment.',
  REFUSED_MOVEMENT_TOTALS: 'The totals of refused movements cannot be shown at the moment.',
}
const MAX_PAGE_SIZE = 100

/** The parent of the parts of the dashboard: each operation's own. */
export type OperationsSource = Readonly<Record<never, never>>

const sections = createSections<OperationsSection>()

export function operationsQueries(
  pages: Pages,
): Required<Pick<QueryResolvers, 'operations' | 'fulfilments' | 'refusedMovements'>> {
  return {
    operations(_root, _args, context) {
      requireStaff(context.viewer)
      return {}
    },
    async fulfilments(_root, { filter = null, sort = null, ...args }, context, info) {
      const page = { ...pageOf(args, MAX_PAGE_SIZE), counted: selectsCount(info) }
      const { fulfilments } = await pages.run(FulfilmentsDocument, { filter, sort, ...page }, context)
      return connectionOf(fulfilments, fulfilment => fulfilment)
    },
    async refusedMovements(_root, { filter = null, sort = null, ...args }, context, info) {
      const page = { ...pageOf(args, MAX_PAGE_SIZE), counted: selectsCount(info) }
      const { refusedMovements } = await pages.run(
        RefusedMovementsDocument,
        { filter, sort, ...page },
        context,
      )
      return connectionOf(refusedMovements, movement => movement)
    },
  }
}

export function fulfilmentResolvers(): Required<Pick<FulfilmentResolvers, 'id'>> {
  return { id: ({ order }) => fulfilmentId(order.id) }
}

/**
 * Each part is a page of its own, so that one that fails does not fail the others. They go to the gateway as one request.
 */
export function dashboardResolvers(pages: Pages): Required<Omit<OperationsResolvers, '__isTypeOf'>> {
  const part =
    <Result, Value>(
      section: OperationsSection,
      page: Page<Result, Record<string, never>>,
      show: (result: Result) => Value,
    ) =>
    (parent: OperationsSource, _args: unknown, context: RequestContext) =>
      sections.read(parent, context, {
        section,
        message: MESSAGES[section],
        async read() {
          const result = whole(await pages.read(page, {}, context))
          return result === undefined ? null : show(result)
        },
      })
  return {
    orderTotals: part('ORDER_TOTALS', orderTotals, result => result.orderTotals),
    inventoryTotals: part('INVENTORY_TOTALS', inventoryTotals, result => result.inventoryTotals),
    paymentTotals: part('PAYMENT_TOTALS', paymentTotals, result => result.paymentTotals),
    lowStock: part('LOW_STOCK', lowStock, result => result.lowStock.nodes),
    stuckFulfilments: part('STUCK_FULFILMENTS', stuckFulfilments, result => result.fulfilments.nodes),
    refusedMovements: part('REFUSED_MOVEMENTS', openMovements, result => result.refusedMovements.nodes),
    refusedMovementTotals: part(
      'REFUSED_MOVEMENT_TOTALS',
      movementTotals,
      result => result.refusedMovementTotals,
    ),
    notices: (parent, _args, context) => sections.notices(parent, context),
  }
}
