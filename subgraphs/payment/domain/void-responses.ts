// What the provider's answer to a void makes of a payment. Free of I/O.
import type { Money } from '#platform/domain/money.ts'
import { entryOf, toRelease, uncaptured } from '#subgraphs/payment/domain/outstanding.ts'
import type {
  LaterEvent,
  ProviderRefusal,
  StandingPayment,
  Tender,
} from '#subgraphs/payment/domain/payment.ts'
import { holdsNothing, voidId } from '#subgraphs/payment/domain/refused-movement.ts'

/** Done when there is no `declined`. `attempt` is which try it answers, when it is not the first. */
type Said = {
  readonly tenderId: string
  readonly attempt?: number
  readonly declined?: ProviderRefusal
}
export type TenderVoidResponse =
  | (Said & { readonly to: 'void' })
  | (Said & { readonly to: 'void-late'; readonly providerRef: string })

export function voided(
  payment: StandingPayment,
  tender: Tender,
  { answer, at }: { readonly answer: TenderVoidResponse; readonly at: string },
): LaterEvent[] {
  if (!toRelease(payment).includes(tender)) return []
  const { tenderId } = tender
  const amount = money(payment, uncaptured(tender))
  const done: LaterEvent = { type: 'TenderVoided', data: { tenderId, amount, at } }
  const held = amount.minor > 0 ? amount : money(payment, tender.amount)
  return concluded(payment, { id: voidId(tenderId), amount: held, done, at }, answer)
}

export function lateVoided(
  payment: StandingPayment,
  tender: Tender,
  { answer, at }: { readonly answer: Extract<TenderVoidResponse, { to: 'void-late' }>; readonly at: string },
): LaterEvent[] {
  const { tenderId } = tender
  const { providerRef } = answer
  const index = tender.late.findIndex(late => late.providerRef === providerRef && !late.voided)
  if (index < 0) return []
  const done: LaterEvent = { type: 'LateApprovalVoided', data: { tenderId, providerRef, at } }
  const amount = tender.late[index]?.amount ?? money(payment, tender.amount)
  return concluded(payment, { id: voidId(tenderId, index), amount, done, at }, answer)
}

type Void = {
  readonly id: string
  readonly amount: Money
  readonly done: LaterEvent
  readonly at: string
}

/** One that was let go settles its entry, if it had one; one that was not waits for an operator. */
function concluded(
  payment: StandingPayment,
  { id: movementId, amount, done, at }: Void,
  { declined, attempt = 1 }: Said,
): LaterEvent[] {
  const entry = entryOf(payment, movementId)
  if (attempt !== (entry?.tries ?? 0) + 1) return []
  const about = { orderId: payment.orderId, movementId, kind: 'VOID', at } as const
  if (!declined || holdsNothing(declined.code))
    return entry ? [done, { type: 'MovementSettled', data: { ...about, amount: entry.amount } }] : [done]
  const { code, retryable } = declined
  const before = entry?.status === 'OPEN' && { before: entry.amount }
  return [{ type: 'MovementRefused', data: { ...about, amount, code, retryable, shares: [], ...before } }]
}

function money({ currency }: StandingPayment, minor: number): Money {
  return { minor, currency }
}
