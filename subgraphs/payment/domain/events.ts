// Defines the events of a payment as they are stored and published.
import type { Money } from '#platform/domain/money.ts'

export type TenderKind = 'CARD' | 'VOUCHER' | 'BANK_SLIP'

/** `token` is the provider's token for the card, voucher or slip, never a card number. */
export type RequestedTender = {
  readonly tenderId: string
  readonly kind: TenderKind
  readonly token: string
  readonly amount: Money
}

export type Share = { readonly tenderId: string; readonly amount: Money }

export type MovementKind = 'CAPTURE' | 'REFUND' | 'VOID'

type EventOf<Type extends string, Data extends object> = {
  readonly type: Type
  readonly data: Readonly<Data> & { readonly at: string }
}
type OfTender = { readonly tenderId: string; readonly amount: Money }
/** `amount` is what was still to be moved at the time of the event. */
type OfMovement = { orderId: string; movementId: string; kind: MovementKind; amount: Money }

/**
 * `…Requested` is the intent, recorded before the call to the provider; the responses follow it. `PaymentDeclined` is an
 * intent as well: the amounts held on the other tenders are to be voided. Each money movement is a `Tender…` event, and the
 * `Payment…` event after the last of them closes the matter.
 *
 * A movement that the provider refuses gets an entry on the worklist, `MovementRefused`, under the id of its capture or
 * refund; a void has an id made of its tender's. The entry stays open until it is settled, written off or dropped.
 */
export type PaymentEvent =
  | EventOf<
      'PaymentRequested',
      { orderId: string; customerId: string; amount: Money; tenders: readonly RequestedTender[] }
    >
  /** `expiresAt`: the provider captures nothing under this authorisation from then on. */
  | EventOf<'TenderAuthorised', OfTender & { providerRef: string; expiresAt?: string }>
  | EventOf<'TenderApprovalAwaited', { tenderId: string; providerRef: string }>
  | EventOf<'TenderDeclined', { tenderId: string; code: string; retryable: boolean }>
  /** `awaited` says that a tender had to be approved, so no answer to the request told this. Older builds leave it out. */
  | EventOf<'PaymentAuthorised', { orderId: string; customerId: string; amount: Money; awaited?: boolean }>
  | EventOf<
      'PaymentDeclined',
      {
        orderId: string
        customerId: string
        code: string
        message: string
        retryable: boolean
        reason: string
        awaited?: boolean
      }
    >
  | EventOf<'CaptureRequested', { captureId: string; amount: Money; shares: readonly Share[] }>
  /** `amount` is the amount that the provider reports as captured, which may differ from the requested share. */
  | EventOf<'TenderCaptured', OfTender & { captureId: string }>
  | EventOf<'PaymentCaptured', { orderId: string; captureId: string; amount: Money }>
  | EventOf<'CaptureDeclined', { orderId: string; captureId: string; code: string; retryable: boolean }>
  | EventOf<'RefundRequested', { refundId: string; amount: Money; shares: readonly Share[] }>
  | EventOf<'TenderRefunded', OfTender & { refundId: string }>
  | EventOf<'PaymentRefunded', { orderId: string; refundId: string; amount: Money }>
  | EventOf<'RefundDeclined', { orderId: string; refundId: string; code: string; retryable: boolean }>
  | EventOf<'VoidRequested', { orderId: string }>
  | EventOf<'TenderVoided', OfTender>
  | EventOf<'PaymentVoided', { orderId: string; amount: Money }>
  /** A void arrived before any request: later requests are refused. */
  | EventOf<'PaymentForestalled', { orderId: string }>
  /** The provider approved a tender that was already declined or void; the approval is voided under its own reference. */
  | EventOf<'TenderApprovedLate', { tenderId: string; providerRef: string; amount?: Money }>
  | EventOf<'LateApprovalVoided', { tenderId: string; providerRef: string }>
  /**
   * `tender` is to be authorised in the place of those that it replaces, and the movement is made of it. Once it is
   * authorised, the rest of the others is voided. `by` is the operator who requested it, if one did.
   */
  | EventOf<
      'ReauthorisationRequested',
      {
        orderId: string
        movementId: string
        tender: RequestedTender
        replaces: readonly string[]
        by?: string
      }
    >
  /** `before` is the amount that the entry held open, if the movement was refused before. */
  | EventOf<
      'MovementRefused',
      OfMovement & { code: string; retryable: boolean; shares: readonly Share[]; before?: Money }
    >
  | EventOf<'MovementRetried', OfMovement & { by: string; shares: readonly Share[] }>
  | EventOf<'MovementSettled', OfMovement>
  | EventOf<'MovementWrittenOff', OfMovement & { by: string; note: string }>
  /** The payment was voided as a whole, so nothing is owed any more. */
  | EventOf<'MovementDropped', OfMovement>

/** Each event type once; the mapping makes the type check find a missing one. */
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
  ReauthorisationRequested: true,
  MovementRefused: true,
  MovementRetried: true,
  MovementSettled: true,
  MovementWrittenOff: true,
  MovementDropped: true,
}

export const PAYMENT_EVENT_TYPES = Object.keys(TYPES) as readonly PaymentEvent['type'][]
