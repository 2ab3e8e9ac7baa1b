// Follows a topic's end in PostgreSQL: reads on each notification, and every second in case one was lost.
import { readMessages } from '#platform/event-bus/postgres/messages.ts'
import type { FeedInput } from '#platform/event-bus/topic-feed.ts'
import { oldestPositionIn } from '#platform/event-bus/validation.ts'
import type { Notifications } from '#platform/postgres/notifications.ts'
import type { Pool, StoreLogger } from '#platform/postgres/pool.ts'
import { createWakeSignal, jittered } from '#platform/resilience/backoff.ts'

type FollowerOptions = {
  readonly topic: string
  readonly pool: Pool
  readonly notifications: Notifications
  readonly logger: StoreLogger | undefined
}

const PAGE = 1_000
const POLL_MS = 1_000

/** Tells everybody who follows the topic that there are new messages. */
export function notifyFollowers(notifications: Notifications, topic: string): void {
  notifications.notify(notificationOf(topic))
}

function notificationOf(topic: string): string {
  return `messages ${topic}`
}

/** Disposing waits for the read under way. */
export function followTopic(options: FollowerOptions, feed: FeedInput): AsyncDisposable {
  const { topic, pool, notifications, logger } = options
  const wakeSignal = createWakeSignal()
  const stopListening = notifications.listen(notificationOf(topic), wakeSignal.notify)
  let position = feed.end
  let isClosed = false

  /** Resolves to false when there is more to read at once. */
  async function readPage(): Promise<boolean> {
    try {
      const page = await readMessages(pool, topic, { after: position, limit: PAGE })
      if (page.length > 0) feed.add(page)
      position = page.at(-1)?.position ?? position
      return page.length < PAGE
    } catch (err) {
      const oldest = oldestPositionIn(err)
      if (oldest === undefined) {
        logger?.warn({ err, topic }, 'bus messages could not be read, retrying')
        return true
      }
      feed.skipTo(oldest)
      position = oldest
      return false
    }
  }

  async function run(): Promise<void> {
    while (!isClosed) if (await readPage()) await wakeSignal.wait(jittered(POLL_MS))
  }

  const running = run()
  return {
    async [Symbol.asyncDispose]() {
      isClosed = true
      stopListening()
      wakeSignal.notify()
      await running
    },
  }
}
