// Decides the fulfilment saga, which takes an order from placing to delivery, return or compensation.
//
// Each event first changes the facts. Then the decider stops the order if its payment failed, bills the parcels (what to
// capture) and sets the refunds. The event's effects are those that the new state calls for and has not requested yet. So a
// repeated, late or early event that changes nothing has no effect, and no step is ever requested twice.
//
// Only the first cause stops the order; but a hold that is refused is the cause before a payment that fails beside it,
// whichever answered first. Stopping waits for the steps in flight, but not for an authorisation beside a refused hold,
// cancels the shipments that are not dispatched, and then depends on the rest: if nothing was dispatched, money and stock
// are released and the order is cancelled; otherwise the dispatched part is delivered, and the money captured for the
// rest is refunded.
//
// The money for a parcel is captured once its label exists, before it leaves, unless `captureAt` is `dispatch`. A refused
// capture stops the order while goods can still be kept back. For goods that have left, the customer owes a debt, and the
// order is complete only after an operator has settled it or written it off.
import type { JsonObject } from '#platform/domain/json.ts'
import type { Effect, SagaDefinition, StepEvent } from '#platform/saga/saga.ts'
import { closeMovement, recordRefusal } from './debts.ts'
import { assignShipment, bill, packParcels, recordShipmentStatus, withParcel } from './parcels.ts'
import { desiredEffects } from './plan.ts'
import { refund } from './refunds.ts'
import type { Fulfilment, FulfilmentInput, Parcel, Stop } from './state.ts'
import {
  captureStep,
  continuesInPart,
  createStep,
  initial,
  isFinished,
  isInFlight,
  paymentStatus,
  shippedParcels,
} from './state.ts'

export type { Fulfilment, FulfilmentInput, FulfilmentOrder } from './state.ts'

const RESERVATION_MS = 30 * 60_000
const APPROVAL_TIMEOUT_MS = 10 * 60_000

type SagaEvent = FulfilmentInput | StepEvent
type Data<T extends SagaEvent['type']> = Extract<SagaEvent, { type: T }>['data']

export const fulfilment: SagaDefinition<Fulfilment, FulfilmentInput> = {
  name: 'fulfilment',
  initial,
  types: [
    'FulfilmentStarted',
    'CancellationRequested',
    'PaymentApproved',
    'PaymentRejected',
    'ShipmentDispatched',
    'ShipmentDelivered',
    'ShipmentLost',
    'ReturnReceived',
    'MovementSettled',
    'MovementWrittenOff',
    'MovementDropped',
  ],
  evolve: (state, event) => requestEffects(refund(bill(stopOnFailedPayment(recordFacts(state, event))))),
  react: state => state.effects,
  phase,
}

function recordFacts(state: Fulfilment, event: SagaEvent): Fulfilment {
  switch (event.type) {
    case 'FulfilmentStarted':
      return start(state, event.data)
    case 'CancellationRequested':
      return requestCancellation(state)
    case 'PaymentApproved':
      return state.verdict ? state : { ...state, verdict: { approved: true } }
    case 'PaymentRejected':
      return state.verdict
        ? state
        : { ...state, verdict: { approved: false, stop: declinedPayment(event.data) } }
    case 'ShipmentDispatched':
      return recordShipmentStatus(state, event.data.shipmentId, 'dispatched')
    case 'ShipmentDelivered':
      return recordShipmentStatus(state, event.data.shipmentId, 'delivered')
    case 'ShipmentLost':
      return recordShipmentStatus(state, event.data.shipmentId, 'lost')
    case 'ReturnReceived':
      return receiveReturn(state, event.data)
    case 'MovementSettled':
      return closeMovement(state, event.data.movementId, { resolution: 'PAID', outstanding: 0 })
    case 'MovementWrittenOff':
    case 'MovementDropped': {
      const { movementId, outstanding } = event.data
      return closeMovement(state, movementId, { resolution: 'WRITTEN_OFF', outstanding })
    }
    case 'StepSucceeded':
      return isInFlight(state, event.data.step) ? succeed(state, event.data) : state
    case 'StepRefused':
      return isInFlight(state, event.data.step) ? refuse(state, event.data) : state
    case 'StepFailed':
      return isInFlight(state, event.data.step) ? fail(state, event.data) : state
    case 'TimerFired':
      return timeOut(state)
  }
}

