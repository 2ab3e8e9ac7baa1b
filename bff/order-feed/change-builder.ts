// Builds changes out of events: looks up the events of a scope between two positions, and the states of their orders.
import type { LRUCache } from 'lru-cache'
import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import type { OrderEvent, Scope } from '#bff/order-feed/change.ts'
import { type BuiltChange, type Channel, recentBetween } from '#bff/order-feed/channel.ts'
import { encodeCursor } from '#bff/order-feed/cursor.ts'
import type { EventWindow } from '#bff/order-feed/event-window.ts'
import type { Detail, LoadRequest, OrderLoader } from '#bff/order-feed/order-loader.ts'
import {
  advancePast,
  type EventEntry,
  maxPositions,
  type Positions,
  START,
  vectorOf,
} from '#bff/order-feed/positions.ts'

/** Which customer an order belongs to, by the order's id, as far as it is known. */
export type OwnerCache = LRUCache<string, string>

/** The owner of an order that cannot be read: no customer has this id. */
export const NO_OWNER = ''
/** Events in one change. */
const MAX_EVENTS = 200
/** Orders whose owner must be read before a customer's events can be told from other customers' events. */
const MAX_UNKNOWN_OWNERS = 1_000

export type ChangeBuilder<Order> = {
  /** Resolves to undefined when the events between can no longer be listed. Never rejects. */
  build(channel: Channel<Order>, from: Positions, to: Positions): Promise<BuiltChange<Order> | undefined>
  /** Reads who owns the orders. The owner of an order that cannot be read is NO_OWNER. */
  learnOwners(entries: readonly EventEntry[]): Promise<void>
  /** Returns one of the entries for each order whose owner is not known. */
  withoutOwner(entries: readonly EventEntry[]): EventEntry[]
}

type ChangeBuilderOptions<Order> = {
  readonly window: EventWindow
  readonly loader: OrderLoader<Order>
  readonly owners: OwnerCache
  readonly signal: AbortSignal
}

export function createChangeBuilder<Order>(options: ChangeBuilderOptions<Order>): ChangeBuilder<Order> {
  return {
    learnOwners: entries => learnOwners(options, entries),
    withoutOwner: entries => withoutOwner(options.owners, entries),
    async build(channel, from, to) {
      const events = await listEvents(options, channel, { from, to })
      return events && buildChange(options, channel.scope, { events, from, to })
    },
  }
}

type Range = { readonly from: Positions; readonly to: Positions }

async function buildChange<Order>(
  options: ChangeBuilderOptions<Order>,
  scope: Scope,
  { events, from, to }: Range & { readonly events: readonly EventEntry[] },
): Promise<BuiltChange<Order>> {
  if (events.length === 0) return { change: undefined, to: maxPositions(from, to) }
  const entries = events.slice(0, MAX_EVENTS)
  const reached = events.length > MAX_EVENTS ? advancePast(from, entries) : maxPositions(from, to)
  const requests = loadRequestsFor(entries, 'order' in scope ? 'page' : 'summary', from)
  const states = await Promise.all(
    [...requests].map(([id, request]) => loadState(options, scope, { id, request })),
  )
  const orders = states.filter(order => order !== undefined)
  const cursor = encodeCursor(scope, vectorOf(reached))
  return {
    change: { kind: 'CHANGED', cursor, events: orderEvents(scope, from, entries), orders },
    to: reached,
  }
}

/** Returns the events of the channel's scope, one more than fits into a change when there are more. */
async function listEvents<Order>(
  options: ChangeBuilderOptions<Order>,
  channel: Channel<Order>,
  { from, to }: Range,
): Promise<EventEntry[] | undefined> {
  const recent = recentBetween(channel, from, to)
  if (recent) return recent
  const { window, owners, signal } = options
  const { scope } = channel
  for (;;) {
    // The window moves on between turns: what it holds must be listed in the same turn.
    if (!window.holds(from)) {
      if (!(await window.backfill(from))) return undefined
      continue
    }
    const list = (accept: (entry: EventEntry) => boolean, limit: number) =>
      window.list({ from, to, accept, limit })
    if (!('customer' in scope)) return list(isAbout(scope), MAX_EVENTS + 1)
    const unknown = withoutOwner(owners, list(isUnowned(owners), Number.POSITIVE_INFINITY))
    if (unknown.length === 0)
      return list(({ orderId }) => owners.get(orderId) === scope.customer, MAX_EVENTS + 1)
    if (unknown.length > MAX_UNKNOWN_OWNERS) return undefined
    await learnOwners(options, unknown)
    if (signal.aborted) return []
  }
}

function isAbout(scope: Scope): (entry: EventEntry) => boolean {
  return 'order' in scope ? ({ orderId }) => orderId === scope.order : () => true
}

function isUnowned(owners: OwnerCache): (entry: EventEntry) => boolean {
  return ({ orderId }) => owners.get(orderId) === undefined
}

function withoutOwner(owners: OwnerCache, entries: readonly EventEntry[]): EventEntry[] {
  return [...new Map(entries.filter(isUnowned(owners)).map(entry => [entry.orderId, entry])).values()]
}

async function learnOwners<Order>(
  { loader, owners }: ChangeBuilderOptions<Order>,
  entries: readonly EventEntry[],
): Promise<void> {
  await Promise.all(
    [...loadRequestsFor(entries, 'summary')].map(async ([orderId, request]) => {
      const order = await loader.load(orderId, request)
      if (order === undefined && owners.get(orderId) === undefined) owners.set(orderId, NO_OWNER)
    }),
  )
}

/** Waits for the state of the scope's only order however long it takes; a list goes on without an order that cannot be read. */
async function loadState<Order>(
  { loader, signal }: ChangeBuilderOptions<Order>,
  scope: Scope,
  { id, request }: { readonly id: string; readonly request: LoadRequest },
): Promise<Order | undefined> {
  for (;;) {
    const order = await loader.load(id, request)
    if (order !== undefined || !('order' in scope) || signal.aborted) return order
  }
}

/** Returns what the state of each order must contain: the last of its events, and everything up to `since`. */
export function loadRequestsFor(
  entries: readonly EventEntry[],
  detail: Detail,
  since = START,
): Map<string, LoadRequest> {
  const requests = new Map<string, LoadRequest>()
  for (const { orderId, topic, position, traceparent } of entries) {
    const before = requests.get(orderId)
    const required = { ...before?.required, [ORDER_TOPICS[topic] ?? '']: position }
    requests.set(orderId, { required, since, detail, traceparent: traceparent ?? before?.traceparent })
  }
  return requests
}

function orderEvents(scope: Scope, from: Positions, entries: readonly EventEntry[]): OrderEvent[] {
  const reached = [...from]
  return entries.map(({ topic, position, id, type, orderId, at }) => {
    reached[topic] = position
    const cursor = encodeCursor(scope, vectorOf(reached))
    return { cursor, id, type, service: ORDER_TOPICS[topic] ?? '', orderId, at }
  })
}
