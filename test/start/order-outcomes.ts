// Waits until the orders of test shoppers have settled, and compares how each ended with what its kind allows.
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import type { PlatformClient } from '#testbed/shop-client.ts'
import type { Traffic } from './traffic.ts'

const SETTLE_MS = 60_000
const PAUSE_MS = 200

const AT_WORK = `query($customerId: ID!) {
  orders(filter: { customerId: $customerId, status: [PLACED, CONFIRMED, PARTIALLY_SHIPPED, SHIPPED, DELIVERED] }) {
    nodes { id status }
  }
}`
const UNENDED = `{
  running: fulfilments(filter: { phase: RUNNING }, first: 100) { nodes { order { id } pending lastError } }
  compensating: fulfilments(filter: { phase: COMPENSATING }, first: 100) { nodes { order { id } pending lastError } }
}`

type Order = { readonly id: string; readonly status: string }
type Fulfilment = { readonly order: { readonly id: string }; readonly pending: readonly string[] }

/** Returns the ids of the customers' orders that have not ended. Throws what the web BFF responds instead. */
export async function openOrders(graphs: PlatformClient, customers: readonly string[]): Promise<string[]> {
  const ops = await graphs.token('ops')
  const replies = await Promise.all(
    customers.map(customerId =>
      graphs.send<{ orders: { nodes: Order[] } }>('bff-web', ops, AT_WORK, { customerId }),
    ),
  )
  return replies.flatMap(({ data, errors }) => {
    if (errors) throw new Error(JSON.stringify(errors))
    return data.orders.nodes.map(({ id }) => id)
  })
}

/** Waits until no order of theirs is open and no fulfilment has anything left to do. */
export async function untilAtRest(
  graphs: PlatformClient,
  customers: readonly string[],
  label: string,
): Promise<void> {
  const ops = await graphs.token('ops')
  const open = await untilEmpty<unknown>(() => openOrders(graphs, customers).catch(error => [error]))
  expect(open, `orders on their way; ${label}`).toEqual([])
  const own = new Set(
    (await Promise.all(customers.map(id => ordersOf(graphs, id)))).flat().map(({ id }) => id),
  )
  const unended = await untilEmpty(async () => {
    const { data } = await graphs.send<Record<string, { nodes: Fulfilment[] }>>('bff-web', ops, UNENDED)
    return Object.values(data)
      .flatMap(({ nodes }) => nodes)
      .filter(({ order }) => own.has(order.id))
  })
  expect(unended, `fulfilments that have not ended; ${label}`).toEqual([])
}

const PAGE = `query($customerId: ID!, $after: String) {
  orders(filter: { customerId: $customerId }, first: 100, after: $after) {
    nodes { id status }
    pageInfo { hasNextPage endCursor }
  }
}`
type Page = {
  readonly orders: { readonly nodes: Order[]; readonly pageInfo: { hasNextPage: boolean; endCursor: string } }
}

async function ordersOf(graphs: PlatformClient, customerId: string): Promise<Order[]> {
  const ops = await graphs.token('ops')
  const found: Order[] = []
  for (let after: string | null = null; ; ) {
    const variables: object = { customerId, after }
    const { data } = await graphs.send<Page>('bff-web', ops, PAGE, variables)
    found.push(...data.orders.nodes)
    if (!data.orders.pageInfo.hasNextPage) return found
    after = data.orders.pageInfo.endCursor
  }
}

/** Expects one order per key, which ended as its kind may. Only sold-out keys have none. */
export async function expectOutcomes(
  graphs: PlatformClient,
  { answered, shoppers }: Traffic,
  label: string,
): Promise<void> {
  const all = (await Promise.all(shoppers.map(({ id }) => ordersOf(graphs, id)))).flat()
  const statuses = new Map(all.map(({ id, status }) => [id, status]))
  const recorded = answered.flatMap(({ orderId }) => orderId ?? [])
  expect(recorded.toSorted()).toEqual([...statuses.keys()].toSorted())
  const wrong = answered.flatMap(({ key, kind, orderId }) => {
    const status = orderId === undefined ? 'CANCELLED' : statuses.get(orderId)
    return kind.ends.some(end => end === status) ? [] : [`${key} (${kind.name}): ${status}`]
  })
  expect(wrong, label).toEqual([])
}

/** Polls until `find` finds nothing, or returns what is left at the deadline. */
export async function untilEmpty<T>(find: () => Promise<readonly T[]>): Promise<readonly T[]> {
  const deadline = performance.now() + SETTLE_MS
  for (;;) {
    const found = await find()
    if (found.length === 0 || performance.now() > deadline) return found
    await delay(PAUSE_MS)
  }
}
