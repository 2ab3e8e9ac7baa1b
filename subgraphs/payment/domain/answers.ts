// Decides what the provider's answers mean: the facts to record, and the conclusions they allow. Free of I/O.
import { accept, type Decision } from '#platform/domain/decision.ts'
import type { Money } from '#platform/domain/money.ts'
import { sums } from '#subgraphs/payment/domain/figures.ts'
import { toRelease, uncaptured } from '#subgraphs/payment/domain/outstanding.ts'
import {
  advance,
  isStanding,
  type LaterEvent,
  type Move,
  type Payment,
  type PaymentEvent,
  type ProviderRefusal,
  type StandingPayment,
  type Tender,
} from '#subgraphs/payment/domain/payment.ts'

type Declined = { readonly status: 'declined' } & ProviderRefusal

/** What the provider said of one operation. An answer that is known already, or has no use any more, records nothing. */
export type Answer =
  | {
      readonly to: 'authorise'
      readonly tenderId: string
      readonly said: { readonly status: 'approved' | 'pending'; readonly providerRef: string } | Declined
    }
  | {
      readonly to: 'capture' | 'refund'
      readonly moveId: string
      readonly tenderId: string
      readonly said: { readonly status: 'approved' } | Declined
    }
  | { readonly to: 'void'; readonly tenderId: string }
  | { readonly to: 'void-late'; readonly tenderId: string; readonly providerRef: string }

/** Never refused: an answer is a fact. Answers that arrive together are concluded together, in one append. */
export function recordAnswers(
  payment: Payment,
  answers: readonly Answer[],
  at: string,
): Decision<PaymentEvent, never> {
  if (!isStanding(payment)) return accept()
  const steps = [
    ...answers.map(answer => (now: StandingPayment) => facts(now, answer, at)),
    (now: StandingPayment) =>
      [...now.captures, ...now.refunds].flatMap(move => closing(now, move, answers, at)),
    (now: StandingPayment) => conclusions(now, at),
  ]
  let now = payment
  const events: PaymentEvent[] = []
  for (const step of steps) {
    const made = step(now)
    events.push(...made)
    now = made.reduce(advance, now)
  }
  return accept(...events)
}

function facts(payment: StandingPayment, answer: Answer, at: string): LaterEvent[] {
  const tender = payment.tenders.find(({ tenderId }) => tenderId === answer.tenderId)
  if (!tender) return []
  switch (answer.to) {
    case 'authorise':
      return authorisation(payment, tender, answer.said, at)
    case 'capture':
    case 'refund':
      return answer.said.status === 'approved' ? movement(payment, answer, at) : []
    case 'void':
      return toRelease(payment).includes(tender) ? [voided(payment, tender, at)] : []
    case 'void-late':
      return tender.late.some(late => late.providerRef === answer.providerRef && !late.voided)
        ? [
            {
              type: 'LateApprovalVoided',
              data: { tenderId: tender.tenderId, providerRef: answer.providerRef, at },
            },
          ]
        : []
  }
}

type Said = Extract<Answer, { to: 'authorise' }>['said']

function authorisation(payment: StandingPayment, tender: Tender, said: Said, at: string): LaterEvent[] {
  const { tenderId, status } = tender
  const open = payment.phase === 'requested' && (status === 'REQUESTED' || status === 'AWAITING_APPROVAL')
  switch (said.status) {
    case 'approved': {
      const { providerRef } = said
      if (open) {
        const amount = money(payment, tender.amount)
        return [{ type: 'TenderAuthorised', data: { tenderId, amount, providerRef, at } }]
      }
      const known =
        tender.providerRef === providerRef || tender.late.some(late => late.providerRef === providerRef)
      return known ? [] : [{ type: 'TenderApprovedLate', data: { tenderId, providerRef, at } }]
    }
    case 'pending':
      return open && status === 'REQUESTED'
        ? [{ type: 'TenderApprovalAwaited', data: { tenderId, providerRef: said.providerRef, at } }]
        : []
    case 'declined':
      return open
        ? [{ type: 'TenderDeclined', data: { tenderId, code: said.code, retryable: said.retryable, at } }]
        : []
  }
}

