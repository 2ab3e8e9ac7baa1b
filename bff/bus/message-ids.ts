// Which order and which customer a message of the bus is about. Pure.
import { isId, siblingId } from '#platform/domain/ids.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'

/** The order that a message is about: its own stream, the order that its data names, or its payment's. */
export function orderIdOf(message: Pick<BusMessage, 'stream' | 'data'>): string | undefined {
  const { orderId } = message.data
  if (typeof orderId === 'string' && isId('order', orderId)) return orderId
  const id = message.stream.slice(message.stream.indexOf('-') + 1)
  if (isId('order', id)) return id
  return isId('payment', id) ? siblingId('order', id) : undefined
}

/** The customer that a message names, whose order it is about. */
export function customerIdOf(message: Pick<BusMessage, 'data'>): string | undefined {
  const { customerId } = message.data
  return typeof customerId === 'string' && customerId !== '' ? customerId : undefined
}
