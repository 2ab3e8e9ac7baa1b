// Follows one topic for one reader: batch after batch, each until it is delivered. Free of any driver.
import { setTimeout as delay } from 'node:timers/promises'
import type { Delivery } from '#platform/event-bus/event-bus.ts'
import type { TopicFeed } from '#platform/event-bus/topic-feed.ts'
import { oldestPositionIn } from '#platform/event-bus/validation.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'

export type DeliveryLoopOptions = {
  readonly topic: string
  readonly feed: TopicFeed
  /** The position after which to begin. */
  readonly after: number
  readonly deliver: Delivery
  /** Called after each batch that was delivered; throws to end the following. */
  readonly onDelivered?: (position: number) => Promise<void>
  readonly signal: AbortSignal
  readonly logger: StoreLogger | undefined
}

const BATCH = 500
const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 10_000

/**
 * Returns when `signal` aborts, once the delivery in flight has ended. A delivery that throws is made again for ever,
 * so that order is kept. A reader whose next message is deleted already goes on with the oldest that is kept.
 */
export async function runDeliveryLoop(following: DeliveryLoopOptions): Promise<void> {
  const { feed, signal } = following
  for (let position = following.after; !signal.aborted; ) {
    const messages = await retried(following, 'reading', () => readNext(following, position))
    if (messages === undefined) return
    if (typeof messages === 'number') {
      position = messages
      continue
    }
    const last = messages.at(-1)?.position
    if (last === undefined) {
      await feed.waitPast(position, signal)
      continue
    }
    const done = await retried(following, 'delivering', async () => {
      await following.deliver(messages)
      return true
    })
    if (!done) return
    position = last
    await following.onDelivered?.(position)
  }
}

/** The next messages, or the position to go on from when they are deleted. */
async function readNext({ topic, feed, logger }: DeliveryLoopOptions, position: number) {
  try {
    return await feed.read(position, BATCH)
  } catch (error) {
    const oldest = oldestPositionIn(error)
    if (oldest === undefined) throw error
    logger?.error({ topic, after: position, oldest }, 'a reader of the bus lost messages: they were deleted')
    return oldest
  }
}

/** Undefined when the signal aborted before `work` succeeded. */
async function retried<T>(
  { topic, signal, logger }: DeliveryLoopOptions,
  doing: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return await work()
    } catch (err) {
      logger?.warn({ err, topic, attempt }, `${doing} messages of the bus failed; trying again`)
      await delay(fullJitter(attempt, FIRST_RETRY_MS, LAST_RETRY_MS), undefined, { signal }).catch(() => {})
    }
  }
  return undefined
}
