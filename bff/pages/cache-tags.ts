// Which cached views an event touches, as tags. Pure.
import { orderIdOf } from '#bff/bus/message-ids.ts'
import { isObject, type JsonObject } from '#platform/domain/json.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'

/** The tags that views are kept under. */
export const tag = {
  /** Anything that happened to the order, in any service. */
  order: (id: string) => `order:${id}`,
  /** Any change of any order itself. */
  orders: 'orders',
  /** Any change of any order of the customer itself, a new one included. */
  ordersOf: (customerId: string) => `orders-of:${customerId}`,
  customer: (id: string) => `customer:${id}`,
  /** Anything that happened to the product or its stock. */
  product: (sku: string) => `product:${sku}`,
  /** Any change of any product or its stock. */
  catalogue: 'catalogue',
  /** A product that is new. */
  assortment: 'assortment',
  /** Anything at all. */
  operations: 'operations',
} as const

const CUSTOMER = 'customer-'
const STOCK = 'stock-'

export function tagsOf(message: BusMessage): readonly string[] {
  const { topic, stream, data } = message
  const tags: string[] = [tag.operations]
  const orderId = orderIdOf(message)
  if (orderId !== undefined) tags.push(tag.order(orderId))
  if (topic === 'orders') {
    if (stream.startsWith(CUSTOMER)) tags.push(tag.customer(stream.slice(CUSTOMER.length)))
    else tags.push(tag.orders)
    const owner = ownerOf(data)
    if (owner !== undefined) tags.push(tag.ordersOf(owner))
  }
  if (topic === 'inventory') {
    tags.push(tag.catalogue)
    if (message.type === 'ProductAdded') tags.push(tag.assortment)
    if (stream.startsWith(STOCK)) tags.push(tag.product(stream.slice(STOCK.length)))
  }
  return tags
}

/** Whose order an event of topic orders is about: each of them says so, the first one with the whole customer. */
function ownerOf({ customerId, customer }: JsonObject): string | undefined {
  if (typeof customerId === 'string') return customerId
  const id = isObject(customer) ? customer.id : undefined
  return typeof id === 'string' ? id : undefined
}
