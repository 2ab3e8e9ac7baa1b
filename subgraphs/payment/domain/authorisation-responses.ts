// Decides which events follow from the provider's response to an authorisation, or from its notice about one.
import type { Money } from '#platform/domain/money.ts'
import type {
  LaterEvent,
  ProviderRefusal,
  StandingPayment,
  Tender,
} from '#subgraphs/payment/domain/payment.ts'
import { CONTRADICTION } from '#subgraphs/payment/domain/refused-movement.ts'

/** `code` is the provider's, in lower snake case: insufficient_funds. `retryable`: the same may work later. */
export type Declined = { readonly status: 'declined' } & ProviderRefusal

/** `amount` is the amount that the provider reports as authorised; without it, the requested amount was authorised. */
type Approved = {
  readonly status: 'approved'
  readonly providerRef: string
  readonly amount?: Money
  readonly expiresAt?: string
}
type Pending = { readonly status: 'pending'; readonly providerRef: string }

export type AuthorisationResponse = {
  readonly to: 'authorise'
  readonly tenderId: string
  readonly said: Approved | Pending | Declined
}

export function authorisation(
  payment: StandingPayment,
  tender: Tender,
  { said, at }: Pick<AuthorisationResponse, 'said'> & { readonly at: string },
): LaterEvent[] {
  const open = isOpen(payment, tender)
  switch (said.status) {
    case 'approved':
      return open ? approved(payment, tender, { said, at }) : late(tender, said, at)
    case 'pending':
      return open && tender.status === 'REQUESTED' ? pending(tender, said, at) : []
    case 'declined':
      return open ? [declined(tender, said, at)] : []
  }
}

function isOpen({ phase }: StandingPayment, { status, replaces }: Tender): boolean {
  if (status === 'REQUESTED' && replaces) return true
  return phase === 'requested' && (status === 'REQUESTED' || status === 'AWAITING_APPROVAL')
}

/** An approval of another amount or currency than requested counts as declined, and is voided at the provider. */
function approved(
  payment: StandingPayment,
  tender: Tender,
  { said, at }: { readonly said: Approved; readonly at: string },
): LaterEvent[] {
  const requested = { minor: tender.amount, currency: payment.currency }
  if (said.amount && !isSame(said.amount, requested)) {
    const { wrongAmount: code } = CONTRADICTION
    return [declined(tender, { code, retryable: false }, at), ...late(tender, said, at)]
  }
  const { tenderId } = tender
  const { providerRef, expiresAt } = said
  const data = { tenderId, amount: requested, providerRef, ...(expiresAt !== undefined && { expiresAt }), at }
  return [{ type: 'TenderAuthorised', data }]
}

function isSame(one: Money, other: Money): boolean {
  return one.minor === other.minor && one.currency === other.currency
}

/** A tender may be reauthorised after its goods have left, so a pending reauthorisation counts as declined. */
function pending(tender: Tender, { providerRef }: Pending, at: string): LaterEvent[] {
  const { tenderId } = tender
  if (!tender.replaces) return [{ type: 'TenderApprovalAwaited', data: { tenderId, providerRef, at } }]
  const { approvalNeeded: code } = CONTRADICTION
  return [declined(tender, { code, retryable: false }, at), ...late(tender, { providerRef }, at)]
}

/** Records a late approval, unless its reference is known already. */
function late(tender: Tender, said: Pick<Approved, 'providerRef' | 'amount'>, at: string): LaterEvent[] {
  const { tenderId } = tender
  const { providerRef, amount } = said
  const known =
    tender.providerRef === providerRef || tender.late.some(entry => entry.providerRef === providerRef)
  if (known) return []
  return [{ type: 'TenderApprovedLate', data: { tenderId, providerRef, ...(amount && { amount }), at } }]
}

function declined({ tenderId }: Tender, { code, retryable }: ProviderRefusal, at: string): LaterEvent {
  return { type: 'TenderDeclined', data: { tenderId, code, retryable, at } }
}
