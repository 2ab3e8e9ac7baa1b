// Defines a shipment: its events, its state, and the decisions on it.
import { accept, type Decision, refuse } from '#platform/domain/decision.ts'
import type { EventsOf } from '#platform/event-store/aggregate.ts'

export type ShippingOption = 'STANDARD' | 'EXPRESS'
export type ShipmentStatus =
  | 'REQUESTED'
  | 'LABELLED'
  | 'REFUSED'
  | 'CANCELLED'
  | 'DISPATCHED'
  | 'IN_TRANSIT'
  | 'OUT_FOR_DELIVERY'
  | 'DELIVERED'
  | 'LOST'

export type ShipmentLine = { readonly sku: string; readonly quantity: number }
export type Address = {
  readonly name: string
  readonly line1: string
  readonly line2: string | null
  readonly city: string
  readonly region: string | null
  /** Null where the country has none. */
  readonly postalCode: string | null
  readonly country: string
}

/** The fields of every event, so that a consumer of the log (the order saga, a BFF) needs no look-up. */
type ShipmentReference = {
  readonly shipmentId: string
  readonly orderId: string
  readonly customerId: string
  readonly at: string
}

/** The address and the instructions are in the request alone: no state and no document repeats them. */
export type ShipmentRequest = ShipmentReference & {
  readonly warehouse: string
  readonly option: ShippingOption
  readonly lines: readonly ShipmentLine[]
  readonly weightGrams: number
  readonly address: Address
  readonly instructions: string | null
}

export type Label = { readonly trackingNumber: string; readonly estimatedDelivery: string | null }

type Told = ShipmentReference & { readonly text: string }

export type ShipmentEvent = EventsOf<{
  ShipmentRequested: ShipmentRequest
  ShipmentLabelled: ShipmentReference & Label
  ShipmentRefused: ShipmentReference & { readonly code: string; readonly message: string }
  ShipmentCancelled: ShipmentReference
  ShipmentDispatched: Told
  ShipmentTracked: Told & { readonly status: 'IN_TRANSIT' | 'OUT_FOR_DELIVERY' }
  ShipmentDelivered: Told
  ShipmentLost: Told
}>

type TrackingEvent = {
  readonly at: string
  readonly status: ShipmentStatus
  readonly text: string
}

/** A shipment that exists. It is also the document of the `shipments` view, but for the stage. */
export type ExistingShipment = {
  readonly id: string
  readonly orderId: string
  readonly customerId: string
  readonly warehouse: string
  readonly option: ShippingOption
  readonly status: ShipmentStatus
  readonly lines: readonly ShipmentLine[]
  readonly weightGrams: number
  readonly trackingNumber: string | null
  readonly estimatedDelivery: string | null
  readonly refusal: { readonly code: string; readonly message: string } | null
  readonly tracking: readonly TrackingEvent[]
  readonly createdAt: string
  readonly updatedAt: string
}
export type Shipment = { readonly status: 'ABSENT' } | ExistingShipment

type ShipmentRefusalCode =
  | 'SHIPMENT_NOT_FOUND'
  | 'SHIPMENT_EXISTS'
  | 'SHIPMENT_DISPATCHED'
  | 'SHIPMENT_CANCELLED'
  | 'SHIPMENT_NOT_LABELLED'
  | 'TRACKING_NUMBER_MISMATCH'
export type ShipmentRefusal = { readonly code: ShipmentRefusalCode; readonly message: string }
type ShipmentDecision = Decision<ShipmentEvent, ShipmentRefusal>

/** A report of the carrier about a parcel, with the carrier's `label` in case the shipment has none yet. */
export type Notice = {
  readonly status: 'DISPATCHED' | 'IN_TRANSIT' | 'OUT_FOR_DELIVERY' | 'DELIVERED' | 'LOST'
  readonly text: string
  readonly at: string
  readonly label: Label
}

/** A shipment keeps at most this many notices; further ones are ignored until the status changes. */
export const MAX_TRACKING = 100

export function evolve(state: Shipment, event: ShipmentEvent): Shipment {
  if (event.type === 'ShipmentRequested') return state.status === 'ABSENT' ? requested(event.data) : state
  if (state.status === 'ABSENT') return state
  const updatedAt = later(state.updatedAt, event.data.at)
  switch (event.type) {
    case 'ShipmentLabelled': {
      const { trackingNumber, estimatedDelivery } = event.data
      return { ...state, status: 'LABELLED', trackingNumber, estimatedDelivery, updatedAt }
    }
    case 'ShipmentRefused': {
      const { code, message } = event.data
      return { ...state, status: 'REFUSED', refusal: { code, message }, updatedAt }
    }
    case 'ShipmentCancelled':
      return { ...state, status: 'CANCELLED', updatedAt }
    case 'ShipmentDispatched':
      return { ...withTracking(state, 'DISPATCHED', event.data), updatedAt }
    case 'ShipmentTracked':
      return { ...withTracking(state, event.data.status, event.data), updatedAt }
    case 'ShipmentDelivered':
      return { ...withTracking(state, 'DELIVERED', event.data), updatedAt }
    case 'ShipmentLost':
      return { ...withTracking(state, 'LOST', event.data), updatedAt }
  }
}

