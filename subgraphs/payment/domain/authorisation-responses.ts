// What the provider's answer to an authorisation, or its notice about one, makes of a payment. Free of I/O.
import type { Money } from '#platform/domain/money.ts'
import type {
  LaterEvent,
  ProviderRefusal,
  StandingPayment,
  Tender,
} from '#subgraphs/payment/domain/payment.ts'
import { CONTRADICTION } from '#subgraphs/payment/domain/refused-movement.ts'

export type Declined = { readonly status: 'declined' } & ProviderRefusal

/** `amount` is what the provider says that it authorised; what was asked for when it says nothing. */
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

/** Another amount or currency than was asked for is no approval of it: it is let go there. */
function approved(
  payment: StandingPayment,
  tender: Tender,
  { said, at }: { readonly said: Approved; readonly at: string },
): LaterEvent[] {
  const asked = { minor: tender.amount, currency: payment.currency }
  if (said.amount && !isSame(said.amount, asked)) {
    const { wrongAmount: code } = CONTRADICTION
    return [declined(tender, { code, retryable: false }, at), ...late(tender, said, at)]
  }
  const { tenderId } = tender
  const { providerRef, expiresAt } = said
  const data = { tenderId, amount: asked, providerRef, ...(expiresAt !== undefined && { expiresAt }), at }
  return [{ type: 'TenderAuthorised', data }]
}

function isSame(one: Money, other: Money): boolean {
  return one.minor === other.minor && one.currency === other.currency
}

/** Goods have gone already when a tender is authorised anew, so nobody waits for its approval. */
function pending(tender: Tender, { providerRef }: Pending, at: string): LaterEvent[] {
  const { tenderId } = tender
  if (!tender.replaces) return [{ type: 'TenderApprovalAwaited', data: { tenderId, providerRef, at } }]
  const { approvalNeeded: code } = CONTRADICTION
  return [declined(tender, { code, retryable: false }, at), ...late(tender, { providerRef }, at)]
}

/** What is known under this reference, held or already let go, is not let go a second time. */
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
