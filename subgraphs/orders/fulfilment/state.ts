// Defines the inputs and the state of a fulfilment, and questions about the state.
import type { JsonObject } from '#platform/domain/json.ts'
import type { Money } from '#platform/domain/money.ts'
import type { EventsOf } from '#platform/event-store/aggregate.ts'
import type { Effect } from '#platform/saga/saga.ts'
import type {
  CancellationReason,
  DebtResolution,
  OrderedLine,
  SkuQuantity,
  UnitRange,
} from '#subgraphs/orders/domain/events.ts'

/** Everything of the order that the steps need, as agreed when it was placed. Amounts are all in `total`'s currency. */
export type FulfilmentOrder = {
  readonly orderId: string
  readonly customerId: string
  readonly lines: readonly Pick<OrderedLine, 'sku' | 'quantity' | 'unitPrice' | 'weightGrams'>[]
  /** Lines, shipping fee and adjustments together. The tenders add up to it. */
  readonly total: Money
  /**
   * The part of `total` that pays for the goods, discounts taken off; the rest is the charges. Missing in the histories
   * of older builds: those orders continue by the older rules, so that a replay requests the same amounts.
   */
  readonly goodsTotal?: Money
  readonly tenders: readonly { readonly kind: string; readonly token: string; readonly amount: Money }[]
  readonly option: string
  readonly address: JsonObject
  readonly instructions?: string
}

/** When a parcel's money is captured: once its label exists, before it can leave, or when the carrier has it. */
export type CaptureAt = 'label' | 'dispatch'

/** The inputs of a fulfilment, schema version 1 each. Any of them may arrive late, twice or too early. */
export type FulfilmentInput = EventsOf<{
  FulfilmentStarted: {
    readonly order: FulfilmentOrder
    /** The time for which stock is held without a commit; 30 minutes by default. */
    readonly reservationMs?: number
    /** The time to wait for an approval; 10 minutes by default. */
    readonly approvalTimeoutMs?: number
    /** `dispatch` by default, as in the histories of older builds. */
    readonly captureAt?: CaptureAt
    /** False by default, as in the histories of older builds. */
    readonly ampleStock?: boolean
    readonly at: string
  }
  CancellationRequested: { readonly at: string }
  PaymentApproved: { readonly at: string }
  PaymentRejected: {
    readonly code: string
    readonly message: string
    readonly retryable?: boolean
    readonly at: string
  }
  ShipmentDispatched: ShipmentNews
  ShipmentDelivered: ShipmentNews
  ShipmentLost: ShipmentNews
  ReturnReceived: ReceivedReturn & { readonly at: string }
  /** An operator had a refused movement of money carried out after all, or wrote it off. */
  MovementSettled: MovementNews
  MovementWrittenOff: MovementLeft
  /** The payment was voided, so nothing is owed any more. */
  MovementDropped: MovementLeft
}>

type MovementNews = { readonly movementId: string; readonly at: string }
/** `outstanding` was not moved in the end, in minor units: less than was refused at first when a retry moved a part. */
type MovementLeft = MovementNews & { readonly outstanding: number }
type ShipmentNews = { readonly shipmentId: string; readonly at: string }

export type ReceivedReturn = {
  readonly returnId: string
  readonly lines: readonly SkuQuantity[]
  /** The refund that the order expected when the goods came back. */
  readonly refund: Money
}

/** How far the carrier is with a parcel that it has, or had. */
export type CarrierStatus = 'dispatched' | 'delivered' | 'lost'

/** The goods of one warehouse, sent as one shipment. A `dropped` parcel was never created, or the carrier refused it. */
export type Parcel = {
  readonly warehouse: string
  readonly lines: readonly SkuQuantity[]
  readonly weightGrams: number
  /** Which units of the order's lines it holds. */
  readonly units: readonly UnitRange[]
  /** The value of its goods after discounts, in minor units. */
  readonly share: number
  readonly shipmentId?: string
  readonly fate: 'open' | CarrierStatus | 'cancelled' | 'dropped'
  /** The amount to capture for it, in minor units; set once, with `charges`, when it is certain which parcels ship. */
  readonly billed?: number
  readonly charges?: number
}

