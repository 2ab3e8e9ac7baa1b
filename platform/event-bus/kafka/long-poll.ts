// Follows a topic's end by long polls, once per process.
import { setTimeout as delay } from 'node:timers/promises'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import type { KafkaConnection } from '#platform/event-bus/kafka/connection.ts'
import type { TopicConnection } from '#platform/event-bus/kafka/fetch.ts'
import { findOffsetsAfter } from '#platform/event-bus/kafka/position-search.ts'
import { createTopicCursor, type TopicCursor } from '#platform/event-bus/kafka/topic-cursor.ts'
import type { TopicLog } from '#platform/event-bus/kafka/topic-log.ts'
import type { FeedSource } from '#platform/event-bus/topic-feed.ts'
import { oldestPositionIn } from '#platform/event-bus/validation.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { createWakeSignal, fullJitter, type WakeSignal } from '#platform/resilience/backoff.ts'

type LongPollOptions = {
  /** For this long poll alone, because it keeps other requests waiting. */
  readonly connection: KafkaConnection
  readonly log: TopicLog
  /** Where it begins: the topic's end. */
  readonly end: number
  readonly logger: StoreLogger | undefined
}

/** The source of a topic's feed: it has fetched the newest messages before they are read. */
type LongPoll = AsyncDisposable & Pick<FeedSource, 'read' | 'listen'>

const LONG_POLL_MS = 5_000
const PAGE = 1_000
/** The most messages that wait for the feed, which reads them at once. */
const MAX_WAITING = 4_000
const HELD_UP_MS = 5_000
const RETRY_MS = 100
const LAST_RETRY_MS = 2_000

type PollState = {
  readonly source: TopicConnection
  readonly log: TopicLog
  readonly logger: StoreLogger | undefined
  readonly listeners: Set<() => void>
  readonly wakeSignal: WakeSignal
  cursor: TopicCursor
  /** Every message past `from`, until `lost` says that what comes next was deleted. */
  waiting: BusMessage[]
  from: number
  lost: { readonly error: unknown; readonly oldest: number } | undefined
  /** Since when the cursor has messages that it cannot return. */
  heldUpSince: number | undefined
  isClosed: boolean
}

export async function openLongPoll(options: LongPollOptions): Promise<LongPoll> {
  const { connection, log, end, logger } = options
  const source = { connection, topic: log.topic }
  const poll: PollState = {
    source,
    log,
    logger,
    listeners: new Set(),
    wakeSignal: createWakeSignal(),
    cursor: createTopicCursor(source, await findOffsetsAfter(source, end), end),
    waiting: [],
    from: end,
    lost: undefined,
    heldUpSince: undefined,
    isClosed: false,
  }
  const running = run(poll)
  return {
    read: (after, limit) => read(poll, after, limit),
    listen(listener) {
      poll.listeners.add(listener)
      return () => void poll.listeners.delete(listener)
    },
    async [Symbol.asyncDispose]() {
      poll.isClosed = true
      poll.wakeSignal.notify()
      await connection[Symbol.asyncDispose]()
      await running
    },
  }
}

async function run(poll: PollState): Promise<void> {
  for (let failures = 0; !poll.isClosed; )
    try {
      await fetchOrWait(poll)
      failures = 0
    } catch (error) {
      if (poll.isClosed) return
      const failure = await recover(poll, error)
      if (failure === undefined) continue
      if (failures === 0)
        poll.logger?.warn(
          { err: failure, topic: poll.source.topic.name },
          'bus topic cannot be read, retrying',
        )
      await delay(RETRY_MS + fullJitter(failures, RETRY_MS, LAST_RETRY_MS))
      failures += 1
    }
}

async function fetchOrWait(poll: PollState): Promise<void> {
  const { cursor, waiting, wakeSignal } = poll
  if (poll.lost || waiting.length > MAX_WAITING) {
    await wakeSignal.wait(LONG_POLL_MS)
    return
  }
  const page = cursor.take(PAGE)
  if (page.length > 0) {
    poll.waiting.push(...page)
    callListeners(poll)
  } else await cursor.fetch(LONG_POLL_MS)
  rewindWhenHeldUp(poll, page)
}

/** Skips deleted messages. Returns the error when there is another, undefined when polling can go on. */
async function recover(poll: PollState, error: unknown): Promise<unknown> {
  const oldest = oldestPositionIn(error)
  if (oldest === undefined) return error
  try {
    const offsets = await findOffsetsAfter(poll.source, oldest)
    poll.cursor = createTopicCursor(poll.source, offsets, oldest)
  } catch (failure) {
    return failure
  }
  poll.lost = { error, oldest }
  callListeners(poll)
  return undefined
}

function callListeners({ listeners }: PollState): void {
  for (const listener of listeners) listener()
}

/** Fetches again from a little further back, once in a while, when a message is missing for long. */
function rewindWhenHeldUp(poll: PollState, page: readonly BusMessage[]): void {
  if (page.length > 0 || !poll.cursor.isHeldUp()) poll.heldUpSince = undefined
  else poll.heldUpSince ??= performance.now()
  if (poll.heldUpSince === undefined || performance.now() - poll.heldUpSince < HELD_UP_MS) return
  poll.cursor.rewind()
  poll.heldUpSince = performance.now()
}

async function read(poll: PollState, after: number, limit: number): Promise<readonly BusMessage[]> {
  if (after !== poll.from) return poll.log.read(after, limit)
  if (poll.waiting.length === 0 && poll.lost) {
    const { error, oldest } = poll.lost
    poll.from = oldest
    poll.lost = undefined
    poll.wakeSignal.notify()
    throw error
  }
  const page = poll.waiting.slice(0, limit)
  poll.waiting = poll.waiting.slice(limit)
  poll.from = page.at(-1)?.position ?? poll.from
  poll.wakeSignal.notify()
  return page
}
