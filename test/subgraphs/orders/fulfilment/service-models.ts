// Models the services around a fulfilment: each executes its commands in memory and counts units and money.
import type { JsonObject } from '#platform/domain/json.ts'
import type { Effect } from '#platform/saga/saga.ts'
import { AT, failed, type HistoryEvent, ok, order, refused, twoWarehouses } from './fulfilment-fixture.ts'

type CallEffect = Extract<Effect, { kind: 'call' }>

/** A call that was asked for. `answer` is set once it was carried out, and reaches the saga later, if at all. */
export type Pending = { readonly call: CallEffect; answer?: HistoryEvent }

export type World = {
  /** Payment also publishes what it answers at once, as older builds of it do. */
  readonly announces: boolean
  payment: 'absent' | 'pending' | 'authorised' | 'declined' | 'voided'
  authorised: number
  captured: number
  voided: number
  refunded: number
  /** The requested and the captured amount by shipment, including refused movements that were settled. */
  bills: Map<string, { asked: number; taken: number }>
  /** Refunds by the shipment, return or debt that they are for. */
  refunds: Map<string, number>
  movements: Map<string, Movement>
  hold: 'none' | 'held' | 'committed' | 'gone'
  reserved: number
  shipped: number
  released: number
  shipments: Map<string, { warehouse: string; status: Shipment }>
  orders: string[]
  /** News that the saga must hear at least once; it may hear them in any order. */
  unheard: HistoryEvent[]
  heard: HistoryEvent[]
}
/** A movement of money that the provider refused, in whole or in part. */
export type Movement = {
  readonly kind: 'capture' | 'refund'
  /** The shipment, return or debt that it is for. */
  readonly id: string
  outstanding: number
  status: 'open' | 'settled' | 'written-off' | 'dropped'
}
type Shipment = 'labelled' | 'dispatched' | 'delivered' | 'lost' | 'cancelled'

export function newWorld(announces: boolean): World {
  return {
    announces,
    payment: 'absent',
    authorised: 0,
    captured: 0,
    voided: 0,
    refunded: 0,
    bills: new Map(),
    refunds: new Map(),
    movements: new Map(),
    hold: 'none',
    reserved: 0,
    shipped: 0,
    released: 0,
    shipments: new Map(),
    orders: [],
    unheard: [],
    heard: [],
  }
}

/** The outcomes that a service may choose for a call. */
export type Mood = 'willing' | 'unwilling' | 'hesitant'

/** Carries out `call` and returns its answer; a call that no order of events should make throws. */
export function perform(world: World, { step, command, input }: CallEffect, mood: Mood): HistoryEvent {
  switch (command) {
    case 'inventory.reserveStock':
      return reserve(world, step, mood)
    case 'inventory.commitReservation':
      return commit(world, step, mood)
    case 'inventory.releaseReservation':
      return release(world, step)
    case 'inventory.shipStock':
      return shipStock(world, step, input)
    case 'payment.authorisePayment':
      return authorise(world, step, mood)
    case 'payment.capturePayment':
      return capture(world, step, amountOf(input), mood)
    case 'payment.voidPayment':
      return voidPayment(world, step)
    case 'payment.refundPayment':
      return refund(world, step, amountOf(input), mood)
    case 'shipping.createShipment':
      return createShipment(world, step, mood)
    case 'shipping.cancelShipment':
      return cancelShipment(world, step)
  }
  world.orders.push(step)
  return ok(step)
}

function reserve(world: World, step: string, mood: Mood): HistoryEvent {
  if (mood === 'unwilling') return refused(step, 'INSUFFICIENT_STOCK', { shortages: [] })
  world.hold = 'held'
  world.reserved = 4
  return ok(step, twoWarehouses)
}

function commit(world: World, step: string, mood: Mood): HistoryEvent {
  if (mood === 'unwilling' && world.hold === 'held') {
    world.hold = 'gone'
    world.released = world.reserved
  }
  if (world.hold !== 'held') return refused(step, 'RESERVATION_EXPIRED')
  world.hold = 'committed'
  return ok(step)
}

function release(world: World, step: string): HistoryEvent {
  world.released = world.reserved - world.shipped
  world.hold = 'gone'
  return ok(step)
}

function shipStock(world: World, step: string, input: JsonObject): HistoryEvent {
  if (world.hold !== 'committed') throw new Error(`${step}: stock is ${world.hold}`)
  world.shipped += input.warehouse === 'BER' ? 3 : 1
  return ok(step)
}

function authorise(world: World, step: string, mood: Mood): HistoryEvent {
  if (world.payment === 'voided') return refused(step, 'PAYMENT_VOIDED')
  if (world.payment !== 'absent') throw new Error(`${step}: payment is ${world.payment}`)
  if (mood === 'unwilling') {
    deny(world, world.announces)
    return refused(step, 'PAYMENT_DECLINED', { retryable: false })
  }
  if (mood === 'hesitant') {
    world.payment = 'pending'
    return ok(step, { pending: true })
  }
  grant(world, world.announces)
  return ok(step, { pending: false })
}

const rejection: HistoryEvent = {
  type: 'PaymentRejected',
  data: { code: 'DECLINED', message: 'No.', at: AT },
}

/** The money is there from now on; the saga hears of it in time, if it is published. */
export function grant(world: World, isPublished = true): void {
  world.payment = 'authorised'
  world.authorised = order.total.minor
  if (isPublished) hearLater(world, { type: 'PaymentApproved', data: { at: AT } })
}

