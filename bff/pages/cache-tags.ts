// Maps events to cache tags: each tag names the cached pages that an event may change.
import { orderIdOf } from '#bff/bus/message-ids.ts'
import { isObject, type JsonObject } from '#platform/domain/json.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'

/** The tags under which pages are cached. */
export const tag = {
  /** Changes with anything that happens to the order, in any service. */
  order: (id: string) => `order:${id}`,
  /** Changes with every event of topic orders that is about an order. */
  orders: 'orders',
  /** Changes with every event of topic orders about an order of the customer, a new one included. */
  ordersOf: (customerId: string) => `orders-of:${customerId}`,
  customer: (id: string) => `customer:${id}`,
  /** Changes with the product and its stock. */
  product: (sku: string) => `product:${sku}`,
  /** Changes with any product and its stock. */
  catalogue: 'catalogue',
  /** Changes with every new product, and with every change of what lists are sorted and filtered by, except stock. */
  assortment: 'assortment',
  /** Changes with every event. */
  operations: 'operations',
} as const

const CUSTOMER = 'customer-'
const STOCK = 'stock-'
/** The events of inventory that change which products a list has, or their order, whatever is in stock. */
const LISTED_FACTS: ReadonlySet<string> = new Set(['ProductAdded', 'ProductDescribed', 'PriceChanged'])

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
    if (LISTED_FACTS.has(message.type)) tags.push(tag.assortment)
    if (stream.startsWith(STOCK)) tags.push(tag.product(stream.slice(STOCK.length)))
  }
  return tags
}

/** Returns the customer that an event of topic orders names: every one does, and the first holds the whole customer. */
function ownerOf({ customerId, customer }: JsonObject): string | undefined {
  if (typeof customerId === 'string') return customerId
  const id = isObject(customer) ? customer.id : undefined
  return typeof id === 'string' ? id : undefined
}
