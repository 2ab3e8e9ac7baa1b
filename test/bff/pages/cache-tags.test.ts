import { expect, test } from 'vitest'
import { tagsOf } from '#bff/pages/cache-tags.ts'
import { newId, siblingId } from '#platform/domain/ids.ts'
import type { JsonObject } from '#platform/domain/json.ts'

const ORDER = newId('order')
const CUSTOMER = newId('customer')

function tags(topic: string, stream: string, type: string, data: JsonObject = {}): readonly string[] {
  const message = { topic, stream, type, data, position: 1, eventId: 'e', version: 1, meta: {}, at: '' }
  return tagsOf(message).toSorted()
}

test('placing an order changes the tags of the order, its customer’s orders and all orders', () => {
  const data = { orderId: ORDER, customer: { id: CUSTOMER, name: 'N', email: 'e' } }
  expect(tags('orders', `order-${ORDER}`, 'OrderPlaced', data)).toEqual([
    'operations',
    `order:${ORDER}`,
    'orders',
    `orders-of:${CUSTOMER}`,
  ])
})

test('each later event of an order changes the same tags', () => {
  const data = { orderId: ORDER, customerId: CUSTOMER }
  expect(tags('orders', `order-${ORDER}`, 'OrderConfirmed', data)).toContain(`orders-of:${CUSTOMER}`)
})

test('a customer’s event changes the tags of the customer, and of no order', () => {
  expect(tags('orders', `customer-${CUSTOMER}`, 'CustomerChanged')).toEqual([
    `customer:${CUSTOMER}`,
    'operations',
  ])
})

test('reserving stock changes the tags of the product, the catalogue and the order', () => {
  const data = { orderId: ORDER, customerId: CUSTOMER, sku: 'MUG-1' }
  expect(tags('inventory', 'stock-MUG-1', 'StockReserved', data)).toEqual([
    'catalogue',
    'operations',
    `order:${ORDER}`,
    'product:MUG-1',
  ])
})

test.each([
  ['payment', `payment-${siblingId('payment', ORDER)}`],
  ['shipping', `shipment-${newId('shipment')}`],
])('an event of %s changes the tag of the order, and of no list', (topic, stream) => {
  expect(tags(topic, stream, 'Happened', { orderId: ORDER })).toEqual(['operations', `order:${ORDER}`])
})

test.each(['ProductAdded', 'ProductDescribed', 'PriceChanged'])(
  '%s changes the assortment, because lists are filtered and sorted by what it changes',
  type => {
    expect(tags('inventory', 'stock-MUG-1', type, { sku: 'MUG-1' })).toEqual([
      'assortment',
      'catalogue',
      'operations',
      'product:MUG-1',
    ])
  },
)
