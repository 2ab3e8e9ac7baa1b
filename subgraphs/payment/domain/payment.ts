// The payment of one order: its events, its state and how they make it. Free of I/O, clocks and ids.
import type { Money } from '#platform/domain/money.ts'
import type { Aggregate } from '#platform/event-store/aggregate.ts'

export type TenderKind = 'CARD' | 'VOUCHER' | 'BANK_SLIP'

/** `token` is what the provider gave the client for the card, voucher or slip: never a card number. */
export type RequestedTender = {
  readonly tenderId: string
  readonly kind: TenderKind
  readonly token: string
  readonly amount: Money
}

export type Share = { readonly tenderId: string; readonly amount: Money }

type Happening<Type extends string, Data extends object> = {
  readonly type: Type
  readonly data: Readonly<Data> & { readonly at: string }
}
type OfTender = { readonly tenderId: string; readonly amount: Money }

/**
 * `…Requested` is the intent, recorded before the provider is asked; the answers follow it. `PaymentDeclined` is an
 * intent as well: what is held on the other tenders is let go. Each money movement is a `Tender…` event, and the
 * `Payment…` event after the last of them closes the matter.
 */
export type PaymentEvent =
  | Happening<
      'PaymentRequested',
      { orderId: string; customerId: string; amount: Money; tenders: readonly RequestedTender[] }
    >
  | Happening<'TenderAuthorised', OfTender & { providerRef: string }>
  | Happening<'TenderApprovalAwaited', { tenderId: string; providerRef: string }>
  | Happening<'TenderDeclined', { tenderId: string; code: string; retryable: boolean }>
  | Happening<'PaymentAuthorised', { orderId: string; customerId: string; amount: Money }>
  | Happening<
      'PaymentDeclined',
      {
        orderId: string
        customerId: string
        code: string
        message: string
        retryable: boolean
        reason: string
      }
    >
  | Happening<'CaptureRequested', { captureId: string; amount: Money; shares: readonly Share[] }>
  | Happening<'TenderCaptured', OfTender & { captureId: string }>
  | Happening<'PaymentCaptured', { orderId: string; captureId: string; amount: Money }>
  | Happening<'CaptureDeclined', { orderId: string; captureId: string; code: string; retryable: boolean }>
  | Happening<'RefundRequested', { refundId: string; amount: Money; shares: readonly Share[] }>
  | Happening<'TenderRefunded', OfTender & { refundId: string }>
  | Happening<'PaymentRefunded', { orderId: string; refundId: string; amount: Money }>
  | Happening<'RefundDeclined', { orderId: string; refundId: string; code: string; retryable: boolean }>
  | Happening<'VoidRequested', { orderId: string }>
  | Happening<'TenderVoided', OfTender>
  | Happening<'PaymentVoided', { orderId: string; amount: Money }>
  /** A void that came before any request: whatever is requested later is refused. */
  | Happening<'PaymentForestalled', { orderId: string }>
  /** The provider approved what was declined, or void, by then; it is voided there under its own reference. */
  | Happening<'TenderApprovedLate', { tenderId: string; providerRef: string }>
  | Happening<'LateApprovalVoided', { tenderId: string; providerRef: string }>

export type TenderStatus = 'REQUESTED' | 'AWAITING_APPROVAL' | 'AUTHORISED' | 'DECLINED' | 'VOIDED'

/** Amounts are minor units of the payment's currency. `held` is what is authorised and not let go, captures included. */
export type Tender = {
  readonly tenderId: string
  readonly kind: TenderKind
  readonly token: string
  readonly amount: number
  readonly status: TenderStatus
  readonly awaited: boolean
  readonly held: number
  readonly captured: number
  readonly refunded: number
  readonly decline?: ProviderRefusal
  /** The provider's name of the authorisation, once there is one. */
  readonly providerRef?: string
  readonly late: readonly { readonly providerRef: string; readonly voided: boolean }[]
}