/** What later events change comes first: of a changed document, PostgreSQL logs nothing of the end that stays the same. */
function requested(data: ShipmentRequest): ExistingShipment {
  const { shipmentId, orderId, customerId, warehouse, option, lines, weightGrams, at } = data
  return {
    ...{ updatedAt: at, status: 'REQUESTED', tracking: [], trackingNumber: null, estimatedDelivery: null },
    ...{ refusal: null, createdAt: at },
    ...{ id: shipmentId, orderId, customerId, warehouse, option, lines, weightGrams },
  }
}

function withTracking(
  state: ExistingShipment,
  status: ShipmentStatus,
  { at, text }: { readonly at: string; readonly text: string },
): ExistingShipment {
  return { ...state, status, tracking: [...state.tracking, { at, status, text }] }
}

/** Returns the later of two instants in the same notation, which sort as text. */
function later(one: string, other: string): string {
  return [one, other].sort().at(-1) ?? one
}

const NOT_FOUND: ShipmentRefusal = { code: 'SHIPMENT_NOT_FOUND', message: 'There is no such shipment.' }
const WITH_CARRIER: ShipmentRefusal = {
  code: 'SHIPMENT_DISPATCHED',
  message: 'The carrier has this shipment already.',
}
const CANCELLED: ShipmentRefusal = {
  code: 'SHIPMENT_CANCELLED',
  message: 'This shipment has been cancelled.',
}
const NOT_LABELLED: ShipmentRefusal = {
  code: 'SHIPMENT_NOT_LABELLED',
  message: 'The carrier has given no label for this shipment.',
}
const ANOTHER_PARCEL: ShipmentRefusal = {
  code: 'TRACKING_NUMBER_MISMATCH',
  message: 'The notice is about another parcel: its tracking number is not that of this shipment.',
}

export function request(state: Shipment, data: ShipmentRequest): ShipmentDecision {
  if (state.status !== 'ABSENT')
    return refuse({ code: 'SHIPMENT_EXISTS', message: 'This shipment has been requested already.' })
  return accept({ type: 'ShipmentRequested', data })
}

/** Records the label of an accepted booking. A label that is known, or comes after a cancellation, changes nothing. */
export function label(
  state: Shipment,
  { trackingNumber, estimatedDelivery }: Label,
  at: string,
): ShipmentDecision {
  switch (state.status) {
    case 'ABSENT':
      return refuse(NOT_FOUND)
    case 'REQUESTED':
      return accept({
        type: 'ShipmentLabelled',
        data: { ...of(state, at), trackingNumber, estimatedDelivery },
      })
    case 'LABELLED':
    case 'REFUSED':
    case 'CANCELLED':
    case 'DISPATCHED':
    case 'IN_TRANSIT':
    case 'OUT_FOR_DELIVERY':
    case 'DELIVERED':
    case 'LOST':
      return accept()
  }
}

/** Records that the carrier refused the booking, unless a label is known. */
export function refuseBooking(
  state: Shipment,
  { code, message }: { readonly code: string; readonly message: string },
  at: string,
): ShipmentDecision {
  if (state.status === 'ABSENT') return refuse(NOT_FOUND)
  if (state.status !== 'REQUESTED') return accept()
  return accept({ type: 'ShipmentRefused', data: { ...of(state, at), code, message } })
}

/** `carrier` is the carrier's response to the cancellation: `collected` when it has the parcel, even before its notice arrives. */
export function cancel(state: Shipment, carrier: 'cancelled' | 'collected', at: string): ShipmentDecision {
  switch (state.status) {
    case 'ABSENT':
      return refuse(NOT_FOUND)
    case 'REFUSED':
    case 'CANCELLED':
      return accept() // nothing is on its way: a repeated cancellation has what it wants
    case 'REQUESTED':
    case 'LABELLED':
      return carrier === 'collected'
        ? refuse(WITH_CARRIER)
        : accept({ type: 'ShipmentCancelled', data: of(state, at) })
    case 'DISPATCHED':
    case 'IN_TRANSIT':
    case 'OUT_FOR_DELIVERY':
    case 'DELIVERED':
    case 'LOST':
      return refuse(WITH_CARRIER)
  }
}

