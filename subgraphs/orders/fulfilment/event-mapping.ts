// Maps events of orders, payment and shipping to inputs of the fulfilment saga, and delivers them.
import { z } from 'zod'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import type { Append, AppendResult, EventMeta, RecordedEvent } from '#platform/event-store/event-store.ts'
import type { SagaRunner } from '#platform/saga/saga.ts'
import { orderEventOf } from '#subgraphs/orders/domain/aggregate.ts'
import type { OrderPlaced } from '#subgraphs/orders/domain/events.ts'
import { goodsTotal } from '#subgraphs/orders/domain/money-back.ts'
import type { FulfilmentInput } from '#subgraphs/orders/fulfilment/fulfilment.ts'
import type { CaptureAt } from '#subgraphs/orders/fulfilment/state.ts'

/** `id` is the id of the event that caused the input, so an input that is delivered twice counts once. */
type SagaInput = {
  readonly sagaId: string
  readonly id: string
  readonly event: FulfilmentInput
  readonly meta: EventMeta
}

/** Settings of fulfilments that start now. Each fulfilment stores its own, so a change does not affect those under way. */
export type FulfilmentSettings = {
  readonly approvalTimeoutMs?: number
  readonly reservationMs?: number
  readonly captureAt?: CaptureAt
}

/** Returns the saga input for an event of an order, or undefined when the fulfilment does not need the event. */
export function inputFromOrder(recorded: RecordedEvent, settings: FulfilmentSettings): SagaInput | undefined {
  const event = orderEventOf(recorded)
  if (!event) return undefined
  const input = (fulfilmentInput: FulfilmentInput): SagaInput => ({
    sagaId: event.data.orderId,
    id: recorded.id,
    event: fulfilmentInput,
    meta: causedBy(recorded.id, recorded.meta),
  })
  switch (event.type) {
    case 'OrderPlaced':
      return input(startOf(event.data, settings))
    case 'CancellationRequested':
      return input({ type: 'CancellationRequested', data: { at: event.data.at } })
    case 'ReturnReceived': {
      const { returnId, lines, refund, at } = event.data
      return input({ type: 'ReturnReceived', data: { returnId, lines, refund, at } })
    }
    case 'PaymentApprovalAwaited':
    case 'OrderConfirmed':
    case 'CancellationRejected':
    case 'OrderCancelled':
    case 'OrderShipped':
    case 'OrderShipmentLost':
    case 'LossRefunded':
    case 'OrderRefunded':
    case 'OrderDelivered':
    case 'OrderCompleted':
    case 'ReturnRequested':
    case 'ReturnRejected':
    case 'ReturnRefunded':
    case 'DebtRecorded':
    case 'DebtResolved':
      return undefined
  }
}

/** Makes the append that places an order, together with the start of its fulfilment where the runner can. */
export function placeWithStart(
  sagas: Pick<SagaRunner<FulfilmentInput>, 'start'>,
  settings: FulfilmentSettings,
  { append, placed }: { readonly append: Append; readonly placed: OrderPlaced },
): Promise<AppendResult> {
  const meta = requestOf(append.meta ?? {})
  return sagas.start(placed.orderId, append, { ...startOf(placed, settings), meta })
}

function startOf(placed: OrderPlaced, settings: FulfilmentSettings): FulfilmentInput {
  const { orderId, customer, lines, total, tenders, shippingOption, deliveryAddress, instructions } = placed
  const { placedAt: at, ampleStock } = placed
  const data = {
    ...settings,
    at,
    ...(ampleStock !== undefined && { ampleStock }),
    order: {
      orderId,
      customerId: customer.id,
      lines: lines.map(({ sku, quantity, unitPrice, weightGrams }) => ({
        sku,
        quantity,
        unitPrice,
        weightGrams,
      })),
      total,
      goodsTotal: { ...total, minor: goodsTotal(placed) },
      tenders,
      option: shippingOption,
      address: deliveryAddress,
      ...(instructions !== undefined && { instructions }),
    },
  }
  return { type: 'FulfilmentStarted', data }
}

