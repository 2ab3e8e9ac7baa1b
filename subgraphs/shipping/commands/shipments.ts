// Executes commands on shipments: records the intent, calls the carrier, and records its response. For every command: the same
// key with the same body gives the same result, with another body CallerError CONFLICT.
import type { Decision } from '#platform/domain/decision.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { newId } from '#platform/domain/ids.ts'
import { isObject, type Json } from '#platform/domain/json.ts'
import type { CommandContext, DecisionContext } from '#platform/event-store/aggregate.ts'
import type { Carrier } from '#subgraphs/shipping/adapters/carrier.ts'
import type { ShipmentRepository } from '#subgraphs/shipping/domain/aggregate.ts'
import {
  cancel,
  dispatch,
  type ExistingShipment,
  label,
  type Notice,
  note,
  refuseBooking,
  request,
  type Shipment,
  type ShipmentEvent,
  type ShipmentRefusal,
  type ShipmentRequest,
} from '#subgraphs/shipping/domain/shipment.ts'

/** The key of the command, which is unique within the service, and what goes beside its events. */
type CommandKey = Pick<CommandContext, 'key' | 'meta'>
export type NewShipment = Omit<ShipmentRequest, 'shipmentId' | 'at'>

/** `shipment` is the state just written; `position` is what a reader must have reached to see it. */
export type ShipmentResult =
  | { readonly status: 'accepted'; readonly shipment: ExistingShipment; readonly position: number }
  | { readonly status: 'refused'; readonly refusal: ShipmentRefusal; readonly position: number }

/** `before` is the status of the shipment when the notice came, `refusal` why the notice was not recorded. */
export type NoticeResult = {
  readonly before: Shipment['status']
  readonly changed: boolean
  readonly refusal?: ShipmentRefusal['code']
}

export type CommandDependencies = {
  readonly shipments: ShipmentRepository
  readonly carrier: Carrier
  readonly now: () => Date
}

/**
 * Requests a shipment and books its label. A repeat goes on where the first try stopped, with the same id, and never
 * books twice. Throws UNAVAILABLE while the carrier does not respond: the shipment stays requested meanwhile. A
 * carrier that refuses leaves it REFUSED.
 */
export async function createShipment(
  dependencies: CommandDependencies,
  wanted: NewShipment,
  command: CommandKey,
): Promise<ShipmentResult> {
  const { shipments, carrier, now } = dependencies
  const fresh = { ...wanted, shipmentId: newId('shipment'), at: now().toISOString() }
  const handled = await shipments.handle(
    fresh.shipmentId,
    { ...command, body: wanted, creates: true },
    state => request(state, fresh),
    { shipmentId: fresh.shipmentId },
  )
  if (handled.status === 'refused') return handled
  const state = handled.repeated ? (await shipments.load(shipmentIdIn(handled.outcome))).state : handled.state
  const shipment = requireShipment(state)
  if (shipment.status === 'REQUESTED') return book(dependencies, { id: shipment.id, wanted }, command)
  if (shipment.status === 'CANCELLED') await carrier.cancel(shipment.id) // a label may have been booked meanwhile
  return { status: 'accepted', shipment, position: handled.position }
}

async function book(
  dependencies: CommandDependencies,
  { id, wanted }: { readonly id: string; readonly wanted: NewShipment },
  command: CommandKey,
): Promise<ShipmentResult> {
  const { carrier, now } = dependencies
  const { option, weightGrams, address, instructions } = wanted
  const response = await carrier.book({ reference: id, option, weightGrams, address, instructions })
  const at = now().toISOString()
  const context = command.meta ? { meta: command.meta } : {}
  const result = await handle(dependencies, { id, context }, state =>
    response.status === 'booked' ? label(state, response, at) : refuseBooking(state, response, at),
  )
  const cancelled = result.status === 'accepted' && result.shipment.status === 'CANCELLED'
  if (cancelled && response.status === 'booked') await carrier.cancel(id)
  return result
}

/** Refused with SHIPMENT_DISPATCHED once the carrier has the parcel, even if only its response says so. */
export async function cancelShipment(
  dependencies: CommandDependencies,
  id: string,
  command: CommandKey,
): Promise<ShipmentResult> {
  const { status } = requireShipment(await claimKey(dependencies, id, command))
  const isOpen = status === 'REQUESTED' || status === 'LABELLED'
  const response = isOpen ? await dependencies.carrier.cancel(id) : 'cancelled'
  const at = dependencies.now().toISOString()
  const context = { ...command, body: id }
  return handle(dependencies, { id, context }, state => cancel(state, response, at))
}

/** Has the carrier collect a labelled shipment now. */
export async function dispatchShipment(
  dependencies: CommandDependencies,
  id: string,
  command: CommandKey,
): Promise<ShipmentResult> {
  const { status } = await claimKey(dependencies, id, command)
  const response = status === 'LABELLED' ? await dependencies.carrier.collect(id) : 'unknown'
  const at = dependencies.now().toISOString()
  const context = { ...command, body: id }
  return handle(dependencies, { id, context }, state => dispatch(state, response, at))
}

/** Records a notice of the carrier. One about another parcel changes nothing. */
export async function recordNotice(
  { shipments }: Pick<CommandDependencies, 'shipments'>,
  { id, notice }: { readonly id: string; readonly notice: Notice },
  command: CommandKey,
): Promise<NoticeResult> {
  const handled = await shipments.handle(id, { ...command, body: id }, state => note(state, notice))
  const result = handled.repeated
    ? { before: (await shipments.load(id)).state.status, changed: false }
    : { before: handled.before.status, changed: handled.events.length > 0 }
  return handled.status === 'refused' ? { ...result, refusal: handled.refusal.code } : result
}

/** Ties the key to its body before the call to the carrier, so that a reused key has no effect outside. */
async function claimKey(
  { shipments }: CommandDependencies,
  id: string,
  { key, ...command }: CommandKey,
): Promise<Shipment> {
  const context = { ...command, key: `${key}:asked`, body: id }
  const handled = await shipments.handle(id, context, () => ({ accepted: [] }))
  return handled.repeated ? (await shipments.load(id)).state : handled.state
}

/** Decides on the shipment, appends, and returns the state after it. */
async function handle(
  { shipments }: CommandDependencies,
  { id, context }: { readonly id: string; readonly context: CommandContext | DecisionContext },
  decide: (state: Shipment) => Decision<ShipmentEvent, ShipmentRefusal>,
): Promise<ShipmentResult> {
  const handled = await shipments.handle(id, context, decide)
  if (handled.status === 'refused') return handled
  const state = handled.repeated ? (await shipments.load(id)).state : handled.state
  return { status: 'accepted', shipment: requireShipment(state), position: handled.position }
}

function requireShipment(state: Shipment): ExistingShipment {
  if (state.status === 'ABSENT') throw new CallerError('NOT_FOUND', 'There is no such shipment.')
  return state
}

function shipmentIdIn(outcome: Json): string {
  if (isObject(outcome) && 'shipmentId' in outcome) return String(outcome.shipmentId)
  throw new CallerError('CONFLICT', 'The idempotency key belongs to another command.')
}
