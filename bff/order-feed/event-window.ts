// Keeps the recent events of orders in memory, by topic, and reads older ones back from the bus on demand.
import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import { type EventEntry, isPast, type Positions } from '#bff/order-feed/positions.ts'
import type { BusMessage, EventBus } from '#platform/event-bus/event-bus.ts'
import { oldestPositionIn } from '#platform/event-bus/validation.ts'
import { fullJitter, pauseUnlessAborted } from '#platform/resilience/backoff.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type EventWindow = {
  /** Returns how far each topic is received. */
  positions(): Positions
  /**
   * Announces that `add` gets every message past `from`. Returns true when messages before may have been missed, so that
   * the window begins anew.
   */
  follow(from: Positions): boolean
  /** Returns whether `follow` was ever called. */
  isFollowing(): boolean
  /** Takes a message, in order per topic. Returns its entry when it is new and about an order. */
  add(message: BusMessage): EventEntry | undefined
  /** Returns whether the window holds every event past `positions`. */
  holds(positions: Positions): boolean
  /**
   * Reads events back from the bus until the window holds everything past `positions`. Concurrent calls share the reads.
   * A read that fails is tried again with growing pauses. Resolves to false when the bus has deleted some of them, when
   * more than `lookThrough` positions lie in between, and when `signal` aborts. Never rejects.
   */
  backfill(positions: Positions): Promise<boolean>
  /** Returns the first `limit` accepted events past `from` and not past `to`: in order per topic, by time across topics. */
  list(range: EventRange): EventEntry[]
}

type EventRange = {
  readonly from: Positions
  readonly to: Positions
  readonly accept: (entry: EventEntry) => boolean
  readonly limit: number
}

