// Decides which events follow from the provider's response to a void.
import type { Money } from '#platform/domain/money.ts'
import { entryOf, toRelease, uncaptured } from '#subgraphs/payment/domain/outstanding.ts'
import {
  type LaterEvent,
  money,
  type ProviderRefusal,
  type StandingPayment,
  type Tender,
} from '#subgraphs/payment/domain/payment.ts'
import { holdsNothing, voidId } from '#subgraphs/payment/domain/refused-movement.ts'

/** The void was carried out when there is no `declined`. `attempt` is the number of the try, when it is not the first. */
type VoidResponse = {
  readonly tenderId: string
  readonly attempt?: number
  readonly declined?: ProviderRefusal
}
export type TenderVoidResponse =
  | (VoidResponse & { readonly to: 'void' })
  | (VoidResponse & { readonly to: 'void-late'; readonly providerRef: string })

export function voided(
  payment: StandingPayment,
  tender: Tender,
  { response, at }: { readonly response: TenderVoidResponse; readonly at: string },
): LaterEvent[] {
  if (!toRelease(payment).includes(tender)) return []
  const { tenderId } = tender
  const amount = money(payment, uncaptured(tender))
  const done: LaterEvent = { type: 'TenderVoided', data: { tenderId, amount, at } }
  const held = amount.minor > 0 ? amount : money(payment, tender.amount)
  return concluded(payment, { id: voidId(tenderId), amount: held, done, at }, response)
}

export function lateVoided(
  payment: StandingPayment,
  tender: Tender,
  {
    response,
    at,
  }: { readonly response: Extract<TenderVoidResponse, { to: 'void-late' }>; readonly at: string },
): LaterEvent[] {
  const { tenderId } = tender
  const { providerRef } = response
  const index = tender.late.findIndex(late => late.providerRef === providerRef && !late.voided)
  if (index < 0) return []
  const done: LaterEvent = { type: 'LateApprovalVoided', data: { tenderId, providerRef, at } }
  const amount = tender.late[index]?.amount ?? money(payment, tender.amount)
  return concluded(payment, { id: voidId(tenderId, index), amount, done, at }, response)
}

type Void = {
  readonly id: string
  readonly amount: Money
  readonly done: LaterEvent
  readonly at: string
}

/** A void that was carried out settles its entry on the worklist, if it has one; a declined void waits for an operator. */
function concluded(
  payment: StandingPayment,
  { id: movementId, amount, done, at }: Void,
  { declined, attempt = 1 }: VoidResponse,
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
