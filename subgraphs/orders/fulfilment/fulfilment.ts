// The fulfilment saga: an order from placing to delivery, return or compensation, as a pure decider. Free of I/O.
//
// Each event is first learned (facts), then judged (may the order go on?), then billed (what to capture) and refunded
// (what to give back); what the resulting state wishes for and has not asked for yet is the event's effect. So a
// repeated, late or early event, which teaches nothing, asks for nothing, and no step is ever asked for twice.
//
// The order is stopped by its first cause only. Stopping waits for the steps under way, calls back the shipments,
// and then looks at what is left: if nothing was dispatched, money and stock go back and the order is cancelled; if
// something was, that part is delivered, and what was taken for the rest goes back.
//
// A parcel is paid for once its label is there, before it leaves, unless told otherwise: a refused capture stops the
// order while goods can be kept back. For goods that have left it makes a debt of the customer's, and the order is
// complete only once an operator has had it paid or written it off.
import type { Effect, SagaDefinition, StepEvent } from '#platform/saga/saga.ts'
import { endMovement, keepRefusal } from './debts.ts'
import { adopt, bill, hear, packParcels, withParcel } from './parcels.ts'
import { wishes } from './plan.ts'
import { refund } from './refunds.ts'
import type { Fulfilment, FulfilmentInput, Parcel, Stop } from './state.ts'
import {
  answered,
  captureStep,
  createStep,
  goesOnInPart,
  inFlight,
  initial,
  paymentStanding,
  shipped,
} from './state.ts'

export type { Fulfilment, FulfilmentInput, FulfilmentOrder } from './state.ts'

const RESERVATION_MS = 30 * 60_000
const APPROVAL_TIMEOUT_MS = 10 * 60_000

type Event = FulfilmentInput | StepEvent
type Data<T extends Event['type']> = Extract<Event, { type: T }>['data']

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
  evolve: (state, event) => ask(refund(bill(judge(learn(state, event))))),
  react: state => state.effects,
  phase,
}

function learn(state: Fulfilment, event: Event): Fulfilment {
  switch (event.type) {
    case 'FulfilmentStarted':
      return start(state, event.data)
    case 'CancellationRequested':
      return requestCancellation(state)
    case 'PaymentApproved':
      return state.verdict ? state : { ...state, verdict: { approved: true } }
    case 'PaymentRejected':
      return state.verdict ? state : { ...state, verdict: { approved: false, stop: declined(event.data) } }
    case 'ShipmentDispatched':
      return hear(state, event.data.shipmentId, 'dispatched')
    case 'ShipmentDelivered':
      return hear(state, event.data.shipmentId, 'delivered')
    case 'ShipmentLost':
      return hear(state, event.data.shipmentId, 'lost')
    case 'ReturnReceived':
      return receiveReturn(state, event.data)
    case 'MovementSettled':
      return endMovement(state, event.data.movementId, { resolution: 'PAID', outstanding: 0 })
    case 'MovementWrittenOff':
    case 'MovementDropped': {
      const { movementId, outstanding } = event.data
      return endMovement(state, movementId, { resolution: 'WRITTEN_OFF', outstanding })
    }
    case 'StepSucceeded':
      return inFlight(state, event.data.step) ? succeed(state, event.data) : state
    case 'StepRefused':
      return inFlight(state, event.data.step) ? beRefused(state, event.data) : state
    case 'StepFailed':
      return inFlight(state, event.data.step) ? fail(state, event.data) : state
    case 'TimerFired':
      return timeOut(state)
  }
}

function start(state: Fulfilment, data: Data<'FulfilmentStarted'>): Fulfilment {
  if (state.order) return state
  const { order, at, captureAt = 'dispatch' } = data
  const { reservationMs = RESERVATION_MS, approvalTimeoutMs = APPROVAL_TIMEOUT_MS } = data
  return { ...state, order, startedAt: at, reservationMs, approvalTimeoutMs, captureAt }
}

/** Goods with the carrier cannot be called back; before that the request stops the order. */
function requestCancellation(state: Fulfilment): Fulfilment {
  const requested = { ...state, cancellationRequested: true }
  const isTooLate = shipped(state).length > 0 || state.steps['complete-order'] !== undefined
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
  const now = answer(state, step, 'succeeded')
  if (step === 'reserve-stock' && now.order) return { ...now, parcels: packParcels(now.order, result) }
  if (step === 'authorise-payment') return { ...now, pendingSince: result.pending === true ? at : null }
  const created = parcelCreatedBy(now, step)
  if (created) {
    const id = result.shipmentId
    return typeof id === 'string' ? adopt(now, created, id) : refuseParcel(now, created, '')
  }
  const calledBack = parcelCalledBackBy(now, step)
  if (calledBack?.fate === 'open') return withParcel(now, calledBack, { ...calledBack, fate: 'cancelled' })
  return now
}

