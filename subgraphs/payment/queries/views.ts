// Defines the read models of payment: which events change which documents.
import type { View } from '#platform/read-models/projection.ts'
import { projectEvents } from '#platform/subgraph/project-events.ts'
import { paymentAggregate } from '#subgraphs/payment/domain/aggregate.ts'
import type { MovementKind, PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import { outstanding } from '#subgraphs/payment/domain/outstanding.ts'
import { evolve, isStanding, type StandingPayment } from '#subgraphs/payment/domain/payment.ts'
import {
  afterMovement,
  isMovementEvent,
  type MovementEvent,
  type RefusedMovement,
} from '#subgraphs/payment/domain/refused-movement.ts'

const categories = [paymentAggregate.category]

/** One document a payment, by payment id. `unfinishedSince` is there while the provider still has to be asked something. */
export type PaymentDoc = StandingPayment & { readonly unfinishedSince?: string }

/** The payment as its aggregate has it, without the tokens. An order's payment has an id made of the order's. */
export const paymentsView: View<PaymentDoc> = {
  collection: { name: 'payments', version: 2, indexes: [], sparse: ['unfinishedSince'] },
  categories,
  ownStream: true,
  project: projectEvents(paymentAggregate, (event, { id }) => [
    { id, update: doc => paymentAfter(doc, withoutTokens(event)) },
  ]),
}

function paymentAfter(doc: PaymentDoc | undefined, event: PaymentEvent): PaymentDoc | undefined {
  const { unfinishedSince: _, ...before } = doc ?? { phase: 'absent' as const, unfinishedSince: undefined }
  const payment = evolve(before, event)
  if (!isStanding(payment)) return undefined
  return outstanding(payment).length > 0 ? { unfinishedSince: event.data.at, ...payment } : payment
}

function withoutTokens(event: PaymentEvent): PaymentEvent {
  if (event.type === 'ReauthorisationRequested')
    return { ...event, data: { ...event.data, tender: { ...event.data.tender, token: '' } } }
  if (event.type !== 'PaymentRequested') return event
  const tenders = event.data.tenders.map(tender => ({ ...tender, token: '' }))
  return { ...event, data: { ...event.data, tenders } }
}

/** Minor units of one currency: sums over all that ever happened, tender by tender. */
export type TotalsDoc = {
  readonly currency: string
  readonly requested: number
  readonly authorised: number
  readonly captured: number
  readonly voided: number
  readonly refunded: number
}
type Sum = Exclude<keyof TotalsDoc, 'currency'>

/** One document a currency, by its code. `authorised - voided` is what is held or was captured. */
export const totalsView: View<TotalsDoc> = {
  collection: { name: 'payment_totals', version: 1, indexes: [] },
  categories,
  project: projectEvents(paymentAggregate, event => {
    const sum = SUMS[event.type]
    if (!sum || !('amount' in event.data)) return []
    const { minor, currency } = event.data.amount
    return [{ id: currency, update: doc => added(doc ?? noTotals(currency), sum, minor) }]
  }),
}

const SUMS: Readonly<Partial<Record<PaymentEvent['type'], Sum>>> = {
  PaymentRequested: 'requested',
  TenderAuthorised: 'authorised',
  TenderCaptured: 'captured',
  TenderVoided: 'voided',
  TenderRefunded: 'refunded',
}

function noTotals(currency: string): TotalsDoc {
  return { currency, requested: 0, authorised: 0, captured: 0, voided: 0, refunded: 0 }
}

function added(totals: TotalsDoc, sum: Sum, minor: number): TotalsDoc {
  return minor === 0 ? totals : { ...totals, [sum]: totals[sum] + minor }
}

export type MovementDoc = RefusedMovement & { readonly paymentId: string; readonly orderId: string }

/** One document a refused movement, by its id, open and closed. */
export const movementsView: View<MovementDoc> = {
  collection: {
    name: 'refused_movements',
    version: 1,
    indexes: [
      ['status', 'refusedAt'],
      ['status', 'kind', 'refusedAt'],
    ],
  },
  categories,
  project: projectEvents(paymentAggregate, (event, { id: paymentId }) => {
    if (!isMovementEvent(event)) return []
    const { movementId: id, orderId } = event.data
    const update = (doc: MovementDoc | undefined) => {
      const after = afterMovement(doc, event)
      return after && { ...after, paymentId, orderId }
    }
    return [{ id, update }]
  }),
}

/** The open amounts of the worklist, in minor units. */
export type MovementTotalsDoc = {
  readonly kind: MovementKind
  readonly currency: string
  readonly count: number
  readonly minor: number
}

/** One document a kind and currency. */
export const movementTotalsView: View<MovementTotalsDoc> = {
  collection: { name: 'refused_movement_totals', version: 1, indexes: [] },
  categories,
  project: projectEvents(paymentAggregate, event => {
    if (!isMovementEvent(event) || event.type === 'MovementRetried') return []
    const { kind, amount } = event.data
    const { currency } = amount
    const { count, minor } = openedBy(event)
    const update = (doc: MovementTotalsDoc | undefined) => ({
      kind,
      currency,
      count: (doc?.count ?? 0) + count,
      minor: (doc?.minor ?? 0) + minor,
    })
    return [{ id: `${kind}:${currency}`, update }]
  }),
}

function openedBy(event: Exclude<MovementEvent, { type: 'MovementRetried' }>): {
  count: number
  minor: number
} {
  const { minor } = event.data.amount
  if (event.type !== 'MovementRefused') return { count: -1, minor: -minor }
  const { before } = event.data
  return before ? { count: 0, minor: minor - before.minor } : { count: 1, minor }
}
