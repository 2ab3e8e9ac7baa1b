// Tests order changes on a real read model: pages past a position miss none while documents are written out of order.
import { afterAll, beforeEach, expect, test } from 'vitest'
import type { Viewer } from '#platform/auth/viewer.ts'
import { newId } from '#platform/domain/ids.ts'
import { createRequestContext } from '#platform/graphql/context.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import { absent, evolve } from '#subgraphs/orders/domain/order.ts'
import { createChangeQueries } from '#subgraphs/orders/queries/changes.ts'
import { type OrderDoc, ordersView } from '#subgraphs/orders/queries/views.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { CUSTOMER_ID, must, placedEvent } from '#test/subgraphs/orders/domain/order-fixture.ts'

const open = new AsyncDisposableStack()
afterAll(() => open.disposeAsync())

const ada: Viewer = { role: 'customer', subject: CUSTOMER_ID }
const eve: Viewer = { role: 'customer', subject: newId('customer') }
const sam: Viewer = { role: 'support', subject: 'sam' }
const state = { shown: 0, head: 0 }
let orders: Collection<OrderDoc>

beforeEach(async () => {
  const readModels = open.use(await openReadModels(await freshDatabase()))
  orders = await readModels.collection(ordersView.collection)
  Object.assign(state, { shown: 0, head: 0 })
})

/** The order's last change is at `changedAt`, and its document is written. */
async function write(id: string, changedAt: number): Promise<void> {
  const doc = { ...must(evolve(absent, placedEvent({ orderId: id }))), stage: 'OPEN' as const, changedAt }
  await orders.write([{ id, doc, position: changedAt }])
  state.head = Math.max(state.head, changedAt)
}

async function ask(after: string, first = 100, viewer: Viewer | undefined = ada) {
  const facts = { viewer, token: undefined, requestId: 'r', traceparent: undefined, required: {} }
  const dependencies = { views: { orders }, shown: async () => state.shown, head: async () => state.head }
  const { nodes, ...rest } = await createChangeQueries(dependencies).orderChanges(
    null,
    { after, first },
    createRequestContext(facts),
  )
  return { ids: nodes.map(({ id }) => id), ...rest }
}

test('changes are listed oldest first, each order once, page by page up to the view’s position', async () => {
  const [a, b, c] = [newId('order'), newId('order'), newId('order')]
  for (const [at, id] of [a, b, c, a].entries()) await write(id, (at + 1) * 10)
  state.shown = 45
  expect(await ask('0', 2)).toEqual({ ids: [b, c], position: '30', hasMore: true })
  expect(await ask('30', 2)).toEqual({ ids: [a], position: '45', hasMore: false })
  expect(await ask('45', 2)).toEqual({ ids: [], position: '45', hasMore: false })
  expect(await ask('0', 2, eve)).toEqual({ ids: [], position: '45', hasMore: false })
  expect(await ask('30', 2, sam)).toMatchObject({ ids: [a] })
})

test('a later document that is visible before an earlier one does not move the position past it', async () => {
  const [early, late] = [newId('order'), newId('order')]
  state.shown = 10
  await write(late, 12)
  const seen = await ask('5')
  expect(seen).toEqual({ ids: [late], position: '10', hasMore: false })
  await write(early, 11)
  state.shown = 12
  expect(await ask(seen.position)).toEqual({ ids: [early, late], position: '12', hasMore: false })
})

test('staff that are far behind get every change once, oldest first, page by page', async () => {
  const positions = [10, 19_999, 20_000, 20_001, 90_000, 150_000]
  const ids = positions.map(() => newId('order'))
  for (const [index, at] of positions.entries()) await write(ids[index] ?? '', at)
  state.shown = 150_000
  const seen: string[] = []
  let page = { ids: seen, position: '0', hasMore: true }
  while (page.hasMore) {
    page = await ask(page.position, 2, sam)
    expect(page.ids).not.toEqual([])
    seen.push(...page.ids)
  }
  expect(seen).toEqual(ids)
  expect(page.position).toBe('150000')
})

test('a page that finds no order for long is empty, and the next one goes on after it', async () => {
  const id = newId('order')
  await write(id, 990_000)
  state.shown = 990_000
  const positions: number[] = []
  let page = await ask('0', 2, sam)
  for (; page.ids.length === 0; page = await ask(page.position, 2, sam)) {
    expect(page.hasMore).toBe(true)
    positions.push(Number(page.position))
  }
  expect(positions).toEqual([420_000, 840_000])
  expect(page).toEqual({ ids: [id], position: '990000', hasMore: false })
})

test('a reader at the view’s position gets no further page', async () => {
  const [one, two] = [newId('order'), newId('order')]
  await write(one, 11)
  await write(two, 12)
  state.shown = 10
  expect(await ask('5', 1)).toEqual({ ids: [one], position: '10', hasMore: true })
  expect(await ask('10', 1)).toEqual({ ids: [one], position: '10', hasMore: false })
})

test.each([
  ['', 100],
  ['-1', 100],
  ['1.5', 100],
  ['9999999999999999', 100],
  ['99', 100], // nothing stands there yet
  ['0', 0],
  ['0', 501],
])('a position %j, or a page of %s, is refused', async (after, first) => {
  state.head = 98
  await expect(ask(after, first)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
})
