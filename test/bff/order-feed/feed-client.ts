// Clients of the order feed that disconnect and resume, and the events that they must have received in the end.
import { expect } from 'vitest'
import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import { customerIdOf, orderIdOf } from '#bff/bus/message-ids.ts'
import type { Change, OrderEvent, Scope, SharedStream } from '#bff/order-feed/change.ts'
import { decodeCursor } from '#bff/order-feed/cursor.ts'
import type { OrderFeed } from '#bff/order-feed/order-feed.ts'
import { type Buyer, type InMemoryBus, type TestOrder, turn } from './in-memory-bus.ts'

export type FeedClient = {
  readonly scope: Scope
  readonly got: OrderEvent[]
  readonly kinds: string[]
  /** The newest state of each order. */
  readonly states: Map<string, TestOrder>
  /** Where its first subscription began. */
  begin: string | undefined
  cursor: string | undefined
  /** Events of the last change, which a cut may undo. */
  last: number
  stream: SharedStream<Change<TestOrder>> | undefined
  asking: Promise<void> | undefined
  /** The fault of a change. */
  error: unknown
}

export function createFeedClient(scope: Scope): FeedClient {
  const states = new Map<string, TestOrder>()
  const nothing = {
    begin: undefined,
    cursor: undefined,
    stream: undefined,
    asking: undefined,
    error: undefined,
  }
  return { scope, got: [], kinds: [], states, last: 0, ...nothing }
}

export async function join(one: FeedClient, feed: OrderFeed<TestOrder>): Promise<void> {
  one.stream = await feed.watch({ scope: one.scope, after: one.cursor, present: async () => [] })
}

/** Asks for the next change unless it waits for one already. */
export function ask(one: FeedClient): void {
  const { stream } = one
  if (!stream || one.asking) return
  one.asking = stream
    .next()
    .then(result => {
      if (one.stream !== stream) return
      one.asking = undefined
      if (!result.done) take(one, result.value)
    })
    .catch(error => {
      one.error ??= error
    })
}

function take(one: FeedClient, change: Change<TestOrder>): void {
  one.kinds.push(change.kind)
  one.cursor = change.cursor
  one.begin ??= change.cursor
  one.got.push(...change.events)
  one.last = change.events.length
  const orders = change.orders.map(({ id }) => id)
  expect(new Set(orders).size).toBe(orders.length)
  expect(new Set(change.events.map(({ orderId }) => orderId))).toEqual(new Set(orders))
  for (const order of change.orders) one.states.set(order.id, order)
  for (const event of change.events) expect(contains(one.states.get(event.orderId), event)).toBe(true)
}

/** Returns whether the state is that after the event, or newer: an event's id is its topic and position. */
export function contains(order: TestOrder | undefined, { id, service }: OrderEvent): boolean {
  return (order?.at?.[service] ?? 0) >= Number(id.slice(id.indexOf('-') + 1))
}

/**
 * Breaks off, as if the last events of the last change had not been seen, and goes on from those that were; false when
 * it has not begun yet.
 */
export async function reconnect(one: FeedClient, back: number, feed: OrderFeed<TestOrder>): Promise<boolean> {
  const { stream } = one
  if (!stream || !one.begin) return false
  one.stream = undefined
  one.asking = undefined
  await stream.return?.()
  const undone = Math.min(back, one.last - 1)
  if (undone > 0) {
    one.got.splice(one.got.length - undone)
    one.cursor = one.got.at(-1)?.cursor
  }
  one.last = 0
  await join(one, feed)
  return true
}

export function eventsOf(
  bus: InMemoryBus,
  scope: Scope,
  begin: string,
  buyers: readonly Buyer[],
): string[][] {
  const after = decodeCursor(scope, begin)
  const customers = new Map(buyers.map(({ id, customer }) => [id, customer]))
  return ORDER_TOPICS.map(topic =>
    bus
      .log(topic)
      .filter(message => {
        const id = orderIdOf(message)
        if (!id || message.position <= (after[topic] ?? 0)) return false
        if ('order' in scope) return id === scope.order
        return !('customer' in scope) || (customerIdOf(message) ?? customers.get(id)) === scope.customer
      })
      .map(({ eventId }) => eventId),
  )
}

/** Asks until all that must come has come, and a little longer. Throws when it does not come, or is not what it should be. */
export async function drain(one: FeedClient, count: number): Promise<void> {
  const deadline = performance.now() + 10_000
  while (one.got.length < count || !one.begin) {
    if (one.error) throw one.error
    if (performance.now() > deadline)
      throw new Error(`of ${count} events came ${one.got.map(({ id }) => id)}`)
    ask(one)
    await turn()
  }
  for (let more = 0; more < 5; more++) {
    ask(one)
    await turn()
  }
  if (one.error) throw one.error
}
