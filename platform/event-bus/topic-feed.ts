// Keeps the newest messages of a topic in memory, read once per process for all its subscriptions.
import type { BusMessage, EventBus } from '#platform/event-bus/event-bus.ts'

export type TopicFeed = {
  /** Returns the messages past `position`, at most `limit`: from memory if they are new, else from the log. */
  read(position: number, limit: number): Promise<readonly BusMessage[]>
  /** Resolves when there is a message past `position`, or when `signal` aborts. */
  waitPast(position: number, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

/** The end of a topic, as the feed is told of it by the follower. */
export type FeedInput = {
  /** The position after which to begin. */
  readonly end: number
  /** Takes the messages that come next. */
  add(page: readonly BusMessage[]): void
  /** Says that the next messages were deleted: the engine was away for as long as messages are kept. */
  skipTo(oldest: number): void
}

/** How an engine reads a topic. */
export type TopicReader = Pick<EventBus, 'read' | 'end'> & {
  /** Gives the feed every message past its end, as soon as it is there, until disposed. */
  follow(topic: string, feed: FeedInput): Promise<AsyncDisposable>
}

/** Messages kept in memory. A subscription that is further behind reads the log at its own pace. */
const WINDOW = 2_000

type FeedState = {
  /** Every message past `from` up to `to`. */
  recent: BusMessage[]
  from: number
  to: number
  readonly waiting: Set<() => void>
}

/** Opens a feed that keeps what comes after the topic's end. */
export async function openTopicFeed(reader: TopicReader, topic: string): Promise<TopicFeed> {
  const end = await reader.end(topic)
  const feed: FeedState = { recent: [], from: end, to: end, waiting: new Set() }
  const following = await reader.follow(topic, {
    end,
    add: page => add(feed, page),
    skipTo(oldest) {
      feed.recent = []
      feed.from = feed.to = oldest
      wakeAll(feed)
    },
  })
  return {
    async read(position, limit) {
      if (position < feed.from) return reader.read(topic, position, limit)
      const first = indexPast(feed.recent, position)
      return feed.recent.slice(first, first + limit)
    },
    waitPast: (position, signal) => waitPast(feed, position, signal),
    close: async () => following[Symbol.asyncDispose](),
  }
}

function add(feed: FeedState, page: readonly BusMessage[]): void {
  feed.recent.push(...page)
  feed.to = feed.recent.at(-1)?.position ?? feed.to
  if (feed.recent.length > WINDOW) {
    const dropped = feed.recent.length - WINDOW
    feed.from = feed.recent[dropped - 1]?.position ?? feed.from
    feed.recent = feed.recent.slice(dropped)
  }
  wakeAll(feed)
}

function wakeAll(feed: FeedState): void {
  for (const wake of feed.waiting) wake()
}

function waitPast(feed: FeedState, position: number, signal: AbortSignal): Promise<void> {
  if (feed.to > position || signal.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      signal.removeEventListener('abort', done)
      feed.waiting.delete(done)
      resolve()
    }
    signal.addEventListener('abort', done)
    feed.waiting.add(done)
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
