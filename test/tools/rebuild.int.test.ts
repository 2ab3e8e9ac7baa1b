import { expect, test } from 'vitest'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import { startProjections } from '#platform/read-models/run-projections.ts'
import { customersView, ordersView } from '#subgraphs/orders/queries/views.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { runTool } from '#test/tools/run-tool.ts'

/** Returns what the tool prints on either stream. */
async function tool(url: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await runTool('rebuild.ts', args, { DATABASE_URL: url })
  return stdout || stderr
}

test('a corrupted view is rebuilt while its service runs', async () => {
  const url = await freshDatabase()
  await using store = await openPostgresEventStore({ url })
  await using readModels = await openReadModels(url)
  await using projections = await startProjections({ store, readModels, views: [ordersView, customersView] })
  const data = { customerId: 'cus_1', name: 'Zoë', email: 'zoe@example.org', at: '2026-01-01T00:00:00.000Z' }
  const events = [{ type: 'CustomerRegistered', data }]
  await store.append({ writes: [{ stream: 'customer-cus_1', expected: 0, events }] })
  await projections.reached(1, 20_000)
  const customers = projections.collection(customersView)
  const right = await customers.get('cus_1')
  await customers.write([{ id: 'cus_1', doc: null, position: 99 }])
  expect(await customers.get('cus_1')).toBeUndefined()

  expect(await tool(url, 'orders', 'customers')).toMatch(
    /^orders customers: rebuilt from 1 events in [\d.]+ s\n$/,
  )
  expect(await customers.get('cus_1')).toEqual(right)
  expect(right).toMatchObject({ name: 'Zoë' })

  const renamed = [{ type: 'CustomerChanged', data: { ...data, name: 'Zoé' } }]
  await store.append({ writes: [{ stream: 'customer-cus_1', expected: 1, events: renamed }] })
  expect(await projections.reached(2, 20_000)).toBe(true)
  expect(await customers.get('cus_1')).toMatchObject({ name: 'Zoé' })
})

test('every service has views to rebuild, and a wrong name is answered with the list', async () => {
  const printed = await Promise.all(
    ['orders', 'inventory', 'payment', 'shipping'].map(async service => tool(await freshDatabase(), service)),
  )
  for (const text of printed) expect(text).toMatch(/rebuilt from 0 events/)
  const url = await freshDatabase()
  expect(await tool(url, 'odrers')).toMatch(/SERVICE should be one of orders, inventory, payment, shipping/)
  expect(await tool(url, 'orders', 'custmers')).toMatch(/no view "custmers"; it has .*customers/)
})
