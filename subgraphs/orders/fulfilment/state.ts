// What a fulfilment knows: its inputs, its state, and questions about the state. Pure data; free of I/O and clocks.
import type { JsonObject } from '#platform/domain/json.ts'
import type { Money } from '#platform/domain/money.ts'
import type { Effect } from '#platform/saga/saga.ts'
import type { DebtResolution, UnitRange } from '#subgraphs/orders/domain/events.ts'

type OrderLine = {
  readonly sku: string
  readonly quantity: number
  readonly unitPrice: Money
  /** Of one unit. */
  readonly weightGrams: number
}

/** Everything of the order that the steps need, as agreed when it was placed. Amounts are all in `total`'s currency. */
export type FulfilmentOrder = {
  readonly orderId: string
  readonly customerId: string
  readonly lines: readonly OrderLine[]
  /** Lines, shipping fee and adjustments together. The tenders add up to it. */
  readonly total: Money
  /**
   * The part of `total` that pays for the goods, discounts taken off; the rest is the charges. Missing in the histories
   * of older builds: those orders go on by the rules that they began with, so that a replay asks for the same amounts.
   */
  readonly goodsTotal?: Money
  readonly tenders: readonly { readonly kind: string; readonly token: string; readonly amount: Money }[]
  readonly option: string
  readonly address: JsonObject
  readonly instructions?: string
}

/** When the money for a parcel is taken: once its label is there, before it can leave, or when the carrier has it. */
export type CaptureAt = 'label' | 'dispatch'

export type Quantity = { readonly sku: string; readonly quantity: number }

/** What reaches a fulfilment from outside, schema 1 each. Any of them may come late, twice or too early. */
export type FulfilmentInput =
  | {
      readonly type: 'FulfilmentStarted'
      readonly data: {
        readonly order: FulfilmentOrder
        /** How long stock is held without a commit; 30 minutes when left out. */
        readonly reservationMs?: number
        /** How long an approval is waited for; 10 minutes when left out. */
        readonly approvalTimeoutMs?: number
        /** When left out, at the dispatch: so it was in the histories of older builds. */
        readonly captureAt?: CaptureAt
        readonly at: string
      }
    }
  | { readonly type: 'CancellationRequested'; readonly data: { readonly at: string } }
  | { readonly type: 'PaymentApproved'; readonly data: { readonly at: string } }
  | {
      readonly type: 'PaymentRejected'
      readonly data: {
        readonly code: string
        readonly message: string
        readonly retryable?: boolean
        readonly at: string
      }
    }
  | { readonly type: 'ShipmentDispatched'; readonly data: ShipmentNews }
  | { readonly type: 'ShipmentDelivered'; readonly data: ShipmentNews }
  | { readonly type: 'ShipmentLost'; readonly data: ShipmentNews }
  | { readonly type: 'ReturnReceived'; readonly data: ReceivedReturn & { readonly at: string } }
  /** An operator had a refused movement of money carried out after all, or wrote it off. */
  | { readonly type: 'MovementSettled'; readonly data: MovementNews }
  | { readonly type: 'MovementWrittenOff'; readonly data: MovementLeft }
  /** Nothing is owed any more, as the payment was voided. */
  | { readonly type: 'MovementDropped'; readonly data: MovementLeft }

type MovementNews = { readonly movementId: string; readonly at: string }
/** `outstanding` was not moved in the end, in minor units: less than was refused at first when a retry moved a part. */
type MovementLeft = MovementNews & { readonly outstanding: number }
type ShipmentNews = { readonly shipmentId: string; readonly at: string }

export type ReceivedReturn = {
  readonly returnId: string
  readonly lines: readonly Quantity[]
  /** What the order expected when the goods came back. */
  readonly refund: Money
}

/** The goods of one warehouse: one shipment. `dropped` is never created, or refused; all but `open` is final or on its way. */
export type Parcel = {
  readonly warehouse: string
  readonly lines: readonly Quantity[]
  readonly weightGrams: number
  /** Which units of the order's lines it holds. */
  readonly units: readonly UnitRange[]
  /** What its goods are worth, discounts taken off, in minor units. */
  readonly share: number
  readonly shipmentId?: string
  readonly fate: 'open' | 'dispatched' | 'delivered' | 'lost' | 'cancelled' | 'dropped'
  /** What is captured for it, in minor units, and the charges in it; set once, when it is certain which parcels ship. */
  readonly billed?: number
  readonly charges?: number
}