/** A capture or refund under way; `shares` are those that the provider has not carried out yet. */
export type Move = {
  readonly id: string
  readonly amount: number
  readonly shares: readonly { readonly tenderId: string; readonly amount: number }[]
}

export type ProviderRefusal = { readonly code: string; readonly retryable: boolean }
export type Phase = 'requested' | 'authorised' | 'declined' | 'voiding' | 'voided'

export type StandingPayment = {
  readonly phase: Phase
  readonly orderId: string
  readonly customerId: string
  readonly currency: string
  readonly amount: number
  readonly tenders: readonly Tender[]
  readonly captures: readonly Move[]
  readonly refunds: readonly Move[]
  /** Captures and refunds that the provider would not carry out, by id. */
  readonly declinedMoves: Readonly<Record<string, ProviderRefusal>>
  readonly decline?: { readonly code: string; readonly message: string; readonly retryable: boolean }
  readonly authorisedAt?: string
  /** Let go since the void, or the decline, was recorded. */
  readonly released: number
  readonly createdAt: string
  readonly updatedAt: string
}

export type Payment =
  | { readonly phase: 'absent' }
  | { readonly phase: 'forestalled'; readonly orderId: string }
  | StandingPayment

export function isStanding(payment: Payment): payment is StandingPayment {
  return payment.phase !== 'absent' && payment.phase !== 'forestalled'
}

export function evolve(payment: Payment, event: PaymentEvent): Payment {
  if (event.type === 'PaymentRequested') return requested(event)
  if (event.type === 'PaymentForestalled') return { phase: 'forestalled', orderId: event.data.orderId }
  return isStanding(payment) ? advance(payment, event) : payment
}

type Opening = Extract<PaymentEvent, { type: 'PaymentRequested' | 'PaymentForestalled' }>
export type LaterEvent = Exclude<PaymentEvent, Opening>

function requested({ data }: Extract<PaymentEvent, { type: 'PaymentRequested' }>): StandingPayment {
  return {
    phase: 'requested',
    orderId: data.orderId,
    customerId: data.customerId,
    currency: data.amount.currency,
    amount: data.amount.minor,
    tenders: data.tenders.map(tender => ({
      ...tender,
      amount: tender.amount.minor,
      status: 'REQUESTED',
      awaited: false,
      held: 0,
      captured: 0,
      refunded: 0,
      late: [],
    })),
    captures: [],
    refunds: [],
    declinedMoves: {},
    released: 0,
    createdAt: data.at,
    updatedAt: data.at,
  }
}

/** What `event` makes of a payment that has been requested. */
export function advance(payment: StandingPayment, event: LaterEvent): StandingPayment {
  return { ...payment, ...change(payment, event), updatedAt: event.data.at }
}

