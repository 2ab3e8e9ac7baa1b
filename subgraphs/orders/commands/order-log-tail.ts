// Follows the log of order events while a command waits for them, with one reader per process.
import type { EventStore, RecordedEvent } from '#platform/event-store/event-store.ts'
import { orderAggregate } from '#subgraphs/orders/domain/aggregate.ts'

const PAGE = 1_000
/** Reads are this far apart at least, so that a busy store is not read for every append. */
const PAUSE_MS = 8
/** Should a notification get lost, the log is read this often anyway. */
const FALLBACK_MS = 500

type OrderLogTail = {
  /** Resolves when every later event will be dispatched. */
  start(): Promise<void>
  stop(): void
  /** Resolves when no read is under way. */
  idle(): Promise<void>
}

type TailOptions = {
  readonly dispatch: (events: readonly RecordedEvent[]) => void
  readonly onError: (error: unknown) => void
}

type TailState = TailOptions & {
  readonly store: EventStore
  /** Settled once the position to read from is known; undefined while stopped. */
  started: Promise<void> | undefined
  position: number
  stopListening: () => void
  fallback: NodeJS.Timeout | undefined
  reading: Promise<void> | undefined
  /** True when events may have been appended since the last read began. */
  isBehind: boolean
}

export function createOrderLogTail(store: EventStore, options: TailOptions): OrderLogTail {
  const tail: TailState = {
    ...options,
    store,
    started: undefined,
    position: 0,
    stopListening: () => {},
    fallback: undefined,
    reading: undefined,
    isBehind: false,
  }
  return {
    start: () => start(tail),
    stop: () => stop(tail),
    async idle() {
      await tail.reading
    },
  }
}

async function start(tail: TailState): Promise<void> {
  tail.started ??= listen(tail)
  const starting = tail.started
  try {
    await starting
  } catch (error) {
    if (tail.started === starting) stop(tail)
    throw error
  }
}

function stop(tail: TailState): void {
  tail.started = undefined
  tail.stopListening()
  tail.stopListening = () => {}
  clearInterval(tail.fallback)
}

async function listen(tail: TailState): Promise<void> {
  tail.position = await tail.store.head()
  if (tail.started === undefined) return
  const onAppended = () => scheduleRead(tail)
  tail.stopListening()
  tail.stopListening = tail.store.onAppended(onAppended)
  clearInterval(tail.fallback)
  tail.fallback = setInterval(onAppended, FALLBACK_MS)
}

/** One read is under way at a time; another follows if events were appended meanwhile. */
function scheduleRead(tail: TailState): void {
  tail.isBehind = true
  tail.reading ??= read(tail)
    .catch(tail.onError)
    .finally(() => {
      tail.reading = undefined
      if (tail.isBehind && tail.started) scheduleRead(tail)
    })
}

async function read(tail: TailState): Promise<void> {
  while (tail.isBehind && tail.started) {
    tail.isBehind = false
    const events = await tail.store.readLog({
      after: tail.position,
      limit: PAGE,
      categories: [orderAggregate.category],
    })
    tail.position = events.at(-1)?.position ?? tail.position
    tail.dispatch(events)
    if (events.length === PAGE) tail.isBehind = true
    else await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
  }
}
