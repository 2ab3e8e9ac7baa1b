// Builds events of fulfilments for given/when/then tests, and returns the effects of the last one.
import type { JsonObject } from '#platform/domain/json.ts'
import type { Effect, StepEvent } from '#platform/saga/saga.ts'
import type { SkuQuantity } from '#subgraphs/orders/domain/events.ts'
import {
  type Fulfilment,
  type FulfilmentInput,
  type FulfilmentOrder,
  fulfilment,
} from '#subgraphs/orders/fulfilment/fulfilment.ts'

export type HistoryEvent = FulfilmentInput | StepEvent
export const AT = '2026-03-01T12:00:00.000Z'

export function eur(minor: number): { minor: number; currency: string } {
  return { minor, currency: 'EUR' }
}

/** 3 mugs at 10.00 and a lamp at 50.00, with a fee of 5.00: 85.00. */
export const order: FulfilmentOrder = {
  orderId: 'ord_1',
  customerId: 'cus_1',
  lines: [
    { sku: 'MUG', quantity: 3, unitPrice: { minor: 1000, currency: 'EUR' }, weightGrams: 300 },
    { sku: 'LAMP', quantity: 1, unitPrice: { minor: 5000, currency: 'EUR' }, weightGrams: 2000 },
  ],
  total: { minor: 8500, currency: 'EUR' },
  goodsTotal: { minor: 8000, currency: 'EUR' },
  tenders: [{ kind: 'CARD', token: 'tok_visa', amount: { minor: 8500, currency: 'EUR' } }],
  option: 'STANDARD',
  address: { name: 'A. Person', line1: 'Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' },
}

/** Two mugs and the lamp from BER, the third mug from MUC: 70.00 and 10.00, and by weight 4.48 and 0.52 of the fee. */
export const twoWarehouses = {
  allocations: [
    { sku: 'MUG', warehouse: 'BER', quantity: 2 },
    { sku: 'MUG', warehouse: 'MUC', quantity: 1 },
    { sku: 'LAMP', warehouse: 'BER', quantity: 1 },
  ],
}
export const oneWarehouse = {
  allocations: [
    { sku: 'MUG', warehouse: 'BER', quantity: 3 },
    { sku: 'LAMP', warehouse: 'BER', quantity: 1 },
  ],
}

export const started: HistoryEvent = {
  type: 'FulfilmentStarted',
  data: { order, captureAt: 'label', at: AT },
}
/** The start of an order of which there was so much in stock that its payment is authorised beside the hold. */
export const startedAmple: HistoryEvent = {
  type: 'FulfilmentStarted',
  data: { order, captureAt: 'label', ampleStock: true, at: AT },
}
export const cancelled: HistoryEvent = { type: 'CancellationRequested', data: { at: AT } }
export const approved: HistoryEvent = { type: 'PaymentApproved', data: { at: AT } }
export const rejected: HistoryEvent = {
  type: 'PaymentRejected',
  data: { code: 'NOT_APPROVED', message: 'The bank said no.', at: AT },
}
export const timedOut: HistoryEvent = { type: 'TimerFired', data: { timer: 'approval', at: AT } }

export function startedWith(changes: Partial<FulfilmentOrder>): HistoryEvent {
  return { type: 'FulfilmentStarted', data: { order: { ...order, ...changes }, captureAt: 'label', at: AT } }
}

/** The start of a history that an older build began, without the price of the goods and the time of the capture. */
export function startedByOlderBuild(changes: Partial<FulfilmentOrder> = {}): HistoryEvent {
  const { goodsTotal: _, ...older } = order
  return { type: 'FulfilmentStarted', data: { order: { ...older, ...changes }, at: AT } }
}

export function ok(step: string, result: JsonObject = {}): HistoryEvent {
  return { type: 'StepSucceeded', data: { step, result, at: AT } }
}

export function refused(step: string, code = 'REFUSED', details: JsonObject = {}): HistoryEvent {
  return { type: 'StepRefused', data: { step, code, message: `${code} said.`, details, at: AT } }
}

export function failed(step: string): HistoryEvent {
  return { type: 'StepFailed', data: { step, error: 'no answer', at: AT } }
}

