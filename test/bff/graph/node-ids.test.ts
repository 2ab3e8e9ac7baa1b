import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fulfilmentId, lineId, nodeKeyOf, productId } from '#bff/graph/node-ids.ts'
import { ID_PREFIXES, newId } from '#platform/domain/ids.ts'

test('a product is found by its id, whatever its SKU looks like', () => {
  const sku = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$/)
  fc.assert(
    fc.property(sku, text => {
      expect(nodeKeyOf(productId(text))).toEqual({ kind: 'product', sku: text })
    }),
  )
  expect(nodeKeyOf(productId(newId('order')))?.kind).toBe('product')
})

test('a fulfilment is found by the id that it shares the UUID of its order with', () => {
  const orderId = newId('order')
  expect(nodeKeyOf(fulfilmentId(orderId))).toEqual({ kind: 'fulfilment', orderId })
})

test('each id that the services give says its own kind', () => {
  for (const kind of Object.keys(ID_PREFIXES)) {
    const prefix = new Map(Object.entries(ID_PREFIXES)).get(kind)
    const id = `${prefix}_${newId('order').slice(4)}`
    expect(nodeKeyOf(id)).toEqual({ kind, id })
  }
})

test('things of one order have different ids', () => {
  const orderId = newId('order')
  const ids = [orderId, fulfilmentId(orderId), lineId(orderId, 1), lineId(orderId, 11), productId(orderId)]
  expect(new Set(ids).size).toBe(ids.length)
})

test.each(['', 'prd_', 'ord_', 'ful_x', 'ord_0190a5b2', 'prd_a b', 'constructor', 'lin_x_1'])(
  'finds nothing by %j',
  id => {
    expect(nodeKeyOf(id)).toBeUndefined()
  },
)
