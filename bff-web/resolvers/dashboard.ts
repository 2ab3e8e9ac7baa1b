// The queries of the web graph for staff: the operations dashboard, fulfilments, and refused movements of money.

import type { Page, Pages } from '#bff/pages/pages.ts'
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
import { type Notice, readSection } from '#bff-web/resolvers/section-notices.ts'
import { selects } from '#bff-web/resolvers/selection.ts'
import type { OperationsSection, QueryResolvers } from '#schema/generated/bff-web.ts'
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

export function operationsQueries(
  pages: Pages,
): Required<Pick<QueryResolvers, 'operations' | 'fulfilments' | 'refusedMovements'>> {
  return {
    /** Each part is a page of its own, so that one that fails does not fail the others. They go to the gateway as one request. */
    async operations(_root, _args, context, info) {
      requireStaff(context.viewer)
      const notices: Notice<OperationsSection>[] = []
      const part = <Result>(
        field: string,
        section: OperationsSection,
        page: Page<Result, Record<string, never>>,
      ) => {
        if (!selects(info, field)) return undefined
        const read = () => pages.read(page, {}, context)
        return readSection(context, notices, { section, message: MESSAGES[section], read })
      }
      const [orders, inventory, payments, low, stuck, refused, refusedTotals] = await Promise.all([
        part('orderTotals', 'ORDER_TOTALS', orderTotals),
        part('inventoryTotals', 'INVENTORY_TOTALS', inventoryTotals),
        part('paymentTotals', 'PAYMENT_TOTALS', paymentTotals),
        part('lowStock', 'LOW_STOCK', lowStock),
        part('stuckFulfilments', 'STUCK_FULFILMENTS', stuckFulfilments),
        part('refusedMovements', 'REFUSED_MOVEMENTS', openMovements),
        part('refusedMovementTotals', 'REFUSED_MOVEMENT_TOTALS', movementTotals),
      ])
      return {
        orderTotals: orders?.orderTotals ?? null,
        inventoryTotals: inventory?.inventoryTotals ?? null,
        paymentTotals: payments?.paymentTotals ?? null,
        lowStock: low?.lowStock.nodes ?? null,
        stuckFulfilments: stuck?.fulfilments.nodes ?? null,
        refusedMovements: refused?.refusedMovements.nodes ?? null,
        refusedMovementTotals: refusedTotals?.refusedMovementTotals ?? null,
        notices,
      }
    },
    fulfilments: async (_root, { phase = null, stuck = null, ...page }, context) =>
      (await pages.run(FulfilmentsDocument, { filter: { phase, stuck }, ...page }, context)).fulfilments,
    refusedMovements: async (_root, args, context) =>
      (await pages.run(RefusedMovementsDocument, args, context)).refusedMovements,
  }
}