export function dispatched(shipmentId: string): HistoryEvent {
  return { type: 'ShipmentDispatched', data: { shipmentId, at: AT } }
}

export function delivered(shipmentId: string): HistoryEvent {
  return { type: 'ShipmentDelivered', data: { shipmentId, at: AT } }
}

export function lost(shipmentId: string): HistoryEvent {
  return { type: 'ShipmentLost', data: { shipmentId, at: AT } }
}

export function returned(
  returnId: string,
  minor: number,
  lines: readonly SkuQuantity[] = [{ sku: 'MUG', quantity: 1 }],
): HistoryEvent {
  return { type: 'ReturnReceived', data: { returnId, lines, refund: { minor, currency: 'EUR' }, at: AT } }
}

export function settled(movementId: string): HistoryEvent {
  return { type: 'MovementSettled', data: { movementId, at: AT } }
}

export function writtenOff(movementId: string, outstanding: number): HistoryEvent {
  return { type: 'MovementWrittenOff', data: { movementId, outstanding, at: AT } }
}

export function dropped(movementId: string, outstanding: number): HistoryEvent {
  return { type: 'MovementDropped', data: { movementId, outstanding, at: AT } }
}

export const held = [started, ok('reserve-stock', twoWarehouses)]
export const awaitingApproval = [...held, ok('authorise-payment', { pending: true }), ok('await-approval')]
export const authorised = [...held, ok('authorise-payment', { pending: false })]
export const confirmed = [...authorised, ok('commit-stock'), ok('confirm-order')]
export const labelled = [
  ...confirmed,
  ok('create-shipment:BER', { shipmentId: 'shp_b' }),
  ok('create-shipment:MUC', { shipmentId: 'shp_m' }),
]

/** The same of an order whose money is taken when its parcels leave. */
export const labelledUnpaid: HistoryEvent[] = [
  { type: 'FulfilmentStarted', data: { order, captureAt: 'dispatch', at: AT } },
  ...labelled.slice(1),
]

/** The labels are there, and the money is taken. */
export const paid = [...labelled, ok('capture:shp_b'), ok('capture:shp_m')]

/** A dispatch, and the answers to what it asks for. */
export function dispatchedAndNoted(shipmentId: string): HistoryEvent[] {
  return [dispatched(shipmentId), ok(`ship-stock:${shipmentId}`), ok(`note-shipped:${shipmentId}`)]
}

export function dispatchedAndTaken(shipmentId: string): HistoryEvent[] {
  return [...dispatchedAndNoted(shipmentId), ok(`capture:${shipmentId}`)]
}

export function deliveredAndNoted(shipmentId: string): HistoryEvent[] {
  return [delivered(shipmentId), ok(`note-delivered:${shipmentId}`)]
}

export type Replay = {
  readonly state: Fulfilment
  /** The effects of the last event. */
  readonly effects: readonly Effect[]
  /** Those of all events, in order. */
  readonly all: readonly Effect[]
  readonly phase: 'running' | 'compensating' | 'ended'
}

export function replay(...events: readonly HistoryEvent[]): Replay {
  let state = fulfilment.initial
  let effects: readonly Effect[] = []
  const all: Effect[] = []
  for (const event of events) {
    state = fulfilment.evolve(state, event)
    effects = fulfilment.react(state, event)
    all.push(...effects)
  }
  return { state, effects, all, phase: fulfilment.phase(state) }
}

/** `reserve-stock`, or `start-timer approval`. */
export function names(effects: readonly Effect[]): string[] {
  return effects.map(effect => (effect.kind === 'call' ? effect.step : `${effect.kind} ${effect.timer}`))
}

/** Returns the effects of the last of `events`, by name. */
export function effectsOf(...events: readonly HistoryEvent[]): string[] {
  return names(replay(...events).effects)
}

/** Returns the input of the call of `step`. */
export function inputOf(replayed: Replay, step: string): JsonObject | undefined {
  const found = replayed.all.find(effect => effect.kind === 'call' && effect.step === step)
  return found?.kind === 'call' ? found.input : undefined
}
