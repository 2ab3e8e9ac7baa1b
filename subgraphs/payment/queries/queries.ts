// Resolves the queries of payment: payments, totals, and the worklist of refused movements.
import { isStaff, requireRole, requireViewer } from '#platform/auth/viewer.ts'
import { toDecimal } from '#platform/domain/money.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import type { Filter } from '#platform/read-models/read-models.ts'
import { findConnection, mapConnection, sortedBy } from '#platform/subgraph/connection.ts'
import { documentLoader } from '#platform/subgraph/document-loader.ts'
import { checkId } from '#platform/subgraph/input.ts'
import type {
  PaymentTotals,
  QueryPaymentArgs,
  QueryRefusedMovementArgs,
  QueryRefusedMovementsArgs,
  RefusedMovementTotals,
} from '#schema/generated/payment.ts'
import { loadVisiblePayment, type QueryDependencies } from '#subgraphs/payment/queries/loaders.ts'
import { movementFields, paymentFields } from '#subgraphs/payment/queries/types.ts'
import type { MovementTotalsDoc, TotalsDoc } from '#subgraphs/payment/queries/views.ts'

/** More than there are currencies, times the three kinds of movement. */
const MAX_TOTALS = 1_000
const SORT_PATHS = { REFUSED_AT: 'refusedAt' } as const
const OLDEST_FIRST = { field: 'REFUSED_AT', direction: 'ASC' } as const

export function createQueries(dependencies: QueryDependencies) {
  const { totals, movements, movementTotals } = dependencies
  return {
    async payment(_: unknown, { id }: QueryPaymentArgs, context: RequestContext) {
      const viewer = requireViewer(context.viewer)
      const payment = await loadVisiblePayment(dependencies, checkId('id', 'payment', id), context)
      return payment ? paymentFields(payment, viewer) : null
    },

    async paymentTotals(_: unknown, __: unknown, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      const { items } = await totals.find({ limit: MAX_TOTALS })
      return items.map(({ doc }) => totalsFields(doc))
    },

    async refusedMovement(_: unknown, { id }: QueryRefusedMovementArgs, context: RequestContext) {
      if (!isStaff(requireViewer(context.viewer))) return null
      const movement = await documentLoader(context, 'movements', movements).load(id)
      return movement ? movementFields(movement, movement.orderId) : null
    },

    async refusedMovements(
      _: unknown,
      { filter, sort, ...page }: QueryRefusedMovementsArgs,
      { viewer }: RequestContext,
    ) {
      requireRole(viewer, 'support', 'ops', 'service')
      const kind: Filter[] = filter?.kind ? [{ path: 'kind', equals: filter.kind }] : []
      const found = await findConnection(movements, {
        where: [{ path: 'status', equals: filter?.status ?? 'OPEN' }, ...kind],
        orderBy: sortedBy(SORT_PATHS, sort ?? OLDEST_FIRST),
        page,
      })
      return mapConnection(found, doc => movementFields(doc, doc.orderId))
    },

    async refusedMovementTotals(_: unknown, __: unknown, { viewer }: RequestContext) {
      requireRole(viewer, 'support', 'ops', 'service')
      const { items } = await movementTotals.find({ limit: MAX_TOTALS })
      return items.filter(({ doc }) => doc.count > 0).map(({ doc }) => movementTotalsFields(doc))
    },
  }
}

function totalsFields({ currency, ...sums }: TotalsDoc): PaymentTotals {
  const decimal = (minor: number) => toDecimal({ minor, currency })
  return {
    currency,
    requested: decimal(sums.requested),
    authorised: decimal(sums.authorised),
    captured: decimal(sums.captured),
    voided: decimal(sums.voided),
    refunded: decimal(sums.refunded),
  }
}

function movementTotalsFields({ kind, currency, count, minor }: MovementTotalsDoc): RefusedMovementTotals {
  return { kind, currency, count, amount: toDecimal({ minor, currency }) }
}