function start(state: Fulfilment, data: Data<'FulfilmentStarted'>): Fulfilment {
  if (state.order) return state
  const { order, at, captureAt = 'dispatch', ampleStock = false } = data
  const { reservationMs = RESERVATION_MS, approvalTimeoutMs = APPROVAL_TIMEOUT_MS } = data
  return { ...state, order, startedAt: at, reservationMs, approvalTimeoutMs, captureAt, ampleStock }
}

/** The request stops the order, unless goods are with the carrier already. */
function requestCancellation(state: Fulfilment): Fulfilment {
  const requested = { ...state, cancellationRequested: true }
  const isTooLate = shippedParcels(state).length > 0 || state.steps['complete-order'] !== undefined
  return isTooLate
    ? requested
    : stop(requested, { reason: 'CUSTOMER_REQUEST', message: 'Cancelled as requested.' })
}

function receiveReturn(
  state: Fulfilment,
  { returnId, lines, refund: expected }: Data<'ReturnReceived'>,
): Fulfilment {
  if (state.returns.some(known => known.returnId === returnId)) return state
  return { ...state, returns: [...state.returns, { returnId, lines, refund: expected }] }
}

function succeed(state: Fulfilment, { step, result, at }: Data<'StepSucceeded'>): Fulfilment {
  const now = withStepStatus(state, step, 'succeeded')
  if (step === 'reserve-stock' && now.order)
    return { ...now, parcels: packParcels(now.order, result), securedAt: at }
  if (step === 'authorise-payment')
    return { ...now, pendingSince: result.pending === true ? at : null, securedAt: at }
  const created = parcelCreatedBy(now, step)
  if (created) {
    const id = result.shipmentId
    return typeof id === 'string' ? assignShipment(now, created, id) : refuseParcel(now, created, '')
  }
  const calledBack = parcelCalledBackBy(now, step)
  if (calledBack?.fate === 'open') return withParcel(now, calledBack, { ...calledBack, fate: 'cancelled' })
  return now
}

function refuse(state: Fulfilment, refusal: Data<'StepRefused'>): Fulfilment {
  const { step, message, details } = refusal
  const now = recordRefusal(withStepStatus(state, step, 'refused'), refusal)
  switch (step) {
    case 'reserve-stock':
      return stopOutOfStock(now, message, { shortages: [], ...details })
    case 'authorise-payment':
      return stop(now, declinedPayment(refusal))
    case 'commit-stock':
      return stop(now, { reason: 'STOCK_HOLD_EXPIRED', message: 'The goods could not be held long enough.' })
    case 'confirm-order':
      // Orders refuses to confirm only what is being cancelled.
      return stop(now, { reason: 'CUSTOMER_REQUEST', message })
  }
  const created = parcelCreatedBy(now, step)
  if (created) return refuseParcel(now, created, message)
  // A shipment that cannot be cancelled is with the carrier.
  const calledBack = parcelCalledBackBy(now, step)
  if (calledBack?.shipmentId !== undefined)
    return recordShipmentStatus(now, calledBack.shipmentId, 'dispatched')
  return isCaptureRefused(now, step) ? stop(now, declinedPayment(refusal)) : now
}

/** True when the refused step is the capture of a parcel, and goods of the order can still be kept back. */
function isCaptureRefused({ parcels, refused }: Fulfilment, step: string): boolean {
  const isOfParcel = parcels.some(parcel => captureStep(parcel) === step)
  return isOfParcel && refused[step] !== undefined && parcels.some(({ fate }) => fate === 'open')
}

/** Only steps with bounded retries fail. The other cases ensure that no retry policy of a runner leaves an order unfinished. */
function fail(state: Fulfilment, { step }: Data<'StepFailed'>): Fulfilment {
  const now = withStepStatus(state, step, 'failed')
  switch (step) {
    case 'reserve-stock':
      return stopOutOfStock(now, 'The goods could not be held.', { shortages: [] })
    case 'commit-stock':
      return stop(now, { reason: 'STOCK_HOLD_EXPIRED', message: 'The goods could not be held long enough.' })
    case 'confirm-order':
      return stop(now, { reason: 'CUSTOMER_REQUEST', message: 'The order could not be confirmed.' })
  }
  const created = parcelCreatedBy(now, step)
  return created ? refuseParcel(now, created, '') : now
}

