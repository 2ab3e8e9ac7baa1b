// The recent events of orders, kept in memory by topic, and stretched back from the bus's log on demand. Free of subscribers.

import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import { type EventEntry, isPast, type Positions } from '#bff/order-feed/positions.ts'
import type { BusMessage, EventBus } from '#platform/event-bus/event-bus.ts'
import { oldestPositionIn } from '#platform/event-bus/validation.ts'

export type EventWindow = {
  /** How far each topic is heard. */
  positions(): Positions
  /**
   * From now on, `add` is given every message past `from`. True when messages between may have been missed, so that
   * what is kept begins anew.
   */
  follow(from: Positions): boolean
  /** Whether `follow` was ever called. */
  isFollowing(): boolean
  /** Takes a message; gives its entry when it is about an order and was not heard before. In order per topic. */
  add(message: BusMessage): EventEntry | undefined
  /** Whether every event past `place` is kept. */
  holds(place: Positions): boolean
  /**
   * Reads back from the bus what is missing to hold everything past `place`, once for all who ask at a time. False
   * when it is deleted there, or when more than `lookThrough` positions lie between `place` and the present.
   */
  backfill(place: Positions): Promise<boolean>
  /** Events past `from` and not past `to`, the first `limit`: in order per topic, by time across topics. */
  list(range: {
    readonly from: Positions
    readonly to: Positions
    readonly accept: (entry: EventEntry) => boolean
    readonly limit: number
  }): EventEntry[]
}

export type WindowOptions = {
  readonly bus: Pick<EventBus, 'read'>
  /** The order event that a message tells of, if any. Called for each message that is heard or read back. */
  readonly entryOf: (message: BusMessage, topic: number) => EventEntry | undefined
  /** Events kept of each topic, give or take a quarter. */
  readonly capacity: number
  readonly lookThrough: number
}

/** `entries` are all events past `from` and not past `to`. */
type TopicLog = {
  readonly name: string
  readonly index: number
  from: number
  to: number
  entries: EventEntry[]
  reaching: Promise<void>
}

const PAGE = 1_000
const INDEXES = new Map<string, number>(ORDER_TOPICS.map((topic, index) => [topic, index]))

export function createEventWindow(options: WindowOptions): EventWindow {
  const { bus, entryOf, capacity, lookThrough } = options
  const logs: readonly TopicLog[] = ORDER_TOPICS.map((name, index) => ({
    name,
    index,
    from: 0,
    to: 0,
    entries: [],
    reaching: Promise.resolve(),
  }))
  let isFollowing = false
  let place: Positions | undefined

  function trim(log: TopicLog): void {
    if (log.entries.length <= capacity + (capacity >> 2)) return
    const dropped = log.entries.length - capacity
    log.from = log.entries[dropped - 1]?.position ?? log.from
    log.entries = log.entries.slice(dropped)
  }

  function add(message: BusMessage): EventEntry | undefined {
    const log = logs[INDEXES.get(message.topic) ?? -1]
    if (!isFollowing || !log || message.position <= log.to) return undefined
    log.to = message.position
    place = undefined
    const entry = entryOf(message, log.index)
    if (!entry) return undefined
    log.entries.push(entry)
    trim(log)
    return entry
  }

  function follow(from: Positions): boolean {
    let isInterrupted = false
    for (const log of logs) {
      const start = from[log.index] ?? 0
      if (isFollowing && start <= log.to) continue
      isInterrupted = true
      log.entries = []
      log.from = log.to = start
    }
    isFollowing = true
    place = undefined
    return isInterrupted
  }

  const holds = (wanted: Positions) => logs.every(log => (wanted[log.index] ?? 0) >= log.from)

  async function reach(wanted: Positions): Promise<boolean> {
    if (holds(wanted)) return true
    const distance = logs.reduce((sum, log) => sum + Math.max(0, log.to - (wanted[log.index] ?? 0)), 0)
    if (distance > lookThrough) return false
    try {
      await Promise.all(logs.map(log => stretch(log, wanted[log.index] ?? 0)))
      return true
    } catch (error) {
      if (oldestPositionIn(error) === undefined) throw error
      return false
    }
  }

  /** One at a time for each topic: who asks for the same a moment later finds it there. */
  function stretch(log: TopicLog, after: number): Promise<void> {
    if (after >= log.from) return Promise.resolve()
    const reaching = log.reaching.then(() => readBack(log, after))
    log.reaching = reaching.catch(() => {})
    return reaching
  }

  async function readBack(log: TopicLog, after: number): Promise<void> {
    if (after >= log.from) return
    const found: EventEntry[] = []
    // While a page is read the window goes on, and may drop its oldest events: read on to where it begins by then.
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

  return {
    positions() {
      place ??= logs.map(log => log.to)
      return place
    },
    follow,
    isFollowing: () => isFollowing,
    add,
    holds,
    backfill: reach,
    list: ({ from, to, accept, limit }) =>
      mergeByTime(
        logs.map(({ entries, index }) => {
          const found: EventEntry[] = []
          for (
            let at = firstPast(entries, from[index] ?? 0);
            at < entries.length && found.length < limit;
            at++
          ) {
            const entry = entries[at]
            if (!entry || isPast(entry, to)) break
            if (accept(entry)) found.push(entry)
          }
          return found
        }),
        limit,
      ),
  }
}

/** The index of the first entry past `position`, by halving. */
function firstPast(entries: readonly EventEntry[], position: number): number {
  let [low, high] = [0, entries.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((entries[middle]?.position ?? 0) > position) high = middle
    else low = middle + 1
  }
  return low
}

/** Keeps the order within each list. */
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
