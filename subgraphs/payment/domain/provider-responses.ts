// Decides which events follow from the provider's responses, and what they conclude together.
import { accept, type Decision } from '#platform/domain/decision.ts'
import {
  type AuthorisationResponse,
  authorisation,
} from '#subgraphs/payment/domain/authorisation-responses.ts'
import { declineMessage, droppedCaptures } from '#subgraphs/payment/domain/commands.ts'
import type { PaymentEvent } from '#subgraphs/payment/domain/events.ts'
import {
  closings,
  type MovementResponse,
  movement,
  reauthorisations,
} from '#subgraphs/payment/domain/movement-responses.ts'
import { toRelease } from '#subgraphs/payment/domain/outstanding.ts'
import {
  advance,
  isStanding,
  type LaterEvent,
  type Payment,
  type StandingPayment,
} from '#subgraphs/payment/domain/payment.ts'
import { tenderTotals } from '#subgraphs/payment/domain/totals.ts'
import { lateVoided, type TenderVoidResponse, voided } from '#subgraphs/payment/domain/void-responses.ts'

/** The provider's response to one operation. A response that is known already, or has no use any more, records nothing. */
export type ProviderResponse = AuthorisationResponse | MovementResponse | TenderVoidResponse

/** Records the provider's responses, which are facts and so never refused. Responses that arrive together are recorded in one append. */
export function recordResponses(
  payment: Payment,
  responses: readonly ProviderResponse[],
  at: string,
): Decision<PaymentEvent, never> {
  if (!isStanding(payment)) return accept()
  const steps = [
    ...responses.map(response => (now: StandingPayment) => facts(now, response, at)),
    (now: StandingPayment) => reauthorisations(now, responses, at),
    (now: StandingPayment) => closings(now, responses, at),
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

function facts(payment: StandingPayment, response: ProviderResponse, at: string): LaterEvent[] {
  const tender = payment.tenders.find(({ tenderId }) => tenderId === response.tenderId)
  if (!tender) return []
  switch (response.to) {
    case 'authorise':
      return authorisation(payment, tender, { said: response.said, at })
    case 'capture':
    case 'refund':
      return movement(payment, tender, { response, at })
    case 'void':
      return voided(payment, tender, { response, at })
    case 'void-late':
      return lateVoided(payment, tender, { response, at })
  }
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
      return [...droppedCaptures(payment, at), ...voidDone(payment, at)]
    case 'authorised':
    case 'declined':
    case 'voided':
      return []
  }
}

function voidDone(payment: StandingPayment, at: string): LaterEvent[] {
  if (payment.captures.length > 0 || toRelease(payment).length > 0) return []
  const { orderId, released: minor, currency } = payment
  return [{ type: 'PaymentVoided', data: { orderId, amount: { minor, currency }, at } }]
}

function authorised(payment: StandingPayment, at: string): LaterEvent {
  const { orderId, customerId, currency } = payment
  const amount = { minor: tenderTotals(payment).authorised, currency }
  return {
    type: 'PaymentAuthorised',
    data: { orderId, customerId, amount, awaited: wasAwaited(payment), at },
  }
}

function declined(payment: StandingPayment, at: string): LaterEvent {
  const { orderId, customerId } = payment
  const reason = payment.tenders.find(tender => tender.decline)?.decline
  const data = {
    code: 'PAYMENT_DECLINED',
    reason: reason?.code ?? 'declined',
    message: declineMessage(reason?.code),
    retryable: reason?.retryable ?? false,
  }
  return { type: 'PaymentDeclined', data: { orderId, customerId, ...data, awaited: wasAwaited(payment), at } }
}

function wasAwaited({ tenders }: StandingPayment): boolean {
  return tenders.some(({ awaited }) => awaited)
}