function movement(
  payment: StandingPayment,
  { to, moveId, tenderId }: Extract<Answer, { moveId: string }>,
  at: string,
): LaterEvent[] {
  const moves = to === 'capture' ? payment.captures : payment.refunds
  const share = moves.find(({ id }) => id === moveId)?.shares.find(entry => entry.tenderId === tenderId)
  if (!share) return []
  const amount = money(payment, share.amount)
  return to === 'capture'
    ? [{ type: 'TenderCaptured', data: { captureId: moveId, tenderId, amount, at } }]
    : [{ type: 'TenderRefunded', data: { refundId: moveId, tenderId, amount, at } }]
}

function voided(payment: StandingPayment, tender: Tender, at: string): LaterEvent {
  const amount = money(payment, uncaptured(tender))
  return { type: 'TenderVoided', data: { tenderId: tender.tenderId, amount, at } }
}

/** A movement closes when every share is carried out, or answered with at least one decline among the answers. */
function closing(payment: StandingPayment, move: Move, answers: readonly Answer[], at: string): LaterEvent[] {
  const declines = move.shares.map(share => declineOf(move, share.tenderId, answers))
  const [first] = declines
  if (declines.length > 0 && (!first || declines.includes(undefined))) return []
  const { orderId } = payment
  const amount = money(payment, move.amount)
  const isCapture = payment.captures.includes(move)
  if (first) {
    const { code, retryable } = first
    return isCapture
      ? [{ type: 'CaptureDeclined', data: { orderId, captureId: move.id, code, retryable, at } }]
      : [{ type: 'RefundDeclined', data: { orderId, refundId: move.id, code, retryable, at } }]
  }
  return isCapture
    ? [{ type: 'PaymentCaptured', data: { orderId, captureId: move.id, amount, at } }]
    : [{ type: 'PaymentRefunded', data: { orderId, refundId: move.id, amount, at } }]
}

function declineOf(move: Move, tenderId: string, answers: readonly Answer[]): Declined | undefined {
  for (const answer of answers) {
    if (!('moveId' in answer) || answer.moveId !== move.id || answer.tenderId !== tenderId) continue
    if (answer.said.status === 'declined') return answer.said
  }
  return undefined
}

function conclusions(payment: StandingPayment, at: string): LaterEvent[] {
  switch (payment.phase) {
    case 'requested':
      return payment.tenders.some(({ status }) => status === 'DECLINED')
        ? [declined(payment, at)]
        : payment.tenders.every(({ status }) => status === 'AUTHORISED')
          ? [authorised(payment, at)]
          : []
    case 'voiding':
      return payment.captures.length === 0 && toRelease(payment).length === 0
        ? [
            {
              type: 'PaymentVoided',
              data: { orderId: payment.orderId, amount: money(payment, payment.released), at },
            },
          ]
        : []
    case 'authorised':
    case 'declined':
    case 'voided':
      return []
  }
}

function authorised(payment: StandingPayment, at: string): LaterEvent {
  const { orderId, customerId } = payment
  const amount = money(payment, sums(payment).authorised)
  return { type: 'PaymentAuthorised', data: { orderId, customerId, amount, at } }
}

function declined(payment: StandingPayment, at: string): LaterEvent {
  const { orderId, customerId } = payment
  const reason = payment.tenders.find(tender => tender.decline)?.decline
  const data = {
    code: 'PAYMENT_DECLINED',
    reason: reason?.code ?? 'declined',
    message: MESSAGES[reason?.code ?? ''] ?? 'The payment was declined.',
    retryable: reason?.retryable ?? false,
  }
  return { type: 'PaymentDeclined', data: { orderId, customerId, ...data, at } }
}

/** For people, by the provider's code. */
const MESSAGES: Readonly<Record<string, string>> = {
  insufficient_funds: 'The payment was declined: there are not enough funds.',
  approval_declined: 'The payment was declined: it was not approved.',
  unknown_token: 'The payment was declined: the card, voucher or slip is not known.',
  voucher_too_small: 'The payment was declined: the voucher does not cover its amount.',
}

function money({ currency }: StandingPayment, minor: number): Money {
  return { minor, currency }
}
