// Makes an event bus of what an engine does: checks names, shares feeds, runs subscriptions and retention.
import { createBusHandle } from '#platform/event-bus/bus-handle.ts'
import { runDeliveryLoop } from '#platform/event-bus/delivery-loop.ts'
import type { Delivery, EventBus } from '#platform/event-bus/event-bus.ts'
import { openTopicFeed, type TopicFeed, type TopicReader } from '#platform/event-bus/topic-feed.ts'
import { checkName } from '#platform/event-bus/validation.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { startPeriodicTask } from '#platform/resilience/periodic-task.ts'

type GroupSubscription = {
  readonly group: string
  readonly topic: string
  readonly feed: TopicFeed
  readonly deliver: Delivery
}

/** An engine's part of the bus. It gets names that are valid, and publishes at least one event. */
export type TopicEngine = TopicReader & {
  readonly publish: EventBus['publish']
  /** Joins a group of one topic. Resolves to a function that delivers until `signal` aborts. */
  join(subscription: GroupSubscription): Promise<(signal: AbortSignal) => Promise<void>>
  /** Ends early when `signal` aborts. */
  deleteOld(retentionMs: number, signal: AbortSignal): Promise<unknown>
}

export type RetentionOptions = {
  /** How long messages are kept; 7 days by default. What an active group has yet to get is kept longer. */
  readonly retentionMs?: number
  /** How often old messages are deleted; 10 minutes by default. */
  readonly trimEveryMs?: number
}

type TopicBusOptions = RetentionOptions & { readonly logger?: StoreLogger }

const RETENTION_MS = 7 * 86_400_000
const TRIM_EVERY_MS = 600_000

/** Creates the bus, which owns `open`: closing it ends the subscriptions, then what the engine has opened. */
export function createTopicBus(
  engine: TopicEngine,
  open: AsyncDisposableStack,
  options: TopicBusOptions,
): EventBus {
  const { retentionMs = RETENTION_MS, trimEveryMs = TRIM_EVERY_MS, logger } = options
  const feeds = open.use(shareFeeds(engine))
  open.use(
    startPeriodicTask({
      run: signal => engine.deleteOld(retentionMs, signal),
      everyMs: trimEveryMs,
      first: 'after-pause',
      jitter: 0.2,
      onError: err => logger?.warn({ err }, `old bus messages not deleted, retrying in ${trimEveryMs} ms`),
    }),
  )
  const read: EventBus['read'] = async (topic, after, limit) =>
    engine.read(checkName('topic', topic), after, limit)
  const end: EventBus['end'] = async topic => engine.end(checkName('topic', topic))

  /** Returns `after` if it is still kept, or the topic's end when it is left out. */
  async function startOf(topic: string, after: number | undefined): Promise<number> {
    if (after === undefined) return end(topic)
    await read(topic, after, 1)
    return after
  }

  const bus: Parameters<typeof createBusHandle>[0] = {
    read,
    end,
    async publish(topic, events, soft) {
      checkName('topic', topic)
      return events.length === 0 || engine.publish(topic, events, soft)
    },
    async subscribe(group, topics, deliver) {
      checkName('group', group)
      const opened = await feeds.open(topics)
      const runs = await Promise.all(opened.map(feed => engine.join({ group, ...feed, deliver })))
      return startSubscription(signal => runs.map(run => run(signal)))
    },
    async tail(topics, deliver, after = {}) {
      const starts = await Promise.all(topics.map(topic => startOf(topic, after[topic])))
      const opened = await feeds.open(topics)
      return startSubscription(signal =>
        opened.map(({ topic, feed }, index) =>
          runDeliveryLoop({ topic, feed, after: starts[index] ?? 0, deliver, signal, logger }),
        ),
      )
    },
  }
  return createBusHandle(bus, () => open.disposeAsync())
}

/** Opens one feed per topic, which lasts from its first subscription until the bus closes. */
function shareFeeds(reader: TopicReader) {
  const feeds = new Map<string, Promise<TopicFeed>>()

  function feedOf(topic: string): Promise<TopicFeed> {
    const feed = feeds.get(topic) ?? openTopicFeed(reader, checkName('topic', topic))
    feeds.set(topic, feed)
    feed.catch(() => feeds.delete(topic)) // the next subscription tries again
    return feed
  }

  return {
    open: (topics: readonly string[]) =>
      Promise.all(topics.map(async topic => ({ topic, feed: await feedOf(topic) }))),
    async [Symbol.asyncDispose]() {
      for (const feed of feeds.values()) await (await feed).close()
    },
  }
}

/** Ending a subscription waits for the delivery that it is in. */
function startSubscription(loops: (signal: AbortSignal) => readonly Promise<void>[]): AsyncDisposable {
  const closing = new AbortController()
  const running = Promise.all(loops(closing.signal))
  return {
    async [Symbol.asyncDispose]() {
      closing.abort()
      await running
    },
  }
}
