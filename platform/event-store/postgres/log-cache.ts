// Serves reads of the log from memory as far as this process surely knows it, and from the database otherwise.
import type { KnownLog, LogRange, LogSlice, RecordedEvent } from '#platform/event-store/event-store.ts'
import { createLogTail, type LogTail } from '#platform/event-store/log-tail.ts'
import { checkRange, type LogReader } from '#platform/event-store/postgres/log-reader.ts'
import type { StoreNotifications } from '#platform/event-store/postgres/sessions.ts'

export type LogCache = Disposable & {
  readLog(range: LogRange): Promise<LogSlice>
  head(): Promise<number>
  known(): KnownLog | undefined
  /** Takes in events that this process has just committed, and tells the listeners. */
  add(events: readonly RecordedEvent[]): void
  /** Says that there may be events which this process does not know of. */
  doubt(): void
  /** Takes in a head that was read: tells the listeners when it is past what is known. */
  noteHead(position: number): void
  /** Calls `listener` when there may be new events. */
  onAppended(listener: () => void): () => void
}

type CacheState = {
  readonly log: LogReader
  readonly notifications: StoreNotifications
  readonly tail: LogTail
  readonly listeners: Set<() => void>
  /** True while the tail surely has every event that was committed when this was last set. */
  isCurrent: boolean
  refreshing: Promise<void> | undefined
}

/** The most events that are read at once to follow what others appended: a tail that is further behind starts anew. */
const REFRESH_LIMIT = 1_000

/** One statement brings all readers of this process up to date after others have appended. */
export function createLogCache(log: LogReader, notifications: StoreNotifications): LogCache {
  const cache: CacheState = {
    log,
    notifications,
    tail: createLogTail(),
    listeners: new Set(),
    isCurrent: false,
    refreshing: undefined,
  }
  const tellListeners = () => {
    for (const listener of cache.listeners) listener()
  }
  const doubt = () => {
    cache.isCurrent = false
    tellListeners()
  }
  const stopListening = notifications.listen('events', source => {
    if (source === 'elsewhere') doubt()
    else tellListeners()
  })

  return {
    readLog: range => readLog(cache, range),
    head: () => readHead(cache),
    known() {
      const head = cache.tail.end()
      if (head === undefined || !cache.isCurrent || !notifications.isAlone()) return undefined
      return { head, isUnwritten: cache.tail.isUnwritten }
    },
    add(events) {
      // Events that others appended before them prove that there are others, whatever the listening session has heard.
      const isStarted = cache.tail.end() !== undefined
      const isGapless = cache.tail.add(events)
      if (!isGapless) cache.isCurrent = false
      if (isStarted && !isGapless) notifications.doubt()
      notifications.notify('events')
    },
    doubt,
    noteHead(position) {
      const end = cache.tail.end()
      if (end === undefined || position <= end) return
      doubt()
      notifications.check()
    },
    onAppended(listener) {
      cache.listeners.add(listener)
      return () => cache.listeners.delete(listener)
    },
    [Symbol.dispose]: stopListening,
  }
}

async function readLog(cache: CacheState, range: LogRange): Promise<LogSlice> {
  checkRange(range)
  await bringUpToDate(cache)
  return cache.tail.read(range) ?? cache.log.readLog(range)
}

/** While others use the store, they may have appended since it was last read. */
async function readHead(cache: CacheState): Promise<number> {
  if (!cache.notifications.isAlone()) return cache.log.head()
  await bringUpToDate(cache)
  return cache.tail.end() ?? cache.log.head()
}

/** A refresh that is under way may have begun before the last notification: then another follows. */
async function bringUpToDate(cache: CacheState): Promise<void> {
  if (!cache.isCurrent) await refresh(cache)
  if (!cache.isCurrent) await refresh(cache)
}

function refresh(cache: CacheState): Promise<void> {
  cache.refreshing ??= readNewEvents(cache).finally(() => {
    cache.refreshing = undefined
  })
  return cache.refreshing
}

async function readNewEvents(cache: CacheState): Promise<void> {
  const { log, tail } = cache
  const end = tail.end()
  cache.isCurrent = true
  try {
    if (end === undefined) return tail.startAt(await log.head())
    const { events } = await log.readLog({ after: end, limit: REFRESH_LIMIT })
    if (events.length < REFRESH_LIMIT) tail.add(events)
    else {
      tail.startAt(undefined)
      cache.isCurrent = false
    }
  } catch (error) {
    cache.isCurrent = false
    throw error
  }
}