/** A capture or refund that the provider refused, in whole or in part. */
export type RefusedMovement = {
  /** The movement's id at payment, under which operators settle it. */
  readonly debtId: string
  readonly code: string
  /** What was not moved, in minor units. */
  readonly outstanding: number
}

/** What became of a refused movement. `outstanding` was not moved, in minor units. */
export type MovementEnd = { readonly resolution: DebtResolution; readonly outstanding: number }

export type CancellationReason =
  | 'CUSTOMER_REQUEST'
  | 'OUT_OF_STOCK'
  | 'PAYMENT_DECLINED'
  | 'PAYMENT_UNAVAILABLE'
  | 'APPROVAL_TIMED_OUT'
  | 'STOCK_HOLD_EXPIRED'
  | 'CARRIER_REFUSED'

/** Why the order cannot go on: the first cause, which later ones do not replace. */
export type Stop = {
  readonly reason: CancellationReason
  readonly message: string
  readonly details: JsonObject
}

export type Fulfilment = {
  readonly order: FulfilmentOrder | null
  readonly startedAt: string
  readonly reservationMs: number
  readonly approvalTimeoutMs: number
  readonly captureAt: CaptureAt
  /** Every step ever asked for, by name, and how it stands. */
  readonly steps: Readonly<Record<string, 'asked' | 'succeeded' | 'refused' | 'failed'>>
  /** What the provider said of the approval: its first word counts. */
  readonly verdict: { readonly approved: true } | { readonly approved: false; readonly stop: Stop } | null
  /** When the authorisation was answered `pending`. */
  readonly pendingSince: string | null
  readonly approvalTimer: 'idle' | 'started' | 'over'
  readonly cancellationRequested: boolean
  readonly stop: Stop | null
  readonly parcels: readonly Parcel[]
  /** News of shipments whose `create-shipment` is not answered yet, by shipment id. */
  readonly early: Readonly<Record<string, 'dispatched' | 'delivered' | 'lost'>>
  readonly returns: readonly ReceivedReturn[]
  /**
   * What is given back for each lost or called back shipment, each return, and each debt that was paid later, by its id,
   * in minor units; each is set once.
   */
  readonly refunds: Readonly<Record<string, number>>
  /** By step. */
  readonly refused: Readonly<Record<string, RefusedMovement>>
  /** What became of refused movements, by movement id: it may be heard before the refusal is. */
  readonly ends: Readonly<Record<string, MovementEnd>>
  /** What the last event asks for. */
  readonly effects: readonly Effect[]
}

export const initial: Fulfilment = {
  order: null,
  startedAt: '',
  reservationMs: 0,
  approvalTimeoutMs: 0,
  captureAt: 'dispatch',
  steps: {},
  verdict: null,
  pendingSince: null,
  approvalTimer: 'idle',
  cancellationRequested: false,
  stop: null,
  parcels: [],
  early: {},
  returns: [],
  refunds: {},
  refused: {},
  ends: {},
  effects: [],
}

export const APPROVAL_TIMER = 'approval'
const FORWARD = ['reserve-stock', 'authorise-payment', 'await-approval', 'commit-stock', 'confirm-order']

export function createStep(parcel: Parcel): string {
  return `create-shipment:${parcel.warehouse}`
}

export function succeeded(state: Fulfilment, step: string): boolean {
  return state.steps[step] === 'succeeded'
}

/** Asked and not answered yet. */
export function inFlight(state: Fulfilment, step: string): boolean {
  return state.steps[step] === 'asked'
}

/** Answered, whichever way. */
export function answered(state: Fulfilment, step: string): boolean {
  return state.steps[step] !== undefined && state.steps[step] !== 'asked'
}

/** Asked for, and not refused: it was done, or may have been. */
export function mayHaveHappened(state: Fulfilment, step: string): boolean {
  return state.steps[step] !== undefined && state.steps[step] !== 'refused'
}