/** A capture or refund that the provider refused, in whole or in part. */
export type RefusedMovement = {
  /** The movement's id at payment, under which operators settle it. */
  readonly debtId: string
  readonly code: string
  /** The minor units that were not moved. */
  readonly outstanding: number
}

/** The resolution of a refused movement. `outstanding` counts the minor units that were not moved in the end. */
export type MovementEnd = { readonly resolution: DebtResolution; readonly outstanding: number }

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
  /**
   * True when so much was in stock that the hold was all but certain: the payment is then authorised beside it instead of
   * after it, and the order confirmed beside the commit of a fresh hold.
   */
  readonly ampleStock: boolean
  /** When the hold or the authorisation succeeded, whichever did last. */
  readonly securedAt: string
  /** The status of every requested step, by the step's name. */
  readonly steps: Readonly<Record<string, 'asked' | 'succeeded' | 'refused' | 'failed'>>
  /** The provider's decision on the approval; only the first one counts. */
  readonly verdict: { readonly approved: true } | { readonly approved: false; readonly stop: Stop } | null
  /** The time at which the authorisation was reported as pending. */
  readonly pendingSince: string | null
  readonly approvalTimer: 'idle' | 'started' | 'over'
  readonly cancellationRequested: boolean
  readonly stop: Stop | null
  readonly parcels: readonly Parcel[]
  /** Statuses of shipments whose `create-shipment` has no response yet, by shipment id. */
  readonly early: Readonly<Record<string, CarrierStatus>>
  readonly returns: readonly ReceivedReturn[]
  /**
   * The refund of each lost or cancelled shipment, of each return, and of each debt that was paid later, by its id,
   * in minor units; each is set once.
   */
  readonly refunds: Readonly<Record<string, number>>
  /** Refused captures and refunds, by step. */
  readonly refused: Readonly<Record<string, RefusedMovement>>
  /** The resolutions of refused movements, by movement id. A resolution may arrive before its refusal. */
  readonly ends: Readonly<Record<string, MovementEnd>>
  /** The effects of the last event. */
  readonly effects: readonly Effect[]
}

