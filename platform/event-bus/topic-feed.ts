// The newest messages of a topic, read once per process for all who follow it. Free of any driver.

import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { oldestPositionIn } from '#platform/event-bus/validation.ts'
import { jittered } from '#platform/resilience/backoff.ts'

export type TopicFeed = {
  /** The messages past `position`, at most `limit`: from memory if they are new, else from the log. */
  read(position: number, limit: number): Promise<readonly BusMessage[]>
  /** Resolves when there is a message past `position`, or when `signal` aborts. */
  waitPast(position: number, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export type FeedSource = {
  readonly read: (after: number, limit: number) => Promise<readonly BusMessage[]>
  /** Calls `listener` when messages may have been published; returns how to stop. */
  readonly listen: (listener: () => void) => () => void
  readonly onError: (error: unknown) => void
}

/** Messages kept in memory. Whoever is further behind reads the log at a pace of its own. */
const WINDOW = 2_000
const PAGE = 1_000
const POLL_MS = 1_000

/** `end` is the topic's end: the feed keeps what comes after it. */
export function openTopicFeed(source: FeedSource, end: number): TopicFeed {
  // `recent` holds every message past `from` up to `to`.
  let recent: BusMessage[] = []
  let from = end
  let to = end
  let waiting: (() => void)[] = []
  let isClosed = false
  let isDue = false
  let pumping: Promise<void> | undefined

  async function readOn(): Promise<void> {
    while (isDue && !isClosed) {
      isDue = false
      const page = await source.read(to, PAGE)
      if (page.length === 0) continue
      isDue ||= page.length === PAGE
      keep(page)
    }
  }

  function keep(page: readonly BusMessage[]): void {
    recent.push(...page)
    to = recent.at(-1)?.position ?? to
    if (recent.length > WINDOW) {
      const dropped = recent.length - WINDOW
      from = recent[dropped - 1]?.position ?? from
      recent = recent.slice(dropped)
    }
    const woken = waiting
    waiting = []
    for (const wake of woken) wake()
  }

  /** The feed itself fell out of retention: the database was away for as long as messages are kept. */
  function skipTo(oldest: number): void {
    recent = []
    from = to = oldest
    isDue = true
  }

  function pump(): void {
    isDue = true
    pumping ??= readOn()
      .catch((error: unknown) => {
        const oldest = oldestPositionIn(error)
        if (oldest !== undefined) skipTo(oldest)
        else source.onError(error)
      })
      .finally(() => {
        pumping = undefined
      })
  }

  const stopListening = source.listen(pump)
  let timer = setTimeout(poll, jittered(POLL_MS))
  function poll(): void {
    pump()
    timer = setTimeout(poll, jittered(POLL_MS))
  }

  return {
    async read(position, limit) {
      if (position < from) return source.read(position, limit)
      const first = firstPast(recent, position)
      return recent.slice(first, first + limit)
    },
    waitPast(position, signal) {
      if (to > position || signal.aborted) return Promise.resolve()
      return new Promise(resolve => {
        const done = () => {
          signal.removeEventListener('abort', done)
          resolve()
        }
        signal.addEventListener('abort', done)
        waiting.push(done)
      })
    },
    async close() {
      isClosed = true
      stopListening()
      clearTimeout(timer)
      await pumping
    },
  }
}

/** The index of the first message past `position`, by halving. */
function firstPast(messages: readonly BusMessage[], position: number): number {
  let [low, high] = [0, messages.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((messages[middle]?.position ?? 0) > position) high = middle
    else low = middle + 1
  }
  return low
}