/** Where the payment stands. `unknown`: every attempt to authorise it failed without an answer. */
export function paymentStanding(
  state: Fulfilment,
): 'unasked' | 'asked' | 'awaiting' | 'authorised' | 'declined' | 'unknown' {
  if (state.order?.total.minor === 0) return 'authorised'
  const step = state.steps['authorise-payment']
  if (step === undefined) return 'unasked'
  if (step === 'asked') return 'asked'
  if (step === 'refused') return 'declined'
  if (step === 'succeeded' && state.pendingSince === null) return 'authorised'
  if (state.verdict) return state.verdict.approved ? 'authorised' : 'declined'
  return step === 'failed' ? 'unknown' : 'awaiting'
}

/** Parcels that are, or were, with the carrier. */
export function shipped(state: Fulfilment): Parcel[] {
  return state.parcels.filter(({ fate }) => fate === 'dispatched' || fate === 'delivered' || fate === 'lost')
}

/** A step towards delivery is under way, so what has been done is not certain yet. */
export function forwardInFlight(state: Fulfilment): boolean {
  return (
    FORWARD.some(step => inFlight(state, step)) ||
    state.parcels.some(parcel => inFlight(state, createStep(parcel)))
  )
}

/** No parcel will begin or cease to ship any more, except by being dispatched. */
export function partsAreCertain(state: Fulfilment): boolean {
  if (forwardInFlight(state)) return false
  return state.stop === null || state.parcels.every(parcel => isDecided(state, parcel))
}

function isDecided(state: Fulfilment, parcel: Parcel): boolean {
  return parcel.fate !== 'open' || state.steps[createStep(parcel)] === undefined
}

/** The order is given up as a whole: nothing of it ships. False while that is not certain. */
export function isGivenUp(state: Fulfilment): boolean {
  return state.stop !== null && partsAreCertain(state) && shipped(state).length === 0
}

/** Stopped, but too late for a part of it: that part goes on to delivery. */
export function goesOnInPart(state: Fulfilment): boolean {
  return state.stop !== null && partsAreCertain(state) && shipped(state).length > 0
}

/** The money of `step` moved, at once or after an operator saw to it. */
export function hasMoved(state: Fulfilment, step: string): boolean {
  return succeeded(state, step) || resolutionOf(state, step) === 'PAID'
}

export function captureStep({ shipmentId }: Parcel): string {
  return `capture:${shipmentId}`
}

/** What an operator did about the refused movement of `step`. */
function resolutionOf(state: Fulfilment, step: string): DebtResolution | undefined {
  return endOf(state, step)?.resolution
}

function endOf(state: Fulfilment, step: string): MovementEnd | undefined {
  return state.ends[state.refused[step]?.debtId ?? '']
}

/** The provider has said whether the money for a parcel can be taken; nothing is asked when there is none to take. */
export function isCaptureAnswered(state: Fulfilment, parcel: Parcel): boolean {
  return parcel.billed === 0 || answered(state, captureStep(parcel))
}

/** The same, and nobody is still to do something about a refusal: for lost goods nobody owes anything. */
export function isCaptureOver(state: Fulfilment, parcel: Parcel): boolean {
  const step = captureStep(parcel)
  if (!isCaptureAnswered(state, parcel)) return false
  if (state.refused[step] === undefined || parcel.fate === 'lost') return true
  return resolutionOf(state, step) !== undefined
}

/** A capture is asked for and not answered yet, so what was paid is not certain. */
export function isTakingMoney(state: Fulfilment): boolean {
  return state.parcels.some(parcel => inFlight(state, captureStep(parcel)))
}

/** What was captured for a parcel, in minor units: a refused capture may have taken a part, or all of it later. */
export function taken(state: Fulfilment, parcel: Parcel): number {
  const { billed = 0 } = parcel
  const step = captureStep(parcel)
  if (succeeded(state, step)) return billed
  const refused = state.refused[step]
  return refused ? billed - (endOf(state, step) ?? refused).outstanding : 0
}

/** What was captured, in minor units. */
export function captured(state: Fulfilment): number {
  return state.parcels.reduce((sum, parcel) => sum + taken(state, parcel), 0)
}

export function call(step: string, command: string, input: JsonObject): CallEffect {
  return { kind: 'call', step, command, input, patience: 'endless' }
}
type CallEffect = Extract<Effect, { kind: 'call' }>
