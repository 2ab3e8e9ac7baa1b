// Lists the operations that a payment still needs from the provider: recorded intents without a recorded response.
import type { Money } from '#platform/domain/money.ts'
import type { TenderKind } from '#subgraphs/payment/domain/events.ts'
import {
  isStanding,
  type LateApproval,
  type Move,
  money,
  movesOf,
  type Payment,
  type StandingPayment,
  type Tender,
} from '#subgraphs/payment/domain/payment.ts'
import { type RefusedMovement, voidId } from '#subgraphs/payment/domain/refused-movement.ts'

/** `attempt` counts from 2: the provider refused the movement before, and an operator had it tried again. */
type AttemptNumber = { readonly attempt?: number }

/** One call to the provider. The payment's history describes it completely, so every repeat is identical. */
export type Operation =
  | {
      readonly kind: 'authorise'
      readonly tenderId: string
      readonly tenderKind: TenderKind
      readonly token: string
      readonly amount: Money
    }
  | (AttemptNumber & {
      readonly kind: 'capture' | 'refund'
      readonly moveId: string
      readonly tenderId: string
      readonly amount: Money
    })
  | (AttemptNumber & { readonly kind: 'void'; readonly tenderId: string })
  | (AttemptNumber & { readonly kind: 'void-late'; readonly tenderId: string; readonly providerRef: string })

/** Returns the operations that can be sent now, in parallel. A void waits for the captures that were requested before it. */
export function outstanding(payment: Payment): Operation[] {
  if (!isStanding(payment)) return []
  return [
    ...payment.tenders
      .filter(tender => isUnasked(payment, tender))
      .map(tender => authorisation(payment, tender)),
    ...movements(payment, 'capture'),
    ...movements(payment, 'refund'),
    ...toRelease(payment).map(
      ({ tenderId }): Operation => ({ kind: 'void', tenderId, ...attempt(payment, voidId(tenderId)) }),
    ),
    ...payment.tenders.flatMap(tender => lateApprovals(payment, tender)),
  ]
}

/**
 * Returns the tenders to void now: of a declined or void payment, or replaced by another. A void that the provider
 * refused waits for an operator.
 */
export function toRelease(payment: StandingPayment): Tender[] {
  return payment.tenders.filter(
    tender =>
      isReleasable(payment, tender) &&
      (isAllLetGo(payment) || isReplaced(payment, tender, true) || isRetried(payment, tender)),
  )
}

/** True when the tender may hold money, and no refused void of it waits for an operator. */
export function isReleasable(payment: StandingPayment, tender: Tender): boolean {
  const entry = entryOf(payment, voidId(tender.tenderId))
  if (entry && !entry.underWay && entry.status !== 'SETTLED') return false
  return tender.status === 'REQUESTED' || tender.status === 'AWAITING_APPROVAL' || uncaptured(tender) > 0
}

function isAllLetGo({ phase, captures }: StandingPayment): boolean {
  return (phase === 'declined' || phase === 'voiding') && captures.length === 0
}

function isRetried(payment: StandingPayment, { tenderId }: Tender): boolean {
  return entryOf(payment, voidId(tenderId))?.underWay === true
}

/**
 * True when another tender was authorised in its place, or, unless `done` is set, is about to be. While captures
 * still use it, it is not done.
 */
export function isReplaced(payment: StandingPayment, { tenderId }: Tender, done = false): boolean {
  const replaced = payment.tenders.some(
    ({ replaces, status, held }) =>
      replaces?.includes(tenderId) && (held > 0 || (!done && status === 'REQUESTED')),
  )
  return replaced && !(done && underWay(payment.captures, tenderId) > 0)
}

export function uncaptured(tender: Tender): number {
  return tender.held - tender.captured
}

/** Returns the minor units that movements under way use of the tender. */
export function underWay(moves: readonly Move[], tenderId: string): number {
  const shares = moves.flatMap(entry => entry.shares).filter(share => share.tenderId === tenderId)
  return shares.reduce((sum, share) => sum + share.amount, 0)
}

/** Returns the provider's idempotency key of an operation. It never changes, and no other operation has it. */
export function operationKey(paymentId: string, operation: Operation): string {
  const base = `${paymentId}:${operation.tenderId}:${operation.kind}`
  const nth = 'attempt' in operation && operation.attempt !== undefined ? `:${operation.attempt}` : ''
  switch (operation.kind) {
    case 'authorise':
      return base
    case 'void':
      return `${base}${nth}`
    case 'capture':
    case 'refund':
      return `${base}:${operation.moveId}${nth}`
    case 'void-late':
      return `${base}:${operation.providerRef}${nth}`
  }
}

export function entryOf({ refused }: StandingPayment, id: string): RefusedMovement | undefined {
  return refused.find(entry => entry.id === id)
}

function attempt(payment: StandingPayment, id: string): AttemptNumber {
  const entry = entryOf(payment, id)
  return entry ? { attempt: entry.tries + 1 } : {}
}

function isUnasked({ phase }: StandingPayment, { status, replaces }: Tender): boolean {
  return status === 'REQUESTED' && (phase === 'requested' || replaces !== undefined)
}

function authorisation(payment: StandingPayment, tender: Tender): Operation {
  return {
    kind: 'authorise',
    tenderId: tender.tenderId,
    tenderKind: tender.kind,
    token: tender.token,
    amount: money(payment, tender.amount),
  }
}

/** A share of a tender that has yet to be authorised waits for it. */
function movements(payment: StandingPayment, kind: 'capture' | 'refund'): Operation[] {
  const waiting = payment.tenders.filter(({ status }) => status !== 'AUTHORISED' && status !== 'VOIDED')
  return movesOf(payment, kind).flatMap(({ id, shares }) =>
    shares
      .filter(share => !waiting.some(({ tenderId }) => tenderId === share.tenderId))
      .map(({ tenderId, amount }) => ({
        kind,
        moveId: id,
        tenderId,
        amount: money(payment, amount),
        ...attempt(payment, id),
      })),
  )
}

function lateApprovals(payment: StandingPayment, { tenderId, late }: Tender): Operation[] {
  return late.flatMap(({ providerRef, voided }: LateApproval, index) => {
    const id = voidId(tenderId, index)
    const entry = entryOf(payment, id)
    return voided || (entry && !entry.underWay)
      ? []
      : [{ kind: 'void-late', tenderId, providerRef, ...attempt(payment, id) }]
  })
}
