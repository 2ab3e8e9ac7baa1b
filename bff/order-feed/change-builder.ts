// Makes changes out of events: looks up those of a scope between two places, and the states behind them. Free of subscribers.

import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import type { Change, OrderEvent, Scope } from '#bff/order-feed/change.ts'
import { type Channel, recentBetween } from '#bff/order-feed/channel.ts'
import { encodeCursor } from '#bff/order-feed/cursor.ts'
import type { EventWindow } from '#bff/order-feed/event-window.ts'
import type { Detail, LoadRequest, OrderLoader } from '#bff/order-feed/order-loader.ts'
import { NO_OWNER, type OwnerCache } from '#bff/order-feed/owner-cache.ts'
import {
  advancePast,
  type EventEntry,
  maxPositions,
  type Positions,
  START,
  vectorOf,
} from '#bff/order-feed/positions.ts'

/** Events in one change. */
export const MAX_EVENTS = 200
/** Orders whose owner has to be read before a customer's events can be told from the others'. */
const MOST_UNKNOWN = 1_000

/** What is to be told between two places, up to `to`; without a change there is nothing. */
export type BuiltChange<Order> = { readonly change: Change<Order> | undefined; readonly to: Positions }

export type ChangeBuilder<Order> = {
  /** Undefined when what was missed can no longer be listed. Throws when the bus cannot be read. */
  build(channel: Channel<Order>, from: Positions, to: Positions): Promise<BuiltChange<Order> | undefined>
  /** Learns who owns the orders; nobody, when they cannot be read. */
  learnOwners(entries: readonly EventEntry[]): Promise<void>
  /** Those of the entries whose order's owner is not known, one for each order. */
  withoutOwner(entries: readonly EventEntry[]): EventEntry[]
}

export type ChangeBuilderOptions<Order> = {
  readonly window: EventWindow
  readonly states: OrderLoader<Order>
  readonly owners: OwnerCache
  readonly signal: AbortSignal
}

export function createChangeBuilder<Order>(options: ChangeBuilderOptions<Order>): ChangeBuilder<Order> {
  const { window, states, owners, signal } = options

  async function eventsBetween(
    channel: Channel<Order>,
    from: Positions,
    to: Positions,
  ): Promise<EventEntry[] | undefined> {
    const { scope } = channel
    const recent = recentBetween(channel, from, to)
    if (recent) return recent
    for (;;) {
      // What the window holds is listed in the same turn: between turns it moves on.
      if (!window.holds(from)) {
        if (!(await window.backfill(from))) return undefined
        continue
      }
      const list = (accept: (entry: EventEntry) => boolean, limit: number) =>
        window.list({ from, to, accept, limit })
      if (!('customer' in scope)) return list(isAbout(scope), MAX_EVENTS + 1)
      const unknown = withoutOwner(list(isUnowned, Number.POSITIVE_INFINITY))
      if (unknown.length === 0)
        return list(({ orderId }) => owners.get(orderId) === scope.customer, MAX_EVENTS + 1)
      if (unknown.length > MOST_UNKNOWN) return undefined
      await learnOwners(unknown)
      if (signal.aborted) return []
    }
  }

  const isUnowned = ({ orderId }: EventEntry) => owners.get(orderId) === undefined

  function withoutOwner(entries: readonly EventEntry[]): EventEntry[] {
    return [...new Map(entries.filter(isUnowned).map(entry => [entry.orderId, entry])).values()]
  }

  async function learnOwners(entries: readonly EventEntry[]): Promise<void> {
    await Promise.all(
      [...loadRequestsFor(entries, 'summary')].map(async ([orderId, need]) => {
        const order = await states.load(orderId, need)
        if (order === undefined && owners.get(orderId) === undefined) owners.set(orderId, NO_OWNER)
      }),
    )
  }

  async function statesOf(scope: Scope, from: Positions, entries: readonly EventEntry[]): Promise<Order[]> {
    const needs = [...loadRequestsFor(entries, 'order' in scope ? 'page' : 'summary', from)]
    const orders = await Promise.all(needs.map(([orderId, need]) => stateOf(scope, orderId, need)))
    return orders.filter(order => order !== undefined)
  }

  /** Who watches one order waits for its state however long it takes; lists go on without an order that is stuck. */
  async function stateOf(scope: Scope, orderId: string, need: LoadRequest): Promise<Order | undefined> {
    for (;;) {
      const order = await states.load(orderId, need)
      if (order !== undefined || !('order' in scope) || signal.aborted) return order
    }
  }

  return {
    learnOwners,
    withoutOwner,
    async build(channel, from, to) {
      const found = await eventsBetween(channel, from, to)
      if (!found) return undefined
      if (found.length === 0) return { change: undefined, to: maxPositions(from, to) }
      const entries = found.slice(0, MAX_EVENTS)
      const reached = found.length > MAX_EVENTS ? advancePast(from, entries) : maxPositions(from, to)
      const { scope } = channel
      const orders = await statesOf(scope, from, entries)
      const cursor = encodeCursor(scope, vectorOf(reached))
      return {
        change: { kind: 'CHANGED', cursor, events: eventsOf(scope, from, entries), orders },
        to: reached,
      }
    },
  }
}

function isAbout(scope: Scope): (entry: EventEntry) => boolean {
  return 'order' in scope ? ({ orderId }) => orderId === scope.order : () => true
}

/** What the state of each order must contain to be that after the last of its events, and no older than `since`. */
export function loadRequestsFor(
  entries: readonly EventEntry[],
  detail: Detail,
  since = START,
): Map<string, LoadRequest> {
  const needs = new Map<string, LoadRequest>()
  for (const { orderId, topic, position, traceparent } of entries) {
    const before = needs.get(orderId)
    const positions = { ...before?.positions, [ORDER_TOPICS[topic] ?? '']: position }
    needs.set(orderId, { positions, since, detail, traceparent: traceparent ?? before?.traceparent })
  }
  return needs
}

function eventsOf(scope: Scope, from: Positions, entries: readonly EventEntry[]): OrderEvent[] {
  const reached = [...from]
  return entries.map(({ topic, position, id, type, orderId, at }) => {
    reached[topic] = position
    const cursor = encodeCursor(scope, vectorOf(reached))
    return { cursor, id, type, service: ORDER_TOPICS[topic] ?? '', orderId, at }
  })
}
