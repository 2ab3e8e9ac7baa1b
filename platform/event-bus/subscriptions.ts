// The readers of a bus in this process, and the feeds that they share. Free of any driver.

import type { TopicFeed } from '#platform/event-bus/topic-feed.ts'
import { checkName } from '#platform/event-bus/validation.ts'

export type OpenedFeed = { readonly topic: string; readonly feed: TopicFeed }
export type SharedFeeds = AsyncDisposable & { open(topics: readonly string[]): Promise<OpenedFeed[]> }

/** One feed per topic, from its first reader until the bus closes. */
export function shareFeeds(openFeed: (topic: string) => Promise<TopicFeed>): SharedFeeds {
  const feeds = new Map<string, Promise<TopicFeed>>()

  function feedOf(topic: string): Promise<TopicFeed> {
    const feed = feeds.get(topic) ?? openFeed(checkName('topic', topic))
    feeds.set(topic, feed)
    feed.catch(() => feeds.delete(topic)) // the next reader tries again
    return feed
  }

  return {
    open: topics => Promise.all(topics.map(async topic => ({ topic, feed: await feedOf(topic) }))),
    async [Symbol.asyncDispose]() {
      for (const feed of feeds.values()) await (await feed).close()
    },
  }
}

export type Subscriptions = AsyncDisposable & {
  start(loops: (signal: AbortSignal) => readonly Promise<void>[]): AsyncDisposable
}

/** Runs readers' loops; ending a reader waits for the delivery that it is in. */
export function createSubscriptions(): Subscriptions {
  const readers = new Set<AsyncDisposable>()
  return {
    start(loops) {
      const closing = new AbortController()
      const running = Promise.all(loops(closing.signal))
      const reader = {
        async [Symbol.asyncDispose]() {
          closing.abort()
          await running
          readers.delete(reader)
        },
      }
      readers.add(reader)
      return reader
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...readers].map(reader => reader[Symbol.asyncDispose]()))
    },
  }
}
