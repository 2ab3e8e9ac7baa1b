// Lets a command wait for what becomes of an order: one tail of the order log, shared by all who wait in this process.
import type { EventStore, RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'
import { orderAggregate } from '#subgraphs/orders/domain/order.ts'

/** The events of one order from the moment of `watch` on, in order; some from before may be among them. */
export type Watch = Disposable & {
  /** The next event; undefined when `deadline` (milliseconds since 1970) passes first. */
  next(deadline: number): Promise<RecordedEvent | undefined>
}

export type Settlements = AsyncDisposable & {
  /** Resolves when no later event of the order can be missed. Undefined when too many wait already, and once released. */
  watch(orderId: string): Promise<Watch | undefined>
  /** Ends all waits, for a server that closes: each is answered as things stand. */
  release(): void
}

type Waiter = { readonly events: RecordedEvent[]; wake: () => void; isReleased: boolean }

export type SettlementsOptions = {
  /** Commands that may wait at once; 10,000 when left out. */
  readonly limit?: number
  readonly onError: (error: unknown) => void
}

const LIMIT = 10_000
const PAGE = 1_000
/** Reads are this far apart at least, so that a busy store is not read for every append. */
const PAUSE_MS = 8
/** Should a hint get lost, the log is read this often anyway while somebody waits. */
const FALLBACK_MS = 500

/** Reads the log only while somebody waits. */
export function createSettlements(store: EventStore, options: SettlementsOptions): Settlements {
  const { limit = LIMIT, onError } = options
  const waiters = new Map<StreamId, Set<Waiter>>()
  const tail = createTail(store, dispatch, onError)
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

type Tail = {
  /** Resolves when every later event will be dispatched. */
  start(): Promise<void>
  stop(): void
  /** Resolves when no read is under way. */
  idle(): Promise<void>
}

function createTail(
  store: EventStore,
  dispatch: (events: readonly RecordedEvent[]) => void,
  onError: (error: unknown) => void,
): Tail {
  /** Settled once the position to read from is known; undefined while nobody waits. */
  let started: Promise<void> | undefined
  let position = 0
  let unlisten = () => {}
  let fallback: NodeJS.Timeout | undefined
  let reading: Promise<void> | undefined
  let isDirty = false

  async function begin(): Promise<void> {
    position = await store.head()
    if (started === undefined) return
    unlisten()
    unlisten = store.onAppended(hear)
    clearInterval(fallback)
    fallback = setInterval(hear, FALLBACK_MS)
  }

  function hear(): void {
    isDirty = true
    reading ??= read()
      .catch(onError)
      .finally(() => {
        reading = undefined
        if (isDirty && started) hear()
      })
  }

  async function read(): Promise<void> {
    while (isDirty && started) {
      isDirty = false
      const events = await store.readLog({
        after: position,
        limit: PAGE,
        categories: [orderAggregate.category],
      })
      position = events.at(-1)?.position ?? position
      dispatch(events)
      if (events.length === PAGE) isDirty = true
      else await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    }
  }

  function stop(): void {
    started = undefined
    unlisten()
    unlisten = () => {}
    clearInterval(fallback)
  }

  return {
    stop,
    async start() {
      started ??= begin()
      const beginning = started
      try {
        await beginning
      } catch (error) {
        if (started === beginning) stop()
        throw error
      }
    },
    async idle() {
      await reading
    },
  }
}