function change(payment: StandingPayment, { type, data }: LaterEvent): Partial<StandingPayment> {
  switch (type) {
    case 'TenderAuthorised':
      return withTender(payment, data.tenderId, tender => ({
        status: 'AUTHORISED',
        held: tender.amount,
        providerRef: data.providerRef,
      }))
    case 'TenderApprovalAwaited':
      return withTender(payment, data.tenderId, () => ({ status: 'AWAITING_APPROVAL', awaited: true }))
    case 'TenderDeclined':
      return withTender(payment, data.tenderId, () => ({ status: 'DECLINED', decline: refusalOf(data) }))
    case 'PaymentAuthorised':
      return { phase: 'authorised', authorisedAt: data.at }
    case 'PaymentDeclined':
      return {
        phase: 'declined',
        decline: { code: data.code, message: data.message, retryable: data.retryable },
      }
    case 'CaptureRequested':
      return { captures: [...payment.captures, move(data.captureId, data)] }
    case 'TenderCaptured':
      return {
        ...withTender(payment, data.tenderId, ({ captured }) => ({ captured: captured + data.amount.minor })),
        captures: shareDone(payment.captures, data.captureId, data.tenderId),
      }
    case 'PaymentCaptured':
      return { captures: without(payment.captures, data.captureId) }
    case 'CaptureDeclined':
      return {
        captures: without(payment.captures, data.captureId),
        declinedMoves: { ...payment.declinedMoves, [data.captureId]: refusalOf(data) },
      }
    case 'RefundRequested':
      return { refunds: [...payment.refunds, move(data.refundId, data)] }
    case 'TenderRefunded':
      return {
        ...withTender(payment, data.tenderId, ({ refunded }) => ({ refunded: refunded + data.amount.minor })),
        refunds: shareDone(payment.refunds, data.refundId, data.tenderId),
      }
    case 'PaymentRefunded':
      return { refunds: without(payment.refunds, data.refundId) }
    case 'RefundDeclined':
      return {
        refunds: without(payment.refunds, data.refundId),
        declinedMoves: { ...payment.declinedMoves, [data.refundId]: refusalOf(data) },
      }
    case 'VoidRequested':
      return { phase: 'voiding', released: 0 }
    case 'TenderVoided':
      return {
        ...withTender(payment, data.tenderId, ({ held }) => ({
          held: held - data.amount.minor,
          status: held === data.amount.minor ? 'VOIDED' : 'AUTHORISED',
        })),
        released: payment.released + data.amount.minor,
      }
    case 'PaymentVoided':
      return { phase: 'voided' }
    case 'TenderApprovedLate':
      return withTender(payment, data.tenderId, ({ late }) => ({
        late: [...late, { providerRef: data.providerRef, voided: false }],
      }))
    case 'LateApprovalVoided':
      return withTender(payment, data.tenderId, ({ late }) => ({
        late: late.map(entry =>
          entry.providerRef === data.providerRef ? { ...entry, voided: true } : entry,
        ),
      }))
  }
}

function withTender(
  { tenders }: StandingPayment,
  tenderId: string,
  change: (tender: Tender) => Partial<Tender>,
): Pick<StandingPayment, 'tenders'> {
  return {
    tenders: tenders.map(tender =>
      tender.tenderId === tenderId ? { ...tender, ...change(tender) } : tender,
    ),
  }
}

function move(id: string, data: { readonly amount: Money; readonly shares: readonly Share[] }): Move {
  return {
    id,
    amount: data.amount.minor,
    shares: data.shares.map(({ tenderId, amount }) => ({ tenderId, amount: amount.minor })),
  }
}

function shareDone(moves: readonly Move[], id: string, tenderId: string): Move[] {
  return moves.map(entry =>
    entry.id === id ? { ...entry, shares: entry.shares.filter(share => share.tenderId !== tenderId) } : entry,
  )
}

function without(moves: readonly Move[], id: string): Move[] {
  return moves.filter(entry => entry.id !== id)
}

function refusalOf({ code, retryable }: ProviderRefusal): ProviderRefusal {
  return { code, retryable }
}

const TYPES: Readonly<Record<PaymentEvent['type'], true>> = {
  PaymentRequested: true,
  TenderAuthorised: true,
  TenderApprovalAwaited: true,
  TenderDeclined: true,
  PaymentAuthorised: true,
  PaymentDeclined: true,
  CaptureRequested: true,
  TenderCaptured: true,
  PaymentCaptured: true,
  CaptureDeclined: true,
  RefundRequested: true,
  TenderRefunded: true,
  PaymentRefunded: true,
  RefundDeclined: true,
  VoidRequested: true,
  TenderVoided: true,
  PaymentVoided: true,
  PaymentForestalled: true,
  TenderApprovedLate: true,
  LateApprovalVoided: true,
}

export function isPaymentEventType(type: string): type is PaymentEvent['type'] {
  return Object.hasOwn(TYPES, type)
}

/** Streams are short (a few events a shipment), so no snapshots are kept. */
export const paymentAggregate: Aggregate<Payment, PaymentEvent> = {
  category: 'payment',
  initial: { phase: 'absent' },
  evolve,
  types: Object.keys(TYPES).filter(isPaymentEventType),
}
