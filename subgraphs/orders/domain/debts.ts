// Decides on the debts of an order: money that the provider did not move and that is still owed.
import { accept, type Refusal, refuse } from '#platform/domain/decision.ts'
import type { Debt, DebtResolution } from '#subgraphs/orders/domain/events.ts'
import type { Order } from '#subgraphs/orders/domain/order.ts'
import { NOT_FOUND, noted, type OrderDecision } from '#subgraphs/orders/domain/order-commands.ts'

const DEBT_NOT_FOUND: Refusal = { code: 'DEBT_NOT_FOUND', message: 'The order has no such debt.' }

export type RecordDebt = Pick<Debt, 'debtId' | 'owedBy' | 'amount' | 'code'> & { readonly at: string }

/** Records a debt once. A debt never ends the order and never changes its status. */
export function recordDebt(order: Order, { at, ...debt }: RecordDebt): OrderDecision {
  if (order.status === 'ABSENT') return refuse(NOT_FOUND)
  if (order.debts.some(({ debtId }) => debtId === debt.debtId)) return accept()
  return accept({ type: 'DebtRecorded', data: { ...noted(order, at), ...debt } })
}

export type ResolveDebt = {
  readonly debtId: string
  readonly resolution: DebtResolution
  readonly at: string
}

/** Records the first resolution of a debt; later ones change nothing. */
export function resolveDebt(order: Order, { debtId, resolution, at }: ResolveDebt): OrderDecision {
  if (order.status === 'ABSENT') return refuse(NOT_FOUND)
  const debt = order.debts.find(candidate => candidate.debtId === debtId)
  if (!debt) return refuse(DEBT_NOT_FOUND)
  if (debt.resolution !== undefined) return accept()
  const { owedBy, amount } = debt
  return accept({ type: 'DebtResolved', data: { ...noted(order, at), debtId, owedBy, amount, resolution } })
}
