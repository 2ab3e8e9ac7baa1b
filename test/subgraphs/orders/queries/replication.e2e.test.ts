// Tests the queries of services that keep copies: orders by ids, and changes since a position.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '#platform/auth/viewer.ts'
import { newId } from '#platform/domain/ids.ts'
import {
  anOrder,
  type Data,
  keyed,
  PLACE,
  type Running,
  runSubgraphs,
  SUPPORT,
} from '#test/subgraphs/orders/orders-fixture.ts'

const SERVICE: Viewer = { role: 'service', subject: 'bff-mobile' }
let all: Running
let ada: Viewer
let eve: Viewer

beforeAll(async () => {
  all = await runSubgraphs()
  ;[ada, eve] = await Promise.all([all.newCustomer('Ada Byron'), all.newCustomer('Eve Moneypenny')])
  await all.addProduct('MUG', { 'BER-1': 1000 })
})

afterAll(() => all[Symbol.asyncDispose]())

async function place(viewer: Viewer) {
  const variables = anOrder('MUG', { deliveryInstructions: 'SANDBOX_HOLD' })
  const { data, consistency } = await all.request(viewer, PLACE, { variables })
  return { id: String(data.placeOrder.order.id), consistency }
}

describe('orders by their ids', () => {
  const BY_IDS = 'query($ids: [ID!]!) { ordersById(ids: $ids) { id customer { name } } }'
  const byIds = async (viewer: Viewer | undefined, ids: readonly string[], consistency?: string | null) =>
    all.request(viewer, BY_IDS, { variables: { ids }, consistency: consistency ?? null })

  test('are returned in the requested sequence, with null for those of other customers', async () => {
    const own = await place(ada)
    const foreign = await place(eve)
    const asked = [foreign.id, own.id, newId('order'), own.id]
    const seen = async (viewer: Viewer) =>
      (await byIds(viewer, asked, foreign.consistency)).data.ordersById.map(
        (order: Data) => order?.id ?? null,
      )
    expect(await seen(ada)).toEqual([null, own.id, null, own.id])
    expect(await seen(SUPPORT)).toEqual([foreign.id, own.id, null, own.id])
    expect(await seen(SERVICE)).toEqual([foreign.id, own.id, null, own.id])
    expect((await byIds(undefined, asked)).codes).toEqual(['UNAUTHENTICATED'])
  })

  test('are limited to 1 to 100 valid ids', async () => {
    const many = Array.from({ length: 101 }, () => newId('order'))
    for (const ids of [[], many, ['W1']])
      expect((await byIds(ada, ids)).codes, String(ids.length)).toEqual(['BAD_USER_INPUT'])
    expect((await byIds(ada, many.slice(1))).data.ordersById).toEqual(many.slice(1).map(() => null))
  })
})

describe('the changes of orders', () => {
  const CHANGES = `query($after: String!, $first: Int) { orderChanges(after: $after, first: $first) {
    nodes { id status } position hasMore } }`
  const since = async (viewer: Viewer, variables: object, consistency?: string | null) =>
    (await all.request(viewer, CHANGES, { variables, consistency: consistency ?? null })).data.orderChanges

  test('contain a command’s effect at its position, and after it only later changes', async () => {
    const shopper = await all.newCustomer('Pat Pageturner')
    const first = await place(shopper)
    const second = await place(shopper)
    const start = await since(shopper, { after: '0', first: 1 }, second.consistency)
    expect(start).toMatchObject({ nodes: [{ id: first.id }], hasMore: true })
    const rest = await since(shopper, { after: start.position }, second.consistency)
    expect(rest).toMatchObject({ nodes: [{ id: second.id, status: 'CONFIRMED' }], hasMore: false })
    expect((await since(eve, { after: start.position }, second.consistency)).nodes).toEqual([])

    const cancel = await all.request(
      shopper,
      'mutation($input: CancelOrderInput!) { cancelOrder(input: $input) { __typename } }',
      { variables: keyed({ orderId: first.id, settleWithinMs: 10_000 }) },
    )
    const changed = await since(shopper, { after: rest.position }, cancel.consistency)
    expect(changed.nodes).toEqual([{ id: first.id, status: 'CANCELLED' }])
    expect((await since(SUPPORT, { after: rest.position }, cancel.consistency)).nodes).toEqual(changed.nodes)
    const after = await since(shopper, { after: changed.position }, cancel.consistency)
    for (const { id } of after.nodes) expect(id).toBe(first.id)
  })
})
