// Runs the delivery loops of a process's subscriptions, and ends them.
import { runDeliveryLoop } from '#platform/event-bus/delivery-loop.ts'
import type { Delivery, EventBus } from '#platform/event-bus/event-bus.ts'
import type { SharedFeeds } from '#platform/event-bus/topic-feed.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'

type Subscriptions = AsyncDisposable & {
  start(loops: (signal: AbortSignal) => readonly Promise<void>[]): AsyncDisposable
}

/** Ending a subscription waits for the delivery that it is in. */
export function createSubscriptions(): Subscriptions {
  const subscriptions = new Set<AsyncDisposable>()
  return {
    start(loops) {
      const closing = new AbortController()
      const running = Promise.all(loops(closing.signal))
      const subscription = {
        async [Symbol.asyncDispose]() {
          closing.abort()
          await running
          subscriptions.delete(subscription)
        },
      }
      subscriptions.add(subscription)
      return subscription
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...subscriptions].map(subscription => subscription[Symbol.asyncDispose]()))
    },
  }
}

type TailSource = Pick<EventBus, 'read' | 'end'> & {
  readonly feeds: SharedFeeds
  readonly subscriptions: Subscriptions
  readonly logger: StoreLogger | undefined
}

/** Starts a tail as the port's `tail` does. Throws CallerError BAD_USER_INPUT if a position fell out of retention. */
export async function startTail(
  source: TailSource,
  tail: {
    readonly topics: readonly string[]
    readonly deliver: Delivery
    readonly after: Readonly<Record<string, number>>
  },
): Promise<AsyncDisposable> {
  const { topics, deliver, after } = tail
  const { feeds, subscriptions, logger } = source
  const starts = new Map(
    await Promise.all(
      topics.map(async topic => [topic, await startOf(source, topic, after[topic])] as const),
    ),
  )
  const opened = await feeds.open(topics)
  return subscriptions.start(signal =>
    opened.map(({ topic, feed }) =>
      runDeliveryLoop({ topic, feed, after: starts.get(topic) ?? 0, deliver, signal, logger }),
    ),
  )
}

/** Returns `after` if it is still kept, or the topic's end when it is left out. */
async function startOf({ read, end }: TailSource, topic: string, after: number | undefined): Promise<number> {
  if (after === undefined) return end(topic)
  await read(topic, after, 1)
  return after
}