type WindowOptions = {
  readonly bus: Pick<EventBus, 'read'>
  /** Returns the order event in a message, if any. Called for each message that is received or read back. */
  readonly entryOf: (message: BusMessage, topic: number) => EventEntry | undefined
  /** How many events of each topic are kept, give or take a quarter. */
  readonly capacity: number
  readonly lookThrough: number
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** The events of a topic past `from` and not past `to`. */
type TopicLog = {
  readonly name: string
  readonly index: number
  from: number
  to: number
  entries: EventEntry[]
  backfilling: Promise<void>
}

type State = WindowOptions & {
  readonly logs: readonly TopicLog[]
  isFollowing: boolean
  /** The positions of all logs; undefined when they have changed since they were last asked for. */
  positions: Positions | undefined
}

const PAGE = 1_000
const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 5_000
const INDEXES = new Map<string, number>(ORDER_TOPICS.map((topic, index) => [topic, index]))

export function createEventWindow(options: WindowOptions): EventWindow {
  const logs = ORDER_TOPICS.map((name, index) => createLog(name, index))
  const state: State = { ...options, logs, isFollowing: false, positions: undefined }
  return {
    positions() {
      state.positions ??= logs.map(log => log.to)
      return state.positions
    },
    follow: from => follow(state, from),
    isFollowing: () => state.isFollowing,
    add: message => add(state, message),
    holds: positions => holds(state, positions),
    backfill: positions => backfill(state, positions),
    list: range =>
      mergeByTime(
        logs.map(log => listTopic(log, range)),
        range.limit,
      ),
  }
}

function createLog(name: string, index: number): TopicLog {
  return { name, index, from: 0, to: 0, entries: [], backfilling: Promise.resolve() }
}

function follow(state: State, from: Positions): boolean {
  let isInterrupted = false
  for (const log of state.logs) {
    const start = from[log.index] ?? 0
    if (state.isFollowing && start <= log.to) continue
    isInterrupted = true
    log.entries = []
    log.from = log.to = start
  }
  state.isFollowing = true
  state.positions = undefined
  return isInterrupted
}

function add(state: State, message: BusMessage): EventEntry | undefined {
  const log = state.logs[INDEXES.get(message.topic) ?? -1]
  if (!state.isFollowing || !log || message.position <= log.to) return undefined
  log.to = message.position
  state.positions = undefined
  const entry = state.entryOf(message, log.index)
  if (!entry) return undefined
  log.entries.push(entry)
  trim(log, state.capacity)
  return entry
}

/** Drops the oldest events, a quarter of the capacity at a time. */
function trim(log: TopicLog, capacity: number): void {
  if (log.entries.length <= capacity + (capacity >> 2)) return
  const dropped = log.entries.length - capacity
  log.from = log.entries[dropped - 1]?.position ?? log.from
  log.entries = log.entries.slice(dropped)
}

function holds({ logs }: State, positions: Positions): boolean {
  return logs.every(log => (positions[log.index] ?? 0) >= log.from)
}

async function backfill(state: State, positions: Positions): Promise<boolean> {
  const { logs, lookThrough, logger, signal } = state
  for (let attempt = 0; !signal.aborted; attempt++) {
    if (holds(state, positions)) return true
    const distance = logs.reduce((sum, log) => sum + Math.max(0, log.to - (positions[log.index] ?? 0)), 0)
    if (distance > lookThrough) return false
    try {
      await Promise.all(logs.map(log => backfillTopic(state, log, positions[log.index] ?? 0)))
      return true
    } catch (err) {
      if (oldestPositionIn(err) !== undefined) return false
      const pauseMs = Math.round(fullJitter(attempt, FIRST_RETRY_MS, LAST_RETRY_MS))
      logger.warn({ err, attempt, pauseMs }, 'missed events could not be read from the bus, retrying')
      await pauseUnlessAborted(pauseMs, signal)
    }
  }
  return false
}

/** Backfills of a topic run one after another, so that a later one finds what an earlier one read. */
function backfillTopic(state: State, log: TopicLog, after: number): Promise<void> {
  if (after >= log.from) return Promise.resolve()
  const backfilling = log.backfilling.then(() => readBack(state, log, after))
  log.backfilling = backfilling.catch(() => {}) // the caller gets the error, and the next backfill tries again
  return backfilling
}

async function readBack({ bus, entryOf }: State, log: TopicLog, after: number): Promise<void> {
  if (after >= log.from) return
  const found: EventEntry[] = []
  // While a page is read, the window may drop its oldest events: read on to where it begins by then.
  for (let read = after; read < log.from; ) {
    const begin = log.from
    const page = await bus.read(log.name, read, PAGE)
    for (const message of page) {
      const entry = entryOf(message, log.index)
      if (entry) found.push(entry)
    }
    const last = page.at(-1)?.position ?? read
    read = page.length === PAGE ? last : Math.max(begin, last)
  }
  log.entries = [...found.filter(entry => entry.position <= log.from), ...log.entries]
  log.from = after
}

function listTopic({ entries, index }: TopicLog, { from, to, accept, limit }: EventRange): EventEntry[] {
  const found: EventEntry[] = []
  for (let at = firstPast(entries, from[index] ?? 0); at < entries.length && found.length < limit; at++) {
    const entry = entries[at]
    if (!entry || isPast(entry, to)) break
    if (accept(entry)) found.push(entry)
  }
  return found
}

/** Returns the index of the first entry past `position`, by binary search. */
function firstPast(entries: readonly EventEntry[], position: number): number {
  let [low, high] = [0, entries.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((entries[middle]?.position ?? 0) > position) high = middle
    else low = middle + 1
  }
  return low
}

/** Merges the lists by time, and keeps the order within each. */
function mergeByTime(lists: readonly (readonly EventEntry[])[], limit: number): EventEntry[] {
  const next = lists.map(() => 0)
  const merged: EventEntry[] = []
  while (merged.length < limit) {
    let earliest: EventEntry | undefined
    let from = 0
    for (let index = 0; index < lists.length; index++) {
      const entry = lists[index]?.[next[index] ?? 0]
      if (!entry || (earliest && entry.at >= earliest.at)) continue
      earliest = entry
      from = index
    }
    if (!earliest) break
    merged.push(earliest)
    next[from] = (next[from] ?? 0) + 1
  }
  return merged
}
