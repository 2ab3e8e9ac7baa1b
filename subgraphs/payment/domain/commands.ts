// Decides the commands on a payment: request, capture, void, refund. Each records only the intent. Reads their results as well.
import { accept, type Decision, type Refusal, refuse } from '#platform/domain/decision.ts'
import { type Money, toDecimal } from '#platform/domain/money.ts'
import type { PaymentEvent, RequestedTender, Share } from '#subgraphs/payment/domain/events.ts'
import {
  entryOf,
  isReleasable,
  isReplaced,
  toRelease,
  uncaptured,
  underWay,
} from '#subgraphs/payment/domain/outstanding.ts'
import {
  advance,
  isStanding,
  type LaterEvent,
  movesOf,
  type Payment,
  type StandingPayment,
  type Tender,
} from '#subgraphs/payment/domain/payment.ts'
import { expiresSoon, reauthorise } from '#subgraphs/payment/domain/reauthorisation.ts'
import { CONTRADICTION, isRepeatable } from '#subgraphs/payment/domain/refused-movement.ts'

/**
 * `retryable` is true when the same tender may work later. `movementId` names the entry on the operators' worklist,
 * `reason` the provider's code and `outstanding` what was not moved, when the provider refused it.
 */
export type PaymentRefusal = Refusal & {
  readonly retryable: boolean
  readonly movementId?: string
  readonly reason?: string
  readonly outstanding?: Money
}
type PaymentDecision = Decision<PaymentEvent, PaymentRefusal>

type RequestPayment = {
  readonly orderId: string
  readonly customerId: string
  readonly amount: Money
  readonly tenders: readonly RequestedTender[]
  readonly at: string
}
type RequestMovement = { readonly moveId: string; readonly amount: Money; readonly at: string }

/** An order has one payment: a second request is refused, unless it repeats the first one's command key. */
export function requestPayment(payment: Payment, command: RequestPayment): PaymentDecision {
  const { amount, tenders } = command
  if (payment.phase === 'forestalled') return no('PAYMENT_VOIDED', 'the payment was voided before it began')
  if (payment.phase !== 'absent')
    return no('PAYMENT_ALREADY_REQUESTED', 'the payment of this order has been requested before')
  if (tenders.some(tender => tender.amount.currency !== amount.currency))
    return no('CURRENCY_MISMATCH', `every tender must be in ${amount.currency}, as the payment is`)
  const tendered = tenders.reduce((sum, tender) => sum + tender.amount.minor, 0)
  if (tendered !== amount.minor)
    return no(
      'TENDER_SUM_MISMATCH',
      `the tenders come to ${toDecimal({ ...amount, minor: tendered })}, the payment to ${toDecimal(amount)} ${amount.currency}`,
    )
  return accept({ type: 'PaymentRequested', data: { ...command } })
}

/**
 * Splits the amount over what is authorised and not yet captured: vouchers first, then in the order of the tenders. An
 * authorisation that is about to expire is first requested anew.
 */
export function requestCapture(payment: Payment, { moveId, amount, at }: RequestMovement): PaymentDecision {
  if (!isStanding(payment)) return notFound()
  if (payment.phase === 'voiding' || payment.phase === 'voided')
    return no('PAYMENT_VOIDED', 'the payment has been voided: nothing can be captured any more')
  if (payment.phase !== 'authorised')
    return no('PAYMENT_NOT_AUTHORISED', 'the payment is not authorised: nothing can be captured')
  const foreign = foreignCurrency(payment, amount)
  if (foreign) return foreign
  const shares = captureShares(payment, amount)
  if (!shares)
    return isStillOwed(payment, amount)
      ? accept(...usedUp(payment, { moveId, amount, at }))
      : no(
          'CAPTURE_EXCEEDS_AUTHORISATION',
          `${inWords(amount)} is more than is authorised and not yet captured`,
        )
  const requested: LaterEvent = { type: 'CaptureRequested', data: { captureId: moveId, amount, shares, at } }
  return accept(requested, ...reauthoriseExpiring(advance(payment, requested), moveId, at))
}

/**
 * The payment is for more than was taken and kept, is being taken, or waits for an operator: so a capture of `amount` is
 * due, whatever became of its authorisation.
 */
