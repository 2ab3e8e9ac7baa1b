// Carries out commands on shipments: what is wanted is recorded, the carrier is asked, its answer is recorded. Free of GraphQL.
import type { Decision } from '#platform/domain/decision.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { newId } from '#platform/domain/ids.ts'
import type { Json } from '#platform/domain/json.ts'
import type { CommandContext, Repository } from '#platform/event-store/aggregate.ts'
import type { EventMeta } from '#platform/event-store/event-store.ts'
import type { Carrier } from '../adapters/carrier.ts'
import {
  cancel,
  dispatch,
  evolve,
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
  const state = handled.repeated
    ? (await ports.shipments.load(shipmentId)).state
    : evolve({ status: 'ABSENT' }, { type: 'ShipmentRequested', data: fresh })
  const shipment = known(state)
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
  let noted: Noted = { before: 'ABSENT', changed: false }
  const command = { key: asked.key, body: id, meta: asked.meta }
  const handled = await ports.shipments.handle(id, command, state => {
    const decision = note(state, notice)
    noted = { before: state.status, changed: 'accepted' in decision && decision.accepted.length > 0 }
    return decision
  })
  if (handled.status === 'refused') return { ...noted, changed: false, refusal: handled.refusal.code }
  return handled.repeated ? { ...noted, changed: false } : noted
}

/** Ties the key to its body before the carrier hears of the command, so that a key used twice has no effect outside. */
async function claimKey(
  id: string,
  { key, meta }: Asked,
  { shipments }: ShippingPorts,
): Promise<KnownShipment> {
  let seen: Shipment | undefined
  const handled = await shipments.handle(id, { key: `${key}:asked`, body: id, meta }, state => {
    seen = state
    return { accepted: [] }
  })
  return known(handled.repeated || !seen ? (await shipments.load(id)).state : seen)
}

/** Decides, appends, and answers with the state after it. */
async function carryOut(
  id: string,
  command: CommandContext,
  { shipments }: ShippingPorts,
  decide: (state: Shipment) => Decision<ShipmentEvent, ShipmentRefusal>,
): Promise<Outcome> {
  let after: Shipment | undefined
  const handled = await shipments.handle(id, command, state => {
    const decision = decide(state)
    after = 'accepted' in decision ? decision.accepted.reduce(evolve, state) : state
    return decision
  })
  if (handled.status === 'refused') return handled
  const state = handled.repeated || !after ? (await shipments.load(id)).state : after
  return { status: 'accepted', shipment: known(state), position: handled.position }
}

function known(state: Shipment): KnownShipment {
  if (state.status === 'ABSENT') throw new CallerError('NOT_FOUND', 'There is no such shipment.')
  return state
}

function shipmentIdIn(outcome: Json): string {
  if (typeof outcome === 'object' && outcome !== null && 'shipmentId' in outcome)
    return String(outcome.shipmentId)
  throw new CallerError('CONFLICT', 'The idempotency key belongs to another command.')
}
