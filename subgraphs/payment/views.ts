// The read models of payment as pure functions from event to document change. Free of I/O.
import { createCodec } from '#platform/event-store/codec.ts'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import type { Change, View } from '#platform/read-models/projection.ts'
import { outstanding } from '#subgraphs/payment/domain/outstanding.ts'
import {
  evolve,
  isStanding,
  type Payment,
  type PaymentEvent,
  paymentAggregate,
  type StandingPayment,
} from '#subgraphs/payment/domain/payment.ts'

const codec = createCodec<Payment, PaymentEvent>(paymentAggregate)
const categories = [paymentAggregate.category]

function projecting<Doc>(changes: (event: PaymentEvent, paymentId: string) => Change<Doc>[]) {
  return (recorded: RecordedEvent): Change<Doc>[] => {
    const event = codec.decode(recorded)
    return event ? changes(event, recorded.stream.slice(paymentAggregate.category.length + 1)) : []
  }
}

/** One document a payment, by payment id. `unfinishedSince` is there while the provider still has to be asked something. */
export type PaymentDoc = StandingPayment & { readonly unfinishedSince?: string }

/** The payment as its aggregate has it, without the tokens. An order's payment has an id made of the order's. */
export const paymentsView: View<PaymentDoc> = {
  collection: { name: 'payments', version: 1, indexes: [['orderId'], ['unfinishedSince']] },
  categories,
  project: projecting((event, id) => [{ id, update: doc => paymentAfter(doc, withoutTokens(event)) }]),
}

function paymentAfter(doc: PaymentDoc | undefined, event: PaymentEvent): PaymentDoc | undefined {
  const { unfinishedSince: _, ...before } = doc ?? { phase: 'absent' as const, unfinishedSince: undefined }
  const payment = evolve(before, event)
  if (!isStanding(payment)) return undefined
  return outstanding(payment).length > 0 ? { ...payment, unfinishedSince: event.data.at } : payment
}

function withoutTokens(event: PaymentEvent): PaymentEvent {
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
  project: projecting(event => {
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