function isStillOwed({ tenders, captures, refused, amount: total }: StandingPayment, amount: Money): boolean {
  const kept = tenders.reduce(
    (sum, { tenderId, captured, refunded }) => sum + captured - refunded + underWay(captures, tenderId),
    0,
  )
  const waiting = refused.filter(({ kind, status }) => kind === 'CAPTURE' && status === 'OPEN')
  return amount.minor <= waiting.reduce((left, entry) => left - entry.amount.minor, total - kept)
}

/**
 * An earlier capture took more than requested, so too little is authorised for this one. The provider is not called:
 * it becomes a refused movement of the first tender, which operators may reauthorise.
 */
function usedUp(payment: StandingPayment, { moveId, amount, at }: RequestMovement): LaterEvent[] {
  const { orderId, tenders } = payment
  const shares = tenders.slice(0, 1).map(({ tenderId }) => ({ tenderId, amount }))
  const about = { orderId, code: CONTRADICTION.usedUp, retryable: false, at }
  return [
    { type: 'CaptureRequested', data: { captureId: moveId, amount, shares, at } },
    { type: 'CaptureDeclined', data: { ...about, captureId: moveId } },
    { type: 'MovementRefused', data: { ...about, movementId: moveId, kind: 'CAPTURE', amount, shares } },
  ]
}

/** Returns the shares of a capture of `amount`, or undefined when less is authorised. */
export function captureShares(payment: StandingPayment, amount: Money): Share[] | undefined {
  return split(payment, amount, tender => captureRoom(payment, tender))
}

function captureRoom(payment: StandingPayment, tender: Tender): number {
  if (isReplaced(payment, tender)) return 0
  const awaited = tender.status === 'REQUESTED' && tender.replaces !== undefined
  return (awaited ? tender.amount : uncaptured(tender)) - underWay(payment.captures, tender.tenderId)
}

/** Requests new authorisations for the shares of a capture under way whose own are about to expire. */
export function reauthoriseExpiring(payment: StandingPayment, movementId: string, at: string): LaterEvent[] {
  const shares = payment.captures.find(({ id }) => id === movementId)?.shares ?? []
  const expiring = shares.filter(share =>
    payment.tenders.some(
      tender => tender.tenderId === share.tenderId && !share.reauthorised && expiresSoon(tender, at),
    ),
  )
  return reauthorise(
    payment,
    expiring.map(share => ({ movementId, shares: [share], at })),
  )
}

/** Splits the amount over what is captured and not yet refunded, in the same order as a capture. */
export function requestRefund(payment: Payment, { moveId, amount, at }: RequestMovement): PaymentDecision {
  if (!isStanding(payment)) return notFound()
  const foreign = foreignCurrency(payment, amount)
  if (foreign) return foreign
  const shares = refundShares(payment, amount)
  return shares
    ? accept({ type: 'RefundRequested', data: { refundId: moveId, amount, shares, at } })
    : no('REFUND_EXCEEDS_CAPTURES', `${inWords(amount)} is more than is captured and not yet refunded`)
}

/** Returns the shares of a refund of `amount`, or undefined when less is captured. */
export function refundShares(payment: StandingPayment, amount: Money): Share[] | undefined {
  const room = ({ tenderId, captured, refunded }: Tender) =>
    captured - refunded - underWay(payment.refunds, tenderId)
  return split(payment, amount, room)
}

/**
 * Always accepted: what is authorised and not captured is voided, and nothing can be authorised afterwards. Nothing is
 * owed any more, so captures that the provider refused are off the worklist; but not those that may have moved money.
 */
export function requestVoid(payment: Payment, command: { orderId: string; at: string }): PaymentDecision {
  switch (payment.phase) {
    case 'absent':
      return accept({ type: 'PaymentForestalled', data: command })
    case 'requested':
      return accept({ type: 'VoidRequested', data: command })
    case 'authorised':
      return accept(
        ...droppedCaptures(payment, command.at),
        ...(payment.tenders.some(tender => isReleasable(payment, tender))
          ? [{ type: 'VoidRequested' as const, data: command }]
          : []),
      )
    case 'forestalled':
    case 'declined':
    case 'voiding':
    case 'voided':
      return accept() // a repeated void must look like success
  }
}

