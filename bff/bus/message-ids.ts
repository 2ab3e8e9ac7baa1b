// Finds the order and the customer that a message of the bus is about.
import { isId, siblingId } from '#platform/domain/ids.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'

/** Returns the order that the message's data names, whose stream it is of, or whose payment's stream it is of. */
export function orderIdOf(message: Pick<BusMessage, 'stream' | 'data'>): string | undefined {
  const { orderId } = message.data
  if (typeof orderId === 'string' && isId('order', orderId)) return orderId
  const id = message.stream.slice(message.stream.indexOf('-') + 1)
  if (isId('order', id)) return id
  return isId('payment', id) ? siblingId('order', id) : undefined
}

/** Returns the customer that the message's data names. */
export function customerIdOf(message: Pick<BusMessage, 'data'>): string | undefined {
  const { customerId } = message.data
  return typeof customerId === 'string' && customerId !== '' ? customerId : undefined
}
