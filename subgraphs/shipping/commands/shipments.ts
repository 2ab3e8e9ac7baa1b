// Carries out commands on shipments: what is wanted is recorded, the carrier is asked, its answer is recorded. Free of GraphQL.
import type { Decision, Refusal } from '#platform/domain/decision.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { newId } from '#platform/domain/ids.ts'
import { isObject, type Json } from '#platform/domain/json.ts'
import type { CommandContext, HandledCommand, Repository } from '#platform/event-store/aggregate.ts'
import type { EventMeta } from '#platform/event-store/event-store.ts'
import type { Carrier } from '../adapters/carrier.ts'
import {
  cancel,
  dispatch,
  type KnownShipment,
  label,
  type Notice,
  note,
  refuseBooking,
  request,
  type Shipment,
  type ShipmentEvent,
  type ShipmentRefusal,
  type ShipmentRequest,
} from '../domain/shipment.ts'

export type ShipmentRepository = Repository<Shipment, ShipmentEvent>
export type ShippingPorts = {
  readonly shipments: ShipmentRepository
  readonly carrier: Carrier
  readonly now: () => Date
}

/** Who asks, under which key: unique for ever within the service. */
export type Asked = { readonly key: string; readonly meta: EventMeta }
export type NewShipment = Omit<ShipmentRequest, 'shipmentId' | 'at'>

/** `shipment` is the state just written; `position` is what a reader must have reached to see it. */
export type Outcome =
  | { readonly status: 'accepted'; readonly shipment: KnownShipment; readonly position: number }
  | { readonly status: 'refused'; readonly refusal: ShipmentRefusal; readonly position: number }

/** All of them: the same key with the same body gives the same answer, with another body CallerError CONFLICT. */
export type ShipmentCommands = {
  /**
   * Requests a shipment and books its label. A repeat goes on where the first try stopped, with the same id, and never
   * books twice. Throws UNAVAILABLE while the carrier does not answer: the shipment stays requested meanwhile. A
   * carrier that refuses leaves it REFUSED.
   */
  create(shipment: NewShipment, asked: Asked): Promise<Outcome>
  /** Refused with SHIPMENT_DISPATCHED once the carrier has it, be it by its own word only. */
  cancel(shipmentId: string, asked: Asked): Promise<Outcome>
  /** Has the carrier collect a labelled shipment now. */
  dispatch(shipmentId: string, asked: Asked): Promise<Outcome>
  /** Takes in a notice. `before` is what the shipment was when it came. One about another parcel changes nothing. */
  note(shipmentId: string, notice: Notice, asked: Asked): Promise<Noted>
}
export type Noted = {
  readonly before: Shipment['status']
  readonly changed: boolean
  /** Why it is not taken. */
  readonly refusal?: ShipmentRefusal['code']
}

export function createCommands(ports: ShippingPorts): ShipmentCommands {
  return {
    create: (shipment, asked) => create(shipment, asked, ports),
    cancel: (shipmentId, asked) => cancelShipment(shipmentId, asked, ports),
    dispatch: (shipmentId, asked) => dispatchShipment(shipmentId, asked, ports),
    note: (shipmentId, notice, asked) => noteNotice(shipmentId, notice, asked, ports),
  }
}

async function create(wanted: NewShipment, asked: Asked, ports: ShippingPorts): Promise<Outcome> {
  const fresh = { ...wanted, shipmentId: newId('shipment'), at: ports.now().toISOString() }
  const asking = { key: asked.key, body: wanted, meta: asked.meta }
  const handled = await ports.shipments.handle(fresh.shipmentId, asking, state => request(state, fresh), {
    shipmentId: fresh.shipmentId,
  })
  if (handled.status === 'refused') return handled
  const shipmentId = handled.repeated ? shipmentIdIn(handled.outcome) : fresh.shipmentId
  const shipment = known(await newState(shipmentId, handled, ports))
  if (shipment.status === 'REQUESTED') return book(shipment, wanted, asked.meta, ports)
  if (shipment.status === 'CANCELLED') await ports.carrier.cancel(shipmentId) // a label may have been booked meanwhile
  return { status: 'accepted', shipment, position: handled.position }
}