function timeOut(state: Fulfilment): Fulfilment {
  if (state.approvalTimer !== 'started') return state
  const now: Fulfilment = { ...state, approvalTimer: 'over' }
  if (paymentStatus(state) !== 'awaiting-approval') return now
  return stop(now, { reason: 'APPROVAL_TIMED_OUT', message: 'The payment was not approved in time.' })
}

/** Stops the order when its payment failed. The facts about the payment may arrive in any order. */
function stopOnFailedPayment(state: Fulfilment): Fulfilment {
  switch (paymentStatus(state)) {
    case 'unknown':
      return stop(state, {
        reason: 'PAYMENT_UNAVAILABLE',
        message: 'The payment could not be made; nothing was charged.',
      })
    case 'declined':
      return state.verdict && !state.verdict.approved ? stop(state, state.verdict.stop) : state
    case 'not-requested':
    case 'requested':
    case 'awaiting-approval':
    case 'authorised':
      return state
  }
}

function declinedPayment({ code, message, ...rest }: Data<'PaymentRejected'> | Data<'StepRefused'>): Stop {
  const details = 'details' in rest ? rest.details : { retryable: rest.retryable ?? false }
  return { reason: 'PAYMENT_DECLINED', message, details: { retryable: false, ...details, code } }
}

function refuseParcel(state: Fulfilment, parcel: Parcel, message: string): Fulfilment {
  const dropped = withParcel(state, parcel, { ...parcel, fate: 'dropped' })
  return stop(dropped, {
    reason: 'CARRIER_REFUSED',
    message: message || 'The carrier does not take the goods.',
  })
}

/** Missing stock is the cause whatever the payment said before or says later, so the order of the two does not matter. */
function stopOutOfStock(state: Fulfilment, message: string, details: JsonObject): Fulfilment {
  const isOfPayment = state.stop !== null && OF_PAYMENT.has(state.stop.reason)
  return stop(isOfPayment ? { ...state, stop: null } : state, { reason: 'OUT_OF_STOCK', message, details })
}

const OF_PAYMENT: ReadonlySet<Stop['reason']> = new Set([
  'PAYMENT_DECLINED',
  'PAYMENT_UNAVAILABLE',
  'APPROVAL_TIMED_OUT',
])

function stop(state: Fulfilment, { details = {}, ...cause }: Cause): Fulfilment {
  return state.stop ? state : { ...state, stop: { ...cause, details } }
}

type Cause = Omit<Stop, 'details'> & Partial<Pick<Stop, 'details'>>

function withStepStatus(
  state: Fulfilment,
  step: string,
  how: 'succeeded' | 'refused' | 'failed',
): Fulfilment {
  return { ...state, steps: { ...state.steps, [step]: how } }
}

function parcelCreatedBy(state: Fulfilment, step: string): Parcel | undefined {
  return state.parcels.find(parcel => createStep(parcel) === step)
}

function parcelCalledBackBy(state: Fulfilment, step: string): Parcel | undefined {
  return state.parcels.find(parcel => `cancel-shipment:${parcel.shipmentId}` === step)
}

/** Sets the effects that the state calls for and has not requested yet, and marks their steps as requested. */
function requestEffects(state: Fulfilment): Fulfilment {
  const effects = desiredEffects(state).filter(
    effect => effect.kind !== 'call' || !(effect.step in state.steps),
  )
  if (effects.length === 0) return state.effects.length === 0 ? state : { ...state, effects }
  return {
    ...state,
    steps: { ...state.steps, ...requestedSteps(effects) },
    effects,
    ...timerAfter(state, effects),
  }
}

function requestedSteps(effects: readonly Effect[]): Record<string, 'asked'> {
  return Object.fromEntries(
    effects.flatMap(effect => (effect.kind === 'call' ? [[effect.step, 'asked'] as const] : [])),
  )
}

function timerAfter(state: Fulfilment, effects: readonly Effect[]): Pick<Fulfilment, 'approvalTimer'> {
  if (effects.some(({ kind }) => kind === 'start-timer')) return { approvalTimer: 'started' }
  if (effects.some(({ kind }) => kind === 'cancel-timer')) return { approvalTimer: 'over' }
  return { approvalTimer: state.approvalTimer }
}

function phase(state: Fulfilment): 'running' | 'compensating' | 'ended' {
  const isOver = isFinished(state, 'cancel-order') || isFinished(state, 'complete-order')
  const isWaiting = Object.values(state.steps).includes('asked')
  if (isOver && !isWaiting) return 'ended'
  return state.stop && !continuesInPart(state) ? 'compensating' : 'running'
}