export function deny(world: World, isPublished = true): void {
  world.payment = 'declined'
  if (isPublished) hearLater(world, rejection)
}

/** Half-heartedly, half of it is taken. */
function capture(world: World, step: string, amount: number, mood: Mood): HistoryEvent {
  const left = world.authorised - world.captured - world.voided
  if (amount <= 0 || amount > left) throw new Error(`${step}: ${amount} of ${left}`)
  if (world.hold !== 'committed') throw new Error(`${step}: stock is ${world.hold}`)
  const id = step.slice('capture:'.length)
  const taken = carriedOut(amount, mood)
  world.captured += taken
  world.bills.set(id, { asked: amount, taken })
  return answerFor(world, step, { kind: 'capture', id, outstanding: amount - taken, status: 'open' })
}

function carriedOut(amount: number, mood: Mood): number {
  if (mood === 'willing') return amount
  return mood === 'hesitant' ? Math.floor(amount / 2) : 0
}

function answerFor(world: World, step: string, movement: Movement): HistoryEvent {
  const { outstanding } = movement
  if (outstanding === 0) return ok(step)
  const movementId = `mov_${step}`
  world.movements.set(movementId, movement)
  return refused(step, 'PROVIDER_DECLINED', { movementId, outstanding, retryable: false })
}

/** An operator has the money moved after all, or writes off the half of it that a retry leaves. */
export function settleMovement(world: World, movementId: string | undefined, isPaid: boolean): void {
  const movement = world.movements.get(movementId ?? '')
  if (movement?.status !== 'open' || movementId === undefined) return
  retry(world, movement, isPaid ? 'willing' : 'hesitant')
  movement.status = isPaid ? 'settled' : 'written-off'
  const { outstanding } = movement
  hearLater(
    world,
    isPaid
      ? { type: 'MovementSettled', data: { movementId, at: AT } }
      : { type: 'MovementWrittenOff', data: { movementId, outstanding, at: AT } },
  )
}

function retry(world: World, movement: Movement, mood: Mood): void {
  const { kind, id, outstanding } = movement
  const moved = carriedOut(outstanding, mood)
  movement.outstanding -= moved
  const bill = world.bills.get(id)
  if (kind === 'capture' && bill) {
    world.captured += moved
    bill.taken += moved
  } else payBack(world, id, moved)
}

function payBack(world: World, id: string, amount: number): void {
  world.refunded += amount
  world.refunds.set(id, (world.refunds.get(id) ?? 0) + amount)
}

function voidPayment(world: World, step: string): HistoryEvent {
  for (const [movementId, movement] of world.movements) {
    if (movement.kind !== 'capture' || movement.status !== 'open') continue
    retry(world, movement, 'hesitant')
    movement.status = 'dropped'
    const { outstanding } = movement
    hearLater(world, { type: 'MovementDropped', data: { movementId, outstanding, at: AT } })
  }
  world.voided = world.authorised - world.captured
  if (world.payment !== 'declined') world.payment = 'voided'
  return ok(step)
}

function refund(world: World, step: string, amount: number, mood: Mood): HistoryEvent {
  if (amount <= 0 || amount > world.captured - world.refunded)
    throw new Error(`${step}: ${amount} of ${world.captured - world.refunded}`)
  const id = step.slice('refund:'.length)
  const paid = carriedOut(amount, mood)
  payBack(world, id, paid)
  return answerFor(world, step, { kind: 'refund', id, outstanding: amount - paid, status: 'open' })
}

function createShipment(world: World, step: string, mood: Mood): HistoryEvent {
  if (mood === 'unwilling') return refused(step, 'CARRIER_REFUSED')
  const warehouse = step.slice('create-shipment:'.length)
  const shipmentId = `shp_${warehouse}`
  world.shipments.set(shipmentId, { warehouse, status: 'labelled' })
  return ok(step, { shipmentId })
}

function cancelShipment(world: World, step: string): HistoryEvent {
  const shipment = world.shipments.get(step.slice('cancel-shipment:'.length))
  if (!shipment) throw new Error(`${step}: no such shipment`)
  if (shipment.status !== 'labelled') return refused(step, 'SHIPMENT_DISPATCHED')
  shipment.status = 'cancelled'
  return ok(step)
}

/** The parcel's next move with the carrier, if it has one. */
export function moveShipment(world: World, shipmentId: string | undefined, isLost: boolean): void {
  const shipment = world.shipments.get(shipmentId ?? '')
  if (!shipment || shipmentId === undefined) return
  const data = { shipmentId, at: AT }
  if (shipment.status === 'labelled') {
    shipment.status = 'dispatched'
    hearLater(world, { type: 'ShipmentDispatched', data })
  } else if (shipment.status === 'dispatched') {
    shipment.status = isLost ? 'lost' : 'delivered'
    hearLater(world, { type: isLost ? 'ShipmentLost' : 'ShipmentDelivered', data })
  }
}

export function giveUpOn({ call }: Pending): HistoryEvent {
  return failed(call.step)
}

function hearLater(world: World, news: HistoryEvent): void {
  world.unheard.push(news)
}

function amountOf(input: JsonObject): number {
  const { amount } = input
  const isMoney = typeof amount === 'object' && amount !== null && 'minor' in amount
  return isMoney && typeof amount.minor === 'number' ? amount.minor : Number.NaN
}
