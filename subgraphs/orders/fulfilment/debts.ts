// Derives the debts of an order from refused movements of money, and the effects that report them.
import type { Money } from '#platform/domain/money.ts'
import type { Effect, StepEvent } from '#platform/saga/saga.ts'
import type { Debtor } from '#subgraphs/orders/domain/events.ts'
import type { Fulfilment, MovementEnd, RefusedMovement } from './state.ts'
import { call, captureStep, isFinished, shippedParcels } from './state.ts'

type Refusal = Extract<StepEvent, { type: 'StepRefused' }>['data']
type Debt = RefusedMovement & { readonly owedBy: Debtor; readonly amount: Money; readonly isLost: boolean }

/**
 * Records the amount that a refused capture or refund did not move. A refusal without a movement id is of an older build: its
 * histories continue by the older rule, without a debt.
 */
export function recordRefusal(state: Fulfilment, { step, code, details }: Refusal): Fulfilment {
  if (!step.startsWith('capture:') && !step.startsWith('refund:')) return state
  const { movementId, outstanding } = details
  if (typeof movementId !== 'string' && !state.order?.goodsTotal) return state
  const refused: RefusedMovement = {
    debtId: typeof movementId === 'string' ? movementId : step,
    code: typeof details.code === 'string' ? details.code : code,
    outstanding: typeof outstanding === 'number' ? outstanding : requestedAmount(state, step),
  }
  return { ...state, refused: { ...state.refused, [step]: refused } }
}

/** Returns the requested amount of a movement, in minor units, for a refusal that does not name the outstanding amount. */
function requestedAmount(state: Fulfilment, step: string): number {
  const [kind, id = ''] = step.split(':')
  if (kind === 'refund') return state.refunds[id] ?? 0
  return state.parcels.find(({ shipmentId }) => shipmentId === id)?.billed ?? 0
}

/** Records the resolution of a refused movement. Later resolutions of the same movement are ignored. */
export function closeMovement(state: Fulfilment, movementId: string, end: MovementEnd): Fulfilment {
  if (state.ends[movementId]) return state
  return { ...state, ends: { ...state.ends, [movementId]: end } }
}

/** Returns the commands that record every debt on the order, and then its resolution. */
export function reportDebts(state: Fulfilment): Effect[] {
  const { orderId } = state.order ?? {}
  if (orderId === undefined) return []
  return debts(state).flatMap(({ debtId, owedBy, amount, code, isLost }) => {
    const record = `record-debt:${debtId}`
    const end = state.ends[debtId]?.resolution
    const resolution = isLost && end !== 'PAID' ? 'DROPPED' : end
    const effects = [call(record, 'orders.recordDebt', { orderId, debtId, owedBy, amount, code })]
    if (resolution !== undefined && isFinished(state, record))
      effects.push(call(`resolve-debt:${debtId}`, 'orders.resolveDebt', { orderId, debtId, resolution }))
    return effects
  })
}

/**
 * The customer owes for goods that left without payment, the shop for every refund that was refused. Nobody owes for
 * goods that were lost: their debt counts only if it was recorded before the loss, and is then resolved as dropped.
 */
function debts(state: Fulfilment): Debt[] {
  const currency = state.order?.total.currency ?? ''
  const left = new Map(shippedParcels(state).map(parcel => [captureStep(parcel), parcel.fate === 'lost']))
  return Object.entries(state.refused).flatMap(([step, refused]): Debt[] => {
    const amount = { minor: refused.outstanding, currency }
    if (step.startsWith('refund:')) return [{ ...refused, owedBy: 'SHOP', amount, isLost: false }]
    const isLost = left.get(step)
    const isReported = state.steps[`record-debt:${refused.debtId}`] !== undefined
    if (isLost === undefined || (isLost && !isReported)) return []
    return [{ ...refused, owedBy: 'CUSTOMER', amount, isLost }]
  })
}
