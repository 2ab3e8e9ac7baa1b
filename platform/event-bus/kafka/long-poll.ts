// Follows a topic's end in Kafka by long polls, for all in a process who follow the topic. Free of who they are.
import { setTimeout as delay } from 'node:timers/promises'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import type { KafkaConnection } from '#platform/event-bus/kafka/connection.ts'
import { findOffsetsAfter } from '#platform/event-bus/kafka/position-search.ts'
import { createTopicCursor, type TopicCursor } from '#platform/event-bus/kafka/topic-cursor.ts'
import type { TopicLog } from '#platform/event-bus/kafka/topic-log.ts'
import type { FeedSource } from '#platform/event-bus/topic-feed.ts'
import { oldestPositionIn } from '#platform/event-bus/validation.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'
import { createWakeSignal, fullJitter } from '#platform/resilience/backoff.ts'

export type HeadOptions = {
  /** For this head alone: a long poll keeps others waiting. */
  readonly lane: KafkaConnection
  readonly log: TopicLog
  /** Where it begins: the topic's end. */
  readonly end: number
  readonly logger: StoreLogger | undefined
}

/** What a topic's feed reads from; it has the newest messages before they are asked for. */
export type LongPoll = AsyncDisposable & Pick<FeedSource, 'read' | 'listen'>

const LONG_POLL_MS = 5_000
const PAGE = 1_000
/** Messages that wait for the feed, which takes them at once. */
const MOST_WAITING = 4_000
const HELD_UP_MS = 5_000
const RETRY_MS = 100
const LAST_RETRY_MS = 2_000

export async function openLongPoll({ lane, log, end, logger }: HeadOptions): Promise<LongPoll> {
  const { topic } = log
  const listeners = new Set<() => void>()
  const wakeSignal = createWakeSignal()
  let cursor = createTopicCursor(lane, topic, await findOffsetsAfter(lane, topic, end), end)
  // `waiting` holds every message past `from`, until `lost` says that what comes next was deleted.
  let waiting: BusMessage[] = []
  let from = end
  let lost: { readonly error: unknown; readonly oldest: number } | undefined
  let isClosed = false
  const watch = watchHoldUps()

  function notify(): void {
    for (const listener of listeners) listener()
  }

  async function readOn(): Promise<void> {
    if (lost || waiting.length > MOST_WAITING) {
      await wakeSignal.wait(LONG_POLL_MS)
      return
    }
    const page = cursor.take(PAGE)
    if (page.length > 0) {
      waiting.push(...page)
      notify()
    } else await cursor.fetch(LONG_POLL_MS)
    watch.look(cursor, page.length > 0)
  }

  async function skip(error: unknown, oldest: number): Promise<void> {
    cursor = createTopicCursor(lane, topic, await findOffsetsAfter(lane, topic, oldest), oldest)
    lost = { error, oldest }
    notify()
  }

  async function run(): Promise<void> {
    for (let failures = 0; !isClosed; )
      try {
        await readOn()
        failures = 0
      } catch (error) {
        if (isClosed) return
        const oldest = oldestPositionIn(error)
        const failure = oldest === undefined ? error : await skip(error, oldest).catch((err: unknown) => err)
        if (failure === undefined) continue
        if (failures === 0)
          logger?.warn(
            { err: failure, topic: topic.name },
            'the bus cannot be followed for now; trying again',
          )
        await delay(RETRY_MS + fullJitter(failures, RETRY_MS, LAST_RETRY_MS))
        failures += 1
      }
  }

  const running = run()
  return {
    async read(after, limit) {
      if (after !== from) return log.read(after, limit)
      if (waiting.length === 0 && lost) {
        const { error, oldest } = lost
        from = oldest
        lost = undefined
        wakeSignal.notify()
        throw error
      }
      const page = waiting.slice(0, limit)
      waiting = waiting.slice(limit)
      from = page.at(-1)?.position ?? from
      wakeSignal.notify()
      return page
    },
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      wakeSignal.notify()
      await lane[Symbol.asyncDispose]()
      await running
    },
  }
}

/** A message that is missing for long is looked for further back, once in a while. */
function watchHoldUps() {
  let since: number | undefined
  return {
    look(cursor: TopicCursor, isMoving: boolean): void {
      if (isMoving || !cursor.isHeldUp()) since = undefined
      else since ??= performance.now()
      if (since === undefined || performance.now() - since < HELD_UP_MS) return
      cursor.rewind()
      since = performance.now()
    },
  }
}