/** Drops captures on the worklist that moved nothing and that nobody is retrying at the moment. */
export function droppedCaptures({ orderId, refused }: StandingPayment, at: string): LaterEvent[] {
  return refused
    .filter(entry => isRepeatable(entry) && entry.kind === 'CAPTURE' && entry.status === 'OPEN')
    .filter(({ underWay }) => !underWay)
    .map(({ id: movementId, kind, amount }) => ({
      type: 'MovementDropped',
      data: { orderId, movementId, kind, amount, at },
    }))
}

/** Returns the result of an authorisation, or undefined while the provider's response is not known. */
export function authorisationResult(
  payment: StandingPayment,
): { readonly pending: boolean } | { readonly refused: PaymentRefusal } | undefined {
  if (payment.authorisedAt !== undefined) return { pending: false }
  switch (payment.phase) {
    case 'requested':
      return payment.tenders.some(tender => tender.status === 'REQUESTED') ? undefined : { pending: true }
    case 'declined':
      return payment.decline && { refused: payment.decline }
    case 'authorised':
      return { pending: false }
    case 'voiding':
    case 'voided':
      return no('PAYMENT_VOIDED', 'the payment was voided before it was authorised')
  }
}

/** Returns the result of a capture or refund, or undefined while the provider's response is not known. */
export function movementResult(
  payment: StandingPayment,
  kind: 'capture' | 'refund',
  moveId: string,
): 'done' | { readonly refused: PaymentRefusal } | undefined {
  const declined = payment.declinedMoves[moveId]
  const entry = entryOf(payment, moveId)
  if (declined && entry?.status !== 'SETTLED')
    return {
      refused: {
        code: kind === 'capture' ? 'CAPTURE_DECLINED' : 'REFUND_DECLINED',
        message: kind === 'capture' ? declineMessage(declined.code) : 'The refund was declined.',
        retryable: declined.retryable,
        ...(entry && { movementId: entry.id, reason: entry.code, outstanding: entry.amount }),
      },
    }
  return movesOf(payment, kind).some(({ id }) => id === moveId) ? undefined : 'done'
}

const DECLINE_MESSAGES: Readonly<Record<string, string>> = {
  insufficient_funds: 'The payment was declined: there are not enough funds.',
  approval_declined: 'The payment was declined: it was not approved.',
  unknown_token: 'The payment was declined: the card, voucher or slip is not known.',
  voucher_too_small: 'The payment was declined: the voucher does not cover its amount.',
}

/** Returns the customer's message for the provider's code, which itself is shown to operators only. */
export function declineMessage(code: string | undefined): string {
  return DECLINE_MESSAGES[code ?? ''] ?? 'The payment was declined.'
}

/** True once nothing is left to void, which is the result of a void. */
export function isFullyVoided(payment: Payment): boolean {
  return !isStanding(payment) || (payment.phase !== 'voiding' && toRelease(payment).length === 0)
}

function split(
  { tenders, currency }: StandingPayment,
  amount: Money,
  room: (tender: Tender) => number,
): Share[] | undefined {
  let rest = amount.minor
  const shares: Share[] = []
  for (const tender of [...tenders.filter(isVoucher), ...tenders.filter(tender => !isVoucher(tender))]) {
    const minor = Math.min(rest, room(tender))
    if (minor > 0) shares.push({ tenderId: tender.tenderId, amount: { minor, currency } })
    rest -= Math.max(minor, 0)
  }
  return rest === 0 ? shares : undefined
}

function isVoucher(tender: Tender): boolean {
  return tender.kind === 'VOUCHER'
}

function foreignCurrency(payment: StandingPayment, { currency }: Money): PaymentDecision | undefined {
  return currency === payment.currency
    ? undefined
    : no('CURRENCY_MISMATCH', `the payment is in ${payment.currency}, not in ${currency}`)
}

function notFound(): PaymentDecision {
  return no('PAYMENT_NOT_FOUND', 'no payment has been requested for this order')
}

function no(code: string, message: string): { refused: PaymentRefusal } {
  return refuse({ code, message, retryable: false })
}

function inWords(amount: Money): string {
  return `${toDecimal(amount)} ${amount.currency}`
}
