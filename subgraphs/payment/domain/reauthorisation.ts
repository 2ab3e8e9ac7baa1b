// Decides on authorisations that expire, and on the new ones that replace them.
import type { PaymentEvent, RequestedTender } from '#subgraphs/payment/domain/events.ts'
import { isReplaced, uncaptured, underWay } from '#subgraphs/payment/domain/outstanding.ts'
import { advance, type Move, type StandingPayment, type Tender } from '#subgraphs/payment/domain/payment.ts'

/** A capture this close to the expiry of its authorisation may reach the provider too late. */
const EXPIRY_MARGIN_MS = 60_000

export function expiresSoon({ expiresAt }: Tender, at: string): boolean {
  return expiresAt !== undefined && Date.parse(expiresAt) <= Date.parse(at) + EXPIRY_MARGIN_MS
}

type Reauthorisation = {
  readonly movementId: string
  /** The tenders to be replaced, with the minor units that the movement asks of each. */
  readonly shares: readonly { readonly tenderId: string; readonly amount: number }[]
  /** The replaced tender's own when left out. */
  readonly token?: Pick<RequestedTender, 'kind' | 'token'>
  readonly by?: string
  readonly at: string
}

type ReauthorisationRequested = Extract<PaymentEvent, { type: 'ReauthorisationRequested' }>

/** Requests the reauthorisations one after another, each of the payment as those before it leave it. */
export function reauthorise(
  payment: StandingPayment,
  requests: readonly Reauthorisation[],
): ReauthorisationRequested[] {
  let now = payment
  return requests.flatMap(request => {
    const event = reauthorisation(now, request)
    if (!event) return []
    now = advance(now, event)
    return [event]
  })
}

/**
 * Requests the whole uncaptured amount of the replaced tenders, not only this movement's part: once it is authorised,
 * they are voided. The amounts of other captures under way stay with them.
 */
function reauthorisation(
  payment: StandingPayment,
  { movementId, shares, token, by, at }: Reauthorisation,
): ReauthorisationRequested | undefined {
  const replaced = payment.tenders.filter(tender =>
    shares.some(share => isIn(payment, tender, share.tenderId)),
  )
  const [first] = replaced
  if (!first) return undefined
  const others = payment.captures.filter(({ id }) => id !== movementId)
  const requested = shares.reduce((sum, share) => sum + share.amount, 0)
  const left = replaced.reduce((sum, tender) => sum + stillToBring(payment, others, tender), 0)
  const minor = Math.max(requested, left)
  const tender = {
    tenderId: nextTenderId(payment, first),
    kind: token?.kind ?? first.kind,
    token: token?.token ?? first.token,
    amount: { minor, currency: payment.currency },
  }
  const replaces = replaced.map(({ tenderId }) => tenderId)
  const { orderId } = payment
  return {
    type: 'ReauthorisationRequested',
    data: { orderId, movementId, tender, replaces, ...(by !== undefined && { by }), at },
  }
}

/** True for the tender of a share, and for one that this tender was to replace before it was declined. */
function isIn(payment: StandingPayment, tender: Tender, tenderId: string): boolean {
  if (tender.tenderId === tenderId) return true
  const named = payment.tenders.find(other => other.tenderId === tenderId)
  const before = named?.status === 'DECLINED' ? (named.replaces ?? []) : []
  return before.some(id => isIn(payment, tender, id))
}

function stillToBring(payment: StandingPayment, others: readonly Move[], tender: Tender): number {
  return isReplaced(payment, tender) ? 0 : uncaptured(tender) - underWay(others, tender.tenderId)
}

/** Returns the id of the customer's tender with the number of this authorisation. */
function nextTenderId(payment: StandingPayment, tender: Tender): string {
  const before = tender.replaces?.[0]
  const original = payment.tenders.find(({ tenderId }) => tenderId === before)
  return original ? nextTenderId(payment, original) : `${tender.tenderId}-${payment.tenders.length + 1}`
}
