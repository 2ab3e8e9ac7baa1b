// Movements of money that the provider refused: what is still owed for them, and what became of it. Pure.
import type { Money } from '#platform/domain/money.ts'
import type { Effect, StepEvent } from '#platform/saga/saga.ts'
import type { Debtor } from '#subgraphs/orders/domain/events.ts'
import type { Fulfilment, MovementEnd, RefusedMovement } from './state.ts'
import { answered, call, captureStep, shipped } from './state.ts'

type Refusal = Extract<StepEvent, { type: 'StepRefused' }>['data']
type Debt = RefusedMovement & { readonly owedBy: Debtor; readonly amount: Money; readonly isLost: boolean }

/**
 * Keeps what a refused capture or refund left unmoved. A payment that names no movement is one of an older build: its
 * histories go on as they began, without a debt.
 */
export function keepRefusal(state: Fulfilment, { step, code, details }: Refusal): Fulfilment {
  if (!step.startsWith('capture:') && !step.startsWith('refund:')) return state
  const { movementId, outstanding } = details
  if (typeof movementId !== 'string' && !state.order?.goodsTotal) return state
  const refused: RefusedMovement = {
    debtId: typeof movementId === 'string' ? movementId : step,
    code: typeof details.code === 'string' ? details.code : code,
    outstanding: typeof outstanding === 'number' ? outstanding : askedFor(state, step),
  }
  return { ...state, refused: { ...state.refused, [step]: refused } }
}

/** The whole of a refused movement, in minor units, when its refusal does not say how much of it was left unmoved. */
function askedFor(state: Fulfilment, step: string): number {
  const [kind, id = ''] = step.split(':')
  if (kind === 'refund') return state.refunds[id] ?? 0
  return state.parcels.find(({ shipmentId }) => shipmentId === id)?.billed ?? 0
}

/** The end of a refused movement; the first counts. */
export function endMovement(state: Fulfilment, movementId: string, end: MovementEnd): Fulfilment {
  if (state.ends[movementId]) return state
  return { ...state, ends: { ...state.ends, [movementId]: end } }
}

/** Tells the order of every debt, and then of its end. */
export function tellDebts(state: Fulfilment): Effect[] {
  const { orderId } = state.order ?? {}
  if (orderId === undefined) return []
  return debts(state).flatMap(({ debtId, owedBy, amount, code, isLost }) => {
    const record = `record-debt:${debtId}`
    const end = state.ends[debtId]?.resolution
    const resolution = isLost && end !== 'PAID' ? 'DROPPED' : end
    const effects = [call(record, 'orders.recordDebt', { orderId, debtId, owedBy, amount, code })]
    if (resolution !== undefined && answered(state, record))
      effects.push(call(`resolve-debt:${debtId}`, 'orders.resolveDebt', { orderId, debtId, resolution }))
    return effects
  })
}

/**
 * The customer owes for goods that left without payment, the shop for every refund that was refused. Nobody owes for
 * goods that were lost: theirs is a debt only if it was told before, and ends with the loss.
 */
function debts(state: Fulfilment): Debt[] {
  const currency = state.order?.total.currency ?? ''
  const left = new Map(shipped(state).map(parcel => [captureStep(parcel), parcel.fate === 'lost']))
  return Object.entries(state.refused).flatMap(([step, refused]): Debt[] => {
    const amount = { minor: refused.outstanding, currency }
    if (step.startsWith('refund:')) return [{ ...refused, owedBy: 'SHOP', amount, isLost: false }]
    const isLost = left.get(step)
    const isTold = state.steps[`record-debt:${refused.debtId}`] !== undefined
    if (isLost === undefined || (isLost && !isTold)) return []
    return [{ ...refused, owedBy: 'CUSTOMER', amount, isLost }]
  })
}
