// Follows a topic's end by long polls, once per process.
import { setTimeout as delay } from 'node:timers/promises'
import type { TopicConnection } from '#platform/event-bus/kafka/fetch.ts'
import { findOffsetsAfter } from '#platform/event-bus/kafka/position-search.ts'
import { createTopicCursor, type TopicCursor } from '#platform/event-bus/kafka/topic-cursor.ts'
import type { FeedInput } from '#platform/event-bus/topic-feed.ts'
import { oldestPositionIn } from '#platform/event-bus/validation.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'

const LONG_POLL_MS = 5_000
const PAGE = 1_000
const HELD_UP_MS = 5_000
const RETRY_MS = 100
const LAST_RETRY_MS = 2_000

type FollowerState = {
  readonly source: TopicConnection
  readonly logger: StoreLogger | undefined
  readonly feed: FeedInput
  cursor: TopicCursor
  /** The time from which the cursor has had messages that it cannot return. */
  heldUpSince: number | undefined
  isClosed: boolean
}

/** The connection is for this follower alone, because a long poll keeps other requests waiting; disposing closes it. */
export async function followTopic(
  { logger, ...source }: TopicConnection & { readonly logger: StoreLogger | undefined },
  feed: FeedInput,
): Promise<AsyncDisposable> {
  const follower: FollowerState = {
    source,
    logger,
    feed,
    cursor: createTopicCursor(source, await findOffsetsAfter(source, feed.end), feed.end),
    heldUpSince: undefined,
    isClosed: false,
  }
  const running = run(follower)
  return {
    async [Symbol.asyncDispose]() {
      follower.isClosed = true
      await source.connection[Symbol.asyncDispose]()
      await running
    },
  }
}

async function run(follower: FollowerState): Promise<void> {
  for (let failures = 0; !follower.isClosed; )
    try {
      await readPage(follower)
      failures = 0
    } catch (error) {
      if (follower.isClosed) return
      const failure = await recover(follower, error)
      if (failure === undefined) continue
      if (failures === 0)
        follower.logger?.warn(
          { err: failure, topic: follower.source.topic.name },
          'bus topic cannot be read, retrying',
        )
      await delay(RETRY_MS + fullJitter(failures, RETRY_MS, LAST_RETRY_MS))
      failures += 1
    }
}

/** Hands over what is fetched already, or else waits for more. */
async function readPage(follower: FollowerState): Promise<void> {
  const { cursor, feed } = follower
  const page = cursor.take(PAGE)
  if (page.length > 0) feed.add(page)
  else await cursor.fetch(LONG_POLL_MS)
  rewindWhenHeldUp(follower, page.length > 0)
}

/** Skips deleted messages. Returns the error when there is another, undefined when polling can go on. */
async function recover(follower: FollowerState, error: unknown): Promise<unknown> {
  const { source, feed } = follower
  const oldest = oldestPositionIn(error)
  if (oldest === undefined) return error
  try {
    const offsets = await findOffsetsAfter(source, oldest)
    follower.cursor = createTopicCursor(source, offsets, oldest)
  } catch (failure) {
    return failure
  }
  feed.skipTo(oldest)
  return undefined
}

/** Fetches again from a little further back, once in a while, when a message is missing for long. */
function rewindWhenHeldUp(follower: FollowerState, hasMoved: boolean): void {
  if (hasMoved || !follower.cursor.isHeldUp()) follower.heldUpSince = undefined
  else follower.heldUpSince ??= performance.now()
  if (follower.heldUpSince === undefined || performance.now() - follower.heldUpSince < HELD_UP_MS) return
  follower.cursor.rewind()
  follower.heldUpSince = performance.now()
}
