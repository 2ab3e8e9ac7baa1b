import { describe, expect, test } from 'vitest'
import { customerIdOf, orderIdOf } from '#bff/bus/message-ids.ts'
import { newId, siblingId } from '#platform/domain/ids.ts'

const ORDER = newId('order')

describe('a message is about the order', () => {
  const shipment = newId('shipment')
  test.each<[string, string, Record<string, string>, string | undefined]>([
    ['whose stream it is of', `order-${ORDER}`, {}, ORDER],
    ['that its data names', `shipment-${shipment}`, { orderId: ORDER }, ORDER],
    ['whose payment it is of', `payment-${siblingId('payment', ORDER)}`, {}, ORDER],
    ['or none: a product', 'stock-mug', {}, undefined],
    ['or none: a stream with dashes that is no id', 'stock-ord_-x', {}, undefined],
    ['or none: an order id that is none', 'stock-mug', { orderId: 'ord_1' }, undefined],
  ])('%s', (_what, stream, data, orderId) => {
    expect(orderIdOf({ stream, data })).toBe(orderId)
  })
})

test('a message is about the customer in its data, if any', () => {
  expect(customerIdOf({ data: { customerId: 'cus_1' } })).toBe('cus_1')
  expect(customerIdOf({ data: { customerId: 7 } })).toBeUndefined()
  expect(customerIdOf({ data: { customerId: '' } })).toBeUndefined()
  expect(customerIdOf({ data: {} })).toBeUndefined()
})