/** `carrier` is the carrier's response to the dispatch. A repeated dispatch succeeds and changes nothing. */
export function dispatch(
  state: Shipment,
  carrier: 'collected' | 'cancelled' | 'unknown',
  at: string,
): ShipmentDecision {
  switch (state.status) {
    case 'ABSENT':
      return refuse(NOT_FOUND)
    case 'REQUESTED':
    case 'REFUSED':
      return refuse(NOT_LABELLED)
    case 'CANCELLED':
      return refuse(CANCELLED)
    case 'LABELLED':
      return handOver(state, carrier, at)
    case 'DISPATCHED':
    case 'IN_TRANSIT':
    case 'OUT_FOR_DELIVERY':
    case 'DELIVERED':
    case 'LOST':
      return accept()
  }
}

function handOver(
  state: ExistingShipment,
  carrier: 'collected' | 'cancelled' | 'unknown',
  at: string,
): ShipmentDecision {
  switch (carrier) {
    case 'collected':
      return accept({
        type: 'ShipmentDispatched',
        data: { ...of(state, at), text: 'Handed over to the carrier' },
      })
    case 'cancelled':
      return refuse(CANCELLED)
    case 'unknown':
      return refuse(NOT_LABELLED)
  }
}

/**
 * Records a notice of the carrier. One that skips steps implies the label and the dispatch, which are recorded first; one
 * that is older than what is known, or known already, changes nothing; nor does any after the parcel's end. One with
 * another tracking number than the label's is about another parcel, and is refused.
 */
export function note(state: Shipment, notice: Notice): ShipmentDecision {
  if (state.status === 'ABSENT') return refuse(NOT_FOUND)
  if (state.trackingNumber !== null && state.trackingNumber !== notice.label.trackingNumber)
    return refuse(ANOTHER_PARCEL)
  switch (state.status) {
    case 'REFUSED':
    case 'CANCELLED':
    case 'DELIVERED':
    case 'LOST':
      return accept()
    case 'REQUESTED':
      return accept(
        { type: 'ShipmentLabelled', data: { ...of(state, notice.at), ...notice.label } },
        ...collection(state, notice),
      )
    case 'LABELLED':
      return accept(...collection(state, notice))
    case 'DISPATCHED':
    case 'IN_TRANSIT':
    case 'OUT_FOR_DELIVERY':
      return isNews(state, notice) ? accept(...progress(state, notice)) : accept()
  }
}

const RANK: Readonly<Record<ShipmentStatus, number>> = {
  ...{ REQUESTED: 0, LABELLED: 0, REFUSED: 0, CANCELLED: 0 },
  ...{ DISPATCHED: 1, IN_TRANSIT: 2, OUT_FOR_DELIVERY: 3, DELIVERED: 4, LOST: 4 },
}

/** True when the notice is a later stage, or a later report of the same stage (a second hub, a second attempt). */
function isNews(state: ExistingShipment, notice: Notice): boolean {
  const ahead = RANK[notice.status] - RANK[state.status]
  if (ahead !== 0) return ahead > 0
  const last = state.tracking.at(-1)?.at ?? ''
  return state.status !== 'DISPATCHED' && notice.at > last && state.tracking.length < MAX_TRACKING
}

function collection(state: ExistingShipment, notice: Notice): ShipmentEvent[] {
  const text = notice.status === 'DISPATCHED' ? notice.text : 'Collected by the carrier'
  return [{ type: 'ShipmentDispatched', data: { ...of(state, notice.at), text } }, ...progress(state, notice)]
}

function progress(state: ExistingShipment, { status, text, at }: Notice): ShipmentEvent[] {
  const data = { ...of(state, at), text }
  switch (status) {
    case 'DISPATCHED':
      return []
    case 'IN_TRANSIT':
    case 'OUT_FOR_DELIVERY':
      return [{ type: 'ShipmentTracked', data: { ...data, status } }]
    case 'DELIVERED':
      return [{ type: 'ShipmentDelivered', data }]
    case 'LOST':
      return [{ type: 'ShipmentLost', data }]
  }
}

function of({ id, orderId, customerId }: ExistingShipment, at: string): ShipmentReference {
  return { shipmentId: id, orderId, customerId, at }
}

/** Each event type once; the mapping makes the type check find a missing one. */
const TYPES: Readonly<Record<ShipmentEvent['type'], true>> = {
  ShipmentRequested: true,
  ShipmentLabelled: true,
  ShipmentRefused: true,
  ShipmentCancelled: true,
  ShipmentDispatched: true,
  ShipmentTracked: true,
  ShipmentDelivered: true,
  ShipmentLost: true,
}
export const SHIPMENT_EVENT_TYPES = Object.keys(TYPES) as readonly ShipmentEvent['type'][]
