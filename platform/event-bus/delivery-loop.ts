// Delivers one topic's messages to one subscription, batch after batch, each until it succeeds.
import type { BusMessage, Delivery } from '#platform/event-bus/event-bus.ts'
import type { TopicFeed } from '#platform/event-bus/topic-feed.ts'
import { oldestPositionIn } from '#platform/event-bus/validation.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { fullJitter, pauseUnlessAborted } from '#platform/resilience/backoff.ts'

type DeliveryLoop = {
  readonly topic: string
  readonly feed: TopicFeed
  /** The position after which to begin. */
  readonly after: number
  readonly deliver: Delivery
  /** Called after each batch that was delivered; throws to end the loop. */
  readonly onDelivered?: (position: number) => Promise<void> | void
  readonly signal: AbortSignal
  readonly logger: StoreLogger | undefined
}

const BATCH = 500
const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 10_000

/**
 * Resolves when `signal` aborts, once the delivery in flight has ended. A delivery that throws is repeated until it
 * succeeds, so that order is kept. When the next message is deleted already, the loop goes on with the oldest kept one.
 */
export async function runDeliveryLoop(loop: DeliveryLoop): Promise<void> {
  const { feed, signal } = loop
  for (let position = loop.after; !signal.aborted; ) {
    const messages = await retry(loop, 'read', () => readNext(loop, position))
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
    const isDelivered = await retry(loop, 'delivered', async () => {
      await loop.deliver(messages)
      return true
    })
    if (!isDelivered) return
    position = last
    await loop.onDelivered?.(position)
  }
}

/** Returns the next messages, or the position to go on from when they are deleted. */
async function readNext(
  { topic, feed, logger }: DeliveryLoop,
  position: number,
): Promise<readonly BusMessage[] | number> {
  try {
    return await feed.read(position, BATCH)
  } catch (error) {
    const oldest = oldestPositionIn(error)
    if (oldest === undefined) throw error
    logger?.error(
      { topic, after: position, oldest },
      'bus messages were deleted before delivery, going on with the oldest that is kept',
    )
    return oldest
  }
}

/** Resolves to undefined when the signal aborted before `work` succeeded. */
async function retry<T>(
  { topic, signal, logger }: DeliveryLoop,
  action: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    try {
      return await work()
    } catch (err) {
      logger?.warn({ err, topic, attempt }, `bus messages could not be ${action}, retrying`)
      await pauseUnlessAborted(fullJitter(attempt, FIRST_RETRY_MS, LAST_RETRY_MS), signal)
    }
  }
  return undefined
}