async function book(
  { id }: KnownShipment,
  { option, weightGrams, address, instructions }: NewShipment,
  meta: EventMeta,
  ports: ShippingPorts,
): Promise<Outcome> {
  const answer = await ports.carrier.book({ reference: id, option, weightGrams, address, instructions })
  const at = ports.now().toISOString()
  const asked = { key: `carrier:book:${id}`, body: id, meta }
  const outcome = await carryOut(id, asked, ports, state =>
    answer.status === 'booked' ? label(state, answer, at) : refuseBooking(state, answer, at),
  )
  const cancelled = outcome.status === 'accepted' && outcome.shipment.status === 'CANCELLED'
  if (cancelled && answer.status === 'booked') await ports.carrier.cancel(id)
  return outcome
}

async function cancelShipment(id: string, asked: Asked, ports: ShippingPorts): Promise<Outcome> {
  const { status } = await claimKey(id, asked, ports)
  const asking = status === 'REQUESTED' || status === 'LABELLED'
  const answer = asking ? await ports.carrier.cancel(id) : 'cancelled'
  const at = ports.now().toISOString()
  const command = { key: asked.key, body: id, meta: asked.meta }
  return carryOut(id, command, ports, state => cancel(state, answer, at))
}

async function dispatchShipment(id: string, asked: Asked, ports: ShippingPorts): Promise<Outcome> {
  const { status } = await claimKey(id, asked, ports)
  const answer = status === 'LABELLED' ? await ports.carrier.collect(id) : 'unknown'
  const at = ports.now().toISOString()
  return carryOut(id, { key: asked.key, body: id, meta: asked.meta }, ports, state =>
    dispatch(state, answer, at),
  )
}

async function noteNotice(id: string, notice: Notice, asked: Asked, ports: ShippingPorts): Promise<Noted> {
  const command = { key: asked.key, body: id, meta: asked.meta }
  const handled = await ports.shipments.handle(id, command, state => note(state, notice))
  const noted = handled.repeated
    ? { before: (await ports.shipments.load(id)).state.status, changed: false }
    : { before: handled.before.status, changed: handled.events.length > 0 }
  return handled.status === 'refused' ? { ...noted, refusal: handled.refusal.code } : noted
}

/** Ties the key to its body before the carrier hears of the command, so that a key used twice has no effect outside. */
async function claimKey(id: string, { key, meta }: Asked, ports: ShippingPorts): Promise<KnownShipment> {
  const command = { key: `${key}:asked`, body: id, meta }
  const handled = await ports.shipments.handle(id, command, () => ({ accepted: [] }))
  return known(await newState(id, handled, ports))
}

/** Decides, appends, and answers with the state after it. */
async function carryOut(
  id: string,
  command: CommandContext,
  ports: ShippingPorts,
  decide: (state: Shipment) => Decision<ShipmentEvent, ShipmentRefusal>,
): Promise<Outcome> {
  const handled = await ports.shipments.handle(id, command, decide)
  if (handled.status === 'refused') return handled
  const shipment = known(await newState(id, handled, ports))
  return { status: 'accepted', shipment, position: handled.position }
}

/** A repeated command changed nothing, so the state is read. */
async function newState(
  id: string,
  handled: HandledCommand<Refusal, Shipment, ShipmentEvent>,
  { shipments }: ShippingPorts,
): Promise<Shipment> {
  return handled.repeated ? (await shipments.load(id)).state : handled.state
}

function known(state: Shipment): KnownShipment {
  if (state.status === 'ABSENT') throw new CallerError('NOT_FOUND', 'There is no such shipment.')
  return state
}

function shipmentIdIn(outcome: Json): string {
  if (isObject(outcome) && 'shipmentId' in outcome) return String(outcome.shipmentId)
  throw new CallerError('CONFLICT', 'The idempotency key belongs to another command.')
}
