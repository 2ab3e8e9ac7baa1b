import { readFile } from 'node:fs/promises'
import { buildSchema, isEnumType } from 'graphql'
import { expect, test } from 'vitest'
import { eventSource, eventType } from '#bff/graph/order-events.ts'
import { SUBGRAPHS } from '#platform/subgraph/names.ts'
import { ORDER_EVENT_TYPES } from '#subgraphs/orders/domain/events.ts'

test('every event of an order has a name of its own in the graph', () => {
  const names = ORDER_EVENT_TYPES.map(eventType)
  expect(names).not.toContain('OTHER')
  expect(new Set(names).size).toBe(ORDER_EVENT_TYPES.length)
})

test('an event of a newer service is OTHER', () => {
  expect(eventType('OrderGiftWrapped')).toBe('OTHER')
  expect(eventType('constructor')).toBe('OTHER')
})

test('every service is a source', () => {
  expect(SUBGRAPHS.map(eventSource)).toEqual(['ORDERS', 'INVENTORY', 'PAYMENT', 'SHIPPING'])
  expect(() => eventSource('billing')).toThrow(RangeError)
})

test('the enum of the web graph has each name', async () => {
  const schema = buildSchema(
    await readFile(new URL('../../../schema/bff-web.graphql', import.meta.url), 'utf8'),
  )
  const type = schema.getType('OrderEventType')
  const values = isEnumType(type) ? type.getValues().map(({ name }) => name) : []
  for (const name of ORDER_EVENT_TYPES) expect(values).toContain(eventType(name))
})
