// Lets commands wait for the events of an order. All waits of the process share one reader of the order log.
import type { EventStore, RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'
import { createWakeSignal, pauseUnlessAborted, type WakeSignal } from '#platform/resilience/backoff.ts'
import { orderAggregate, orderEventOf } from '#subgraphs/orders/domain/aggregate.ts'
import { evolve, type PlacedOrder } from '#subgraphs/orders/domain/order.ts'

/** The events of one order from the moment of `watch` on, in order; some from before may be among them. */
type OrderWatch = Disposable & {
  /** Returns the next event, or undefined when the time of the watch passes first. */
  next(): Promise<RecordedEvent | undefined>
}

export type OrderWatches = AsyncDisposable & {
  /**
   * Resolves when no later event of the order can be missed for the next `ms`. Undefined when that is 0, when too many
   * wait already, and once released.
   */
  watch(orderId: string, ms: number): Promise<OrderWatch | undefined>
  /** Ends all waits, for a server that closes: each command returns the order as it stands. */
  release(): void
}

type Waiter = { readonly events: RecordedEvent[]; readonly wakeSignal: WakeSignal }

type WatchOptions = {
  /** Commands that may wait at once; 10,000 when left out. */
  readonly limit?: number
  readonly onError: (error: unknown) => void
}

const LIMIT = 10_000
const PAGE = 1_000
/** Should a notification get lost, the log is read this often anyway. */
const FALLBACK_MS = 500

/** Reads the log only while somebody waits; what this process appended is read from memory. */
export function createOrderWatches(
  store: EventStore,
  { limit = LIMIT, onError }: WatchOptions,
): OrderWatches {
  const waiters = new Map<StreamId, Set<Waiter>>()
  const tail = createLogTail(store, { dispatch, onError })
  let waiting = 0
  let isReleased = false

  function dispatch(events: readonly RecordedEvent[]): void {
    for (const event of events)
      for (const waiter of waiters.get(event.stream) ?? []) {
        waiter.events.push(event)
        waiter.wakeSignal.notify()
      }
  }

  function leave(stream: StreamId, waiter: Waiter): void {
    const group = waiters.get(stream)
    if (!group?.delete(waiter)) return
    waiting -= 1
    if (group.size === 0) waiters.delete(stream)
    if (waiting === 0) void tail.stop()
  }

  return {
    async watch(orderId, ms) {
      if (ms === 0 || isReleased || waiting >= limit) return undefined
      const stream: StreamId = `${orderAggregate.category}-${orderId}`
      const waiter: Waiter = { events: [], wakeSignal: createWakeSignal() }
      waiting += 1
      waiters.set(stream, (waiters.get(stream) ?? new Set()).add(waiter))
      try {
        await tail.start()
      } catch (error) {
        leave(stream, waiter)
        throw error
      }
      const deadline = Date.now() + ms
      return {
        async next() {
          const { events, wakeSignal } = waiter
          while (events.length === 0 && !isReleased && Date.now() < deadline)
            await wakeSignal.wait(deadline - Date.now())
          return events.shift()
        },
        [Symbol.dispose]: () => leave(stream, waiter),
      }
    },
    release() {
      isReleased = true
      for (const group of waiters.values()) for (const { wakeSignal } of group) wakeSignal.notify()
    },
    [Symbol.asyncDispose]: tail.stop,
  }
}

type TailOptions = Pick<WatchOptions, 'onError'> & {
  readonly dispatch: (events: readonly RecordedEvent[]) => void
}

function createLogTail(store: EventStore, options: TailOptions) {
  let current: { readonly stopping: AbortController; readonly started: Promise<void> } | undefined
  let reading: Promise<void> = Promise.resolve()

  async function begin(signal: AbortSignal): Promise<void> {
    const head = await store.head()
    if (signal.aborted) return
    const following = followLog(store, head, { ...options, signal })
    reading = Promise.all([reading, following]).then(() => {}) // keeping the results would keep all former ones
  }

  return {
    /** Resolves when every later event will be dispatched. */
    start(): Promise<void> {
      if (!current) {
        const stopping = new AbortController()
        current = { stopping, started: begin(stopping.signal) }
      }
      return current.started
    },
    /** Resolves when no read is under way any more. */
    async stop(): Promise<void> {
      current?.stopping.abort()
      current = undefined
      await reading
    },
  }
}

/** Dispatches the events of all orders after position `from` in order, until `signal` is aborted. */
async function followLog(
  store: EventStore,
  from: number,
  { signal, dispatch, onError }: TailOptions & { readonly signal: AbortSignal },
): Promise<void> {
  let after = from
  const wakeSignal = createWakeSignal()
  const stopListening = store.onAppended(wakeSignal.notify)
  signal.addEventListener('abort', () => {
    stopListening()
    wakeSignal.notify()
  })
  await wakeSignal.wait(FALLBACK_MS)
  while (!signal.aborted) {
    try {
      const { events, scannedTo } = await store.readLog({
        after,
        limit: PAGE,
        categories: [orderAggregate.category],
      })
      dispatch(events)
      if (scannedTo === after) await wakeSignal.wait(FALLBACK_MS)
      after = scannedTo
    } catch (error) {
      onError(error)
      await pauseUnlessAborted(FALLBACK_MS, signal)
    }
  }
}

/** An order after `version` events; `position` is that of the store which shows it so, or a later one. */
export type VersionedOrder = {
  readonly order: PlacedOrder
  readonly version: number
  readonly position: number
}

/**
 * Returns the order once `isReached`, or as it is when the time of the watch is over; at once without a watch. The watch
 * must have begun before `from` was read.
 */
export async function followOrder(
  watch: OrderWatch | undefined,
  from: VersionedOrder,
  isReached: (order: PlacedOrder) => boolean,
): Promise<VersionedOrder> {
  let current = from
  while (watch && !isReached(current.order)) {
    const recorded = await watch.next()
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
