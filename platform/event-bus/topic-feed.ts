// Keeps the newest messages of a topic in memory, read once per process for all its subscriptions.
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { checkName, oldestPositionIn } from '#platform/event-bus/validation.ts'
import { jittered } from '#platform/resilience/backoff.ts'

export type TopicFeed = {
  /** Returns the messages past `position`, at most `limit`: from memory if they are new, else from the log. */
  read(position: number, limit: number): Promise<readonly BusMessage[]>
  /** Resolves when there is a message past `position`, or when `signal` aborts. */
  waitPast(position: number, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export type FeedSource = {
  readonly read: (after: number, limit: number) => Promise<readonly BusMessage[]>
  /** Calls `listener` when messages may have been published; returns a function that stops it. */
  readonly listen: (listener: () => void) => () => void
  readonly onError: (error: unknown) => void
}

/** Messages kept in memory. A subscription that is further behind reads the log at its own pace. */
const WINDOW = 2_000
const PAGE = 1_000
const POLL_MS = 1_000

type FeedState = {
  readonly source: FeedSource
  /** Every message past `from` up to `to`. */
  recent: BusMessage[]
  from: number
  to: number
  waiting: (() => void)[]
  isClosed: boolean
  /** Set when there may be messages past `to`. */
  isDue: boolean
  reading: Promise<void> | undefined
}

/** Opens a feed that keeps what comes after `end`, the topic's end. */
export function openTopicFeed(source: FeedSource, end: number): TopicFeed {
  const feed: FeedState = {
    source,
    recent: [],
    from: end,
    to: end,
    waiting: [],
    isClosed: false,
    isDue: false,
    reading: undefined,
  }
  const stopListening = source.listen(() => refresh(feed))
  let timer = setTimeout(poll, jittered(POLL_MS))
  function poll(): void {
    refresh(feed)
    timer = setTimeout(poll, jittered(POLL_MS))
  }
  return {
    async read(position, limit) {
      if (position < feed.from) return source.read(position, limit)
      const first = indexPast(feed.recent, position)
      return feed.recent.slice(first, first + limit)
    },
    waitPast: (position, signal) => waitPast(feed, position, signal),
    async close() {
      feed.isClosed = true
      stopListening()
      clearTimeout(timer)
      await feed.reading
    },
  }
}

function refresh(feed: FeedState): void {
  feed.isDue = true
  feed.reading ??= readDue(feed).finally(() => {
    feed.reading = undefined
  })
}

async function readDue(feed: FeedState): Promise<void> {
  try {
    while (feed.isDue && !feed.isClosed) {
      feed.isDue = false
      const page = await feed.source.read(feed.to, PAGE)
      if (page.length === 0) continue
      feed.isDue ||= page.length === PAGE
      keep(feed, page)
    }
  } catch (error) {
    const oldest = oldestPositionIn(error)
    if (oldest === undefined) feed.source.onError(error)
    else skipTo(feed, oldest)
  }
}

function keep(feed: FeedState, page: readonly BusMessage[]): void {
  feed.recent.push(...page)
  feed.to = feed.recent.at(-1)?.position ?? feed.to
  if (feed.recent.length > WINDOW) {
    const dropped = feed.recent.length - WINDOW
    feed.from = feed.recent[dropped - 1]?.position ?? feed.from
    feed.recent = feed.recent.slice(dropped)
  }
  const woken = feed.waiting
  feed.waiting = []
  for (const wake of woken) wake()
}

/** The feed itself fell out of retention: the engine was away for as long as messages are kept. */
function skipTo(feed: FeedState, oldest: number): void {
  feed.recent = []
  feed.from = feed.to = oldest
  feed.isDue = true
}

function waitPast(feed: FeedState, position: number, signal: AbortSignal): Promise<void> {
  if (feed.to > position || signal.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
    feed.waiting.push(done)
  })
}

/** Returns the index of the first message past `position`, by binary search. */
function indexPast(messages: readonly BusMessage[], position: number): number {
  let [low, high] = [0, messages.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((messages[middle]?.position ?? 0) > position) high = middle
    else low = middle + 1
  }
  return low
}

export type SharedFeeds = AsyncDisposable & {
  open(topics: readonly string[]): Promise<{ readonly topic: string; readonly feed: TopicFeed }[]>
}

/** Opens one feed per topic, which lasts from its first subscription until the bus closes. */
export function shareFeeds(openFeed: (topic: string) => Promise<TopicFeed>): SharedFeeds {
  const feeds = new Map<string, Promise<TopicFeed>>()

  function feedOf(topic: string): Promise<TopicFeed> {
    const feed = feeds.get(topic) ?? openFeed(checkName('topic', topic))
    feeds.set(topic, feed)
    feed.catch(() => feeds.delete(topic)) // the next subscription tries again
    return feed
  }

  return {
    open: topics => Promise.all(topics.map(async topic => ({ topic, feed: await feedOf(topic) }))),
    async [Symbol.asyncDispose]() {
      for (const feed of feeds.values()) await (await feed).close()
    },
  }
}