const ofOrder = z.object({ orderId: z.string() })
const ofMovement = ofOrder.extend({ movementId: z.string() })
const ofMovementLeft = ofMovement.extend({ amount: z.object({ minor: z.int() }) })
const ofShipment = ofOrder.extend({ shipmentId: z.string() })
/** `awaited` is false when the answer to the authorisation said the same; older builds left it out. */
const ofVerdict = ofOrder.extend({ awaited: z.boolean().default(true) })
const ofDecline = ofVerdict.extend({ code: z.string(), message: z.string(), retryable: z.boolean() })

type SagaEvent = Pick<SagaInput, 'sagaId' | 'event'>

/**
 * Each reader parses an event's data into the input of one saga, or into nothing when the saga was told by the answer to
 * its call. Throws a `ZodError` when the data is invalid.
 */
const READERS: Readonly<Record<string, (message: BusMessage) => SagaEvent | undefined>> = {
  PaymentAuthorised({ data, at }) {
    const { orderId, awaited } = ofVerdict.parse(data)
    return awaited ? { sagaId: orderId, event: { type: 'PaymentApproved', data: { at } } } : undefined
  },
  PaymentDeclined({ data, at }) {
    const { orderId, awaited, ...decline } = ofDecline.parse(data)
    return awaited
      ? { sagaId: orderId, event: { type: 'PaymentRejected', data: { ...decline, at } } }
      : undefined
  },
  MovementSettled: ({ data, at }) => {
    const { orderId, movementId } = ofMovement.parse(data)
    return { sagaId: orderId, event: { type: 'MovementSettled', data: { movementId, at } } }
  },
  MovementWrittenOff: message => movementLeft('MovementWrittenOff', message),
  MovementDropped: message => movementLeft('MovementDropped', message),
  ShipmentDispatched: message => shipmentNews('ShipmentDispatched', message),
  ShipmentDelivered: message => shipmentNews('ShipmentDelivered', message),
  ShipmentLost: message => shipmentNews('ShipmentLost', message),
}

function movementLeft(type: 'MovementWrittenOff' | 'MovementDropped', { data, at }: BusMessage) {
  const { orderId, movementId, amount } = ofMovementLeft.parse(data)
  return { sagaId: orderId, event: { type, data: { movementId, outstanding: amount.minor, at } } }
}

function shipmentNews(
  type: 'ShipmentDispatched' | 'ShipmentDelivered' | 'ShipmentLost',
  { data, at }: BusMessage,
) {
  const { orderId, shipmentId } = ofShipment.parse(data)
  return { sagaId: orderId, event: { type, data: { shipmentId, at } } }
}

/**
 * Returns the saga input for an event of payment or shipping, or undefined when the fulfilment does not need it. An event
 * that cannot be parsed is skipped and passed to `onUnreadable`, so that it does not block other orders.
 */
export function inputFromBus(
  message: BusMessage,
  onUnreadable: (message: BusMessage, error: unknown) => void,
): SagaInput | undefined {
  const read = Object.hasOwn(READERS, message.type) ? READERS[message.type] : undefined
  if (!read) return undefined
  try {
    const input = read(message)
    return input && { ...input, id: message.eventId, meta: causedBy(message.eventId, message.meta) }
  } catch (error) {
    onUnreadable(message, error)
    return undefined
  }
}

function causedBy(causationId: string, meta: EventMeta): EventMeta {
  return { causationId, ...requestOf(meta) }
}

/** Returns the request that an event belongs to, and its trace. */
function requestOf({ correlationId, traceparent }: EventMeta): EventMeta {
  return {
    ...(correlationId !== undefined && { correlationId }),
    ...(traceparent !== undefined && { traceparent }),
  }
}

/** Delivers `inputs` in order within an order, and side by side between orders. Resolves when all are durable. */
export async function deliverAll(
  sagas: Pick<SagaRunner<FulfilmentInput>, 'deliver'>,
  inputs: readonly SagaInput[],
): Promise<void> {
  const bySaga = Map.groupBy(inputs, input => input.sagaId)
  await Promise.all(
    [...bySaga.values()].map(async group => {
      for (const { sagaId, id, event, meta } of group) await sagas.deliver(sagaId, id, { ...event, meta })
    }),
  )
}
