// A topic's messages in Kafka, read in pages from any position, and where they end. Free of who reads them.

import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { type KafkaConnection, withRetry } from '#platform/event-bus/kafka/connection.ts'
import { readEndOffsets, readStartOffsets } from '#platform/event-bus/kafka/fetch.ts'
import { findOffsetsAfter, findPositionBefore } from '#platform/event-bus/kafka/position-search.ts'
import { PUBLISH_CHUNK } from '#platform/event-bus/kafka/producer.ts'
import type { Topic } from '#platform/event-bus/kafka/topic.ts'
import { createTopicCursor, type TopicCursor } from '#platform/event-bus/kafka/topic-cursor.ts'
import { checkRead, oldestPositionIn } from '#platform/event-bus/validation.ts'

export type TopicLog = {
  readonly topic: Topic
  /** As the port says of `read`. */
  read(after: number, limit: number): Promise<BusMessage[]>
  /** The position up to which every message is there: of a batch that is being published, none or all before a gap. */
  end(): Promise<number>
}

/** Cursors that stand where a reader left them, so that its next page is not searched for. */
const MOST_CURSORS = 4
const PAGE = 1_000

export function openTopicLog(lane: KafkaConnection, topic: Topic): TopicLog {
  const cursors = new Map<number, TopicCursor>()
  let last: Promise<TopicCursor | undefined> = Promise.resolve(undefined)
  let queued: Promise<TopicCursor> | undefined

  async function cursorAt(after: number): Promise<TopicCursor> {
    const kept = cursors.get(after)
    cursors.delete(after)
    return kept ?? createTopicCursor(lane, topic, await findOffsetsAfter(lane, topic, after), after)
  }

  function keep(cursor: TopicCursor): void {
    cursors.set(cursor.position(), cursor)
    const [oldest] = cursors.keys()
    if (cursors.size > MOST_CURSORS && oldest !== undefined) cursors.delete(oldest)
  }

  /** One look at a time: whoever comes during one gets the answer of the next, which all of them share. */
  function lookForEnd(): Promise<TopicCursor> {
    queued ??= last
      .catch(() => undefined)
      .then(cursor => {
        queued = undefined
        return toEnd(lane, topic, cursor)
      })
    return queued
  }

  return {
    topic,
    async read(after, limit) {
      checkRead(after, limit)
      const cursor = await cursorAt(after)
      let page = await readOn(lane, cursor, limit)
      if (page.length === 0 && cursor.isHeldUp()) {
        cursor.rewind()
        page = await readOn(lane, cursor, limit)
      }
      keep(cursor)
      return page
    },
    async end() {
      last = lookForEnd()
      return (await last)?.position() ?? 0
    },
  }
}

async function readOn(lane: KafkaConnection, cursor: TopicCursor, limit: number): Promise<BusMessage[]> {
  const page = cursor.take(limit)
  while (page.length < limit && (await withRetry(lane, () => cursor.fetch(0))))
    page.push(...cursor.take(limit - page.length))
  return page
}

/** The cursor at the end, moved there from where it stood unless what came next was deleted. */
async function toEnd(
  lane: KafkaConnection,
  topic: Topic,
  stood: TopicCursor | undefined,
): Promise<TopicCursor> {
  const cursor = stood ?? (await nearEnd(lane, topic))
  try {
    while ((await readOn(lane, cursor, PAGE)).length === PAGE);
    return cursor
  } catch (error) {
    if (!stood || oldestPositionIn(error) === undefined) throw error
    return toEnd(lane, topic, undefined)
  }
}

/**
 * Stands before the last messages of each partition, so many that what a publisher may have left unfinished is among
 * them: all that is before has nothing missing.
 */
async function nearEnd(lane: KafkaConnection, topic: Topic): Promise<TopicCursor> {
  const [starts, ends] = await Promise.all([readStartOffsets(lane, topic), readEndOffsets(lane, topic)])
  const offsets = ends.map((end, partition) => {
    const [start, wanted] = [starts[partition] ?? 0n, end - BigInt(PUBLISH_CHUNK)]
    return wanted > start ? wanted : start
  })
  return createTopicCursor(lane, topic, offsets, await findPositionBefore(lane, topic, offsets))
}