export const initial: Fulfilment = {
  order: null,
  startedAt: '',
  reservationMs: 0,
  approvalTimeoutMs: 0,
  captureAt: 'dispatch',
  ampleStock: false,
  securedAt: '',
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

export function hasSucceeded(state: Fulfilment, step: string): boolean {
  return state.steps[step] === 'succeeded'
}

/** True when the step was requested and has no response yet. */
export function isInFlight(state: Fulfilment, step: string): boolean {
  return state.steps[step] === 'asked'
}

/** True when the step has a response, whether it succeeded, was refused or failed. */
export function isFinished(state: Fulfilment, step: string): boolean {
  return state.steps[step] !== undefined && state.steps[step] !== 'asked'
}

/** True when the step was requested and not refused, so that it may have taken effect. */
export function mayHaveHappened(state: Fulfilment, step: string): boolean {
  return state.steps[step] !== undefined && state.steps[step] !== 'refused'
}

/** Returns the status of the payment. `unknown`: every attempt to authorise it ended without a response. */
export function paymentStatus(
  state: Fulfilment,
): 'not-requested' | 'requested' | 'awaiting-approval' | 'authorised' | 'declined' | 'unknown' {
  if (state.order?.total.minor === 0) return 'authorised'
  const step = state.steps['authorise-payment']
  if (step === undefined) return 'not-requested'
  if (step === 'asked') return 'requested'
  if (step === 'refused') return 'declined'
  if (step === 'succeeded' && state.pendingSince === null) return 'authorised'
  if (state.verdict) return state.verdict.approved ? 'authorised' : 'declined'
  return step === 'failed' ? 'unknown' : 'awaiting-approval'
}

/** True when less than half of the hold's time had passed once goods and money were secured. */
export function isHoldFresh({ startedAt, securedAt, reservationMs }: Fulfilment): boolean {
  return Date.parse(securedAt) - Date.parse(startedAt) < reservationMs / 2
}

/** Returns the parcels that are, or were, with the carrier. */
export function shippedParcels(state: Fulfilment): Parcel[] {
  return state.parcels.filter(isWithCarrier)
}

export function isWithCarrier({ fate }: Parcel): boolean {
  return fate === 'dispatched' || fate === 'delivered' || fate === 'lost'
}

/**
 * True when a step towards delivery is in flight, so that its outcome is not certain yet. After a refused hold nothing
 * ships, whatever an authorisation that is still in flight beside it will say.
 */
export function isForwardStepInFlight(state: Fulfilment): boolean {
  if (state.steps['reserve-stock'] === 'refused') return false
  return (
    FORWARD.some(step => isInFlight(state, step)) ||
    state.parcels.some(parcel => isInFlight(state, createStep(parcel)))
  )
}

/** True when it is certain which parcels ship. */
export function areShipmentsDecided(state: Fulfilment): boolean {
  if (isForwardStepInFlight(state)) return false
  return state.stop === null || state.parcels.every(parcel => isParcelDecided(state, parcel))
}

function isParcelDecided(state: Fulfilment, parcel: Parcel): boolean {
  return parcel.fate !== 'open' || state.steps[createStep(parcel)] === undefined
}

/** True when the order is stopped and none of its parcels ships. False while that is not certain. */
export function isCancelledWhole(state: Fulfilment): boolean {
  return state.stop !== null && areShipmentsDecided(state) && shippedParcels(state).length === 0
}

/** True when the order is stopped too late for some of its parcels, which are still delivered. */
export function continuesInPart(state: Fulfilment): boolean {
  return state.stop !== null && areShipmentsDecided(state) && shippedParcels(state).length > 0
}

/** True when the money of `step` moved, at once or after an operator settled it. */
export function hasMoved(state: Fulfilment, step: string): boolean {
  return hasSucceeded(state, step) || resolutionOf(state, step) === 'PAID'
}

export function captureStep({ shipmentId }: Parcel): string {
  return `capture:${shipmentId}`
}

/** Returns how the refused movement of `step` was resolved, or undefined while it is open. */
function resolutionOf(state: Fulfilment, step: string): DebtResolution | undefined {
  return endOf(state, step)?.resolution
}

function endOf(state: Fulfilment, step: string): MovementEnd | undefined {
  return state.ends[state.refused[step]?.debtId ?? '']
}

/** True when the capture for the parcel has a response, or the parcel has nothing to capture. */
export function isCaptureFinished(state: Fulfilment, parcel: Parcel): boolean {
  return parcel.billed === 0 || isFinished(state, captureStep(parcel))
}

/** True when the capture is finished, and no refusal of it is open. Nobody owes anything for lost goods. */
export function isCaptureSettled(state: Fulfilment, parcel: Parcel): boolean {
  const step = captureStep(parcel)
  if (!isCaptureFinished(state, parcel)) return false
  if (state.refused[step] === undefined || parcel.fate === 'lost') return true
  return resolutionOf(state, step) !== undefined
}

/** True when a capture is in flight, so that the paid amount is not certain yet. */
export function isCapturing(state: Fulfilment): boolean {
  return state.parcels.some(parcel => isInFlight(state, captureStep(parcel)))
}

/** Returns the minor units captured for a parcel. A refused capture may have moved a part, or all of it later. */
export function capturedAmount(state: Fulfilment, parcel: Parcel): number {
  const { billed = 0 } = parcel
  const step = captureStep(parcel)
  if (hasSucceeded(state, step)) return billed
  const refused = state.refused[step]
  return refused ? billed - (endOf(state, step) ?? refused).outstanding : 0
}

/** Returns the minor units captured for all parcels. */
export function capturedTotal(state: Fulfilment): number {
  return state.parcels.reduce((sum, parcel) => sum + capturedAmount(state, parcel), 0)
}

export function call(step: string, command: string, input: JsonObject): CallEffect {
  return { kind: 'call', step, command, input, patience: 'endless' }
}
type CallEffect = Extract<Effect, { kind: 'call' }>