function beRefused(state: Fulfilment, refusal: Data<'StepRefused'>): Fulfilment {
  const { step, message, details } = refusal
  const now = keepRefusal(answer(state, step, 'refused'), refusal)
  switch (step) {
    case 'reserve-stock':
      return stop(now, { reason: 'OUT_OF_STOCK', message, details: { shortages: [], ...details } })
    case 'authorise-payment':
      return stop(now, declined(refusal))
    case 'commit-stock':
      return stop(now, { reason: 'STOCK_HOLD_EXPIRED', message: 'The goods could not be held long enough.' })
    case 'confirm-order':
      // Orders refuses to confirm only what is being cancelled.
      return stop(now, { reason: 'CUSTOMER_REQUEST', message })
  }
  const created = parcelCreatedBy(now, step)
  if (created) return refuseParcel(now, created, message)
  // Whatever cannot be called back is with the carrier.
  const calledBack = parcelCalledBackBy(now, step)
  if (calledBack?.shipmentId !== undefined) return hear(now, calledBack.shipmentId, 'dispatched')
  return isUnpaidFor(now, step) ? stop(now, declined(refusal)) : now
}

/** The money for a parcel cannot be taken while goods can still be kept back. */
function isUnpaidFor({ parcels, refused }: Fulfilment, step: string): boolean {
  const isOfParcel = parcels.some(parcel => captureStep(parcel) === step)
  return isOfParcel && refused[step] !== undefined && parcels.some(({ fate }) => fate === 'open')
}

/** Only steps with bounded patience fail; the others are here so that no policy of a runner can strand an order. */
function fail(state: Fulfilment, { step }: Data<'StepFailed'>): Fulfilment {
  const now = answer(state, step, 'failed')
  switch (step) {
    case 'reserve-stock':
      return stop(now, {
        reason: 'OUT_OF_STOCK',
        message: 'The goods could not be held.',
        details: { shortages: [] },
      })
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
  if (paymentStanding(state) !== 'awaiting') return now
  return stop(now, { reason: 'APPROVAL_TIMED_OUT', message: 'The payment was not approved in time.' })
}

/** What follows from payment facts that may come in any order. */
function judge(state: Fulfilment): Fulfilment {
  switch (paymentStanding(state)) {
    case 'unknown':
      return stop(state, {
        reason: 'PAYMENT_UNAVAILABLE',
        message: 'The payment could not be made; nothing was charged.',
      })
    case 'declined':
      return state.verdict && !state.verdict.approved ? stop(state, state.verdict.stop) : state
    case 'unasked':
    case 'asked':
    case 'awaiting':
    case 'authorised':
      return state
  }
}

function declined({ code, message, ...rest }: Data<'PaymentRejected'> | Data<'StepRefused'>): Stop {
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

function stop(state: Fulfilment, { details = {}, ...cause }: Cause): Fulfilment {
  return state.stop ? state : { ...state, stop: { ...cause, details } }
}

type Cause = Omit<Stop, 'details'> & Partial<Pick<Stop, 'details'>>

function answer(state: Fulfilment, step: string, how: 'succeeded' | 'refused' | 'failed'): Fulfilment {
  return { ...state, steps: { ...state.steps, [step]: how } }
}

function parcelCreatedBy(state: Fulfilment, step: string): Parcel | undefined {
  return state.parcels.find(parcel => createStep(parcel) === step)
}

function parcelCalledBackBy(state: Fulfilment, step: string): Parcel | undefined {
  return state.parcels.find(parcel => `cancel-shipment:${parcel.shipmentId}` === step)
}

/** Keeps what the state wishes for and has not asked for yet, and marks it as asked for. */
function ask(state: Fulfilment): Fulfilment {
  const effects = wishes(state).filter(effect => effect.kind !== 'call' || !(effect.step in state.steps))
  if (effects.length === 0) return state.effects.length === 0 ? state : { ...state, effects }
  return { ...state, steps: { ...state.steps, ...asked(effects) }, effects, ...timerAfter(state, effects) }
}

function asked(effects: readonly Effect[]): Record<string, 'asked'> {
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
  const isOver = answered(state, 'cancel-order') || answered(state, 'complete-order')
  const isWaiting = Object.values(state.steps).includes('asked')
  if (isOver && !isWaiting) return 'ended'
  return state.stop && !goesOnInPart(state) ? 'compensating' : 'running'
}
