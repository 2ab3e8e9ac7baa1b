// Lets commands wait for the events of an order. All waits of the process share one tail of the order log.
import type { EventStore, RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'
import { createOrderLogTail } from '#subgraphs/orders/commands/order-log-tail.ts'
import { orderAggregate, orderEventOf } from '#subgraphs/orders/domain/aggregate.ts'
import { evolve, type PlacedOrder } from '#subgraphs/orders/domain/order.ts'

/** The events of one order from the moment of `watch` on, in order; some from before may be among them. */
type OrderWatch = Disposable & {
  /** Returns the next event, or undefined when `deadline` (milliseconds since 1970) passes first. */
  next(deadline: number): Promise<RecordedEvent | undefined>
}

export type OrderWatches = AsyncDisposable & {
  /** Resolves when no later event of the order can be missed. Undefined when too many wait already, and once released. */
  watch(orderId: string): Promise<OrderWatch | undefined>
  /** Ends all waits, for a server that closes: each command returns the order as it stands. */
  release(): void
}

type Waiter = { readonly events: RecordedEvent[]; wake: () => void; isReleased: boolean }

type WatchOptions = {
  /** Commands that may wait at once; 10,000 when left out. */
  readonly limit?: number
  readonly onError: (error: unknown) => void
}

const LIMIT = 10_000

/** Reads the log only while somebody waits. */
export function createOrderWatches(store: EventStore, options: WatchOptions): OrderWatches {
  const { limit = LIMIT, onError } = options
  const waiters = new Map<StreamId, Set<Waiter>>()
  const tail = createOrderLogTail(store, { dispatch, onError })
  let waiting = 0
  let isReleased = false

  function dispatch(events: readonly RecordedEvent[]): void {
    for (const event of events)
      for (const waiter of waiters.get(event.stream) ?? []) {
        waiter.events.push(event)
        waiter.wake()
      }
  }

  function leave(stream: StreamId, waiter: Waiter): void {
    const group = waiters.get(stream)
    if (!group?.delete(waiter)) return
    waiting -= 1
    if (group.size === 0) waiters.delete(stream)
    if (waiting === 0) tail.stop()
  }

  return {
    async watch(orderId) {
      if (isReleased || waiting >= limit) return undefined
      const stream: StreamId = `${orderAggregate.category}-${orderId}`
      const waiter: Waiter = { events: [], wake: () => {}, isReleased: false }
      waiting += 1
      waiters.set(stream, (waiters.get(stream) ?? new Set()).add(waiter))
      try {
        await tail.start()
      } catch (error) {
        leave(stream, waiter)
        throw error
      }
      return {
        next: deadline => next(waiter, deadline),
        [Symbol.dispose]: () => leave(stream, waiter),
      }
    },
    release() {
      isReleased = true
      for (const waiter of [...waiters.values()].flatMap(group => [...group])) {
        waiter.isReleased = true
        waiter.wake()
      }
    },
    async [Symbol.asyncDispose]() {
      tail.stop()
      await tail.idle()
    },
  }
}

async function next(waiter: Waiter, deadline: number): Promise<RecordedEvent | undefined> {
  const left = deadline - Date.now()
  if (waiter.events.length === 0 && left > 0 && !waiter.isReleased) {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, left)
    waiter.wake = resolve
    await promise
    clearTimeout(timer)
  }
  return waiter.events.shift()
}

/** An order after `version` events; `position` is that of the store which shows it so, or a later one. */
export type VersionedOrder = {
  readonly order: PlacedOrder
  readonly version: number
  readonly position: number
}

type FollowUntil = {
  readonly isReached: (order: PlacedOrder) => boolean
  /** Milliseconds since 1970. */
  readonly deadline: number
}

/**
 * Returns the order once `isReached`, or as it is at the deadline; at once without a watch. The watch must have begun
 * before `from` was read.
 */
export async function followOrder(
  watch: OrderWatch | undefined,
  from: VersionedOrder,
  { isReached, deadline }: FollowUntil,
): Promise<VersionedOrder> {
  let current = from
  while (watch && !isReached(current.order)) {
    const recorded = await watch.next(deadline)
    if (!recorded) return current
    if (recorded.version !== current.version + 1) continue // it is in `current` already
    const event = orderEventOf(recorded)
    const order = event ? evolve(current.order, event) : current.order
    if (order.status === 'ABSENT') return current
    const position = Math.max(current.position, recorded.position)
    current = { order, version: recorded.version, position }
  }
  return current
}
