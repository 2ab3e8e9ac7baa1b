// Reads a topic's messages in pages from any position, and finds the topic's end.
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { withRetry } from '#platform/event-bus/kafka/connection.ts'
import { readEndOffsets, readStartOffsets, type TopicConnection } from '#platform/event-bus/kafka/fetch.ts'
import { findOffsetsAfter, findPositionBefore } from '#platform/event-bus/kafka/position-search.ts'
import { PUBLISH_CHUNK } from '#platform/event-bus/kafka/producer.ts'
import type { Topic } from '#platform/event-bus/kafka/topic.ts'
import { createTopicCursor, type TopicCursor } from '#platform/event-bus/kafka/topic-cursor.ts'
import { checkRead, oldestPositionIn } from '#platform/event-bus/validation.ts'

export type TopicLog = {
  readonly topic: Topic
  /** Reads as the port's `read` does. */
  read(after: number, limit: number): Promise<BusMessage[]>
  /** Returns the position up to which every message is there: messages after a gap that is being published do not count. */
  end(): Promise<number>
}

/** Cursors that are kept where a reader left them, so that its next page is not searched for. */
const MAX_CURSORS = 4
const PAGE = 1_000

export function openTopicLog(source: TopicConnection): TopicLog {
  const cursors = new Map<number, TopicCursor>()
  let last: Promise<TopicCursor | undefined> = Promise.resolve(undefined)
  let queued: Promise<TopicCursor> | undefined

  async function cursorAt(after: number): Promise<TopicCursor> {
    const kept = cursors.get(after)
    cursors.delete(after)
    return kept ?? createTopicCursor(source, await findOffsetsAfter(source, after), after)
  }

  function keep(cursor: TopicCursor): void {
    cursors.set(cursor.position(), cursor)
    const [oldest] = cursors.keys()
    if (cursors.size > MAX_CURSORS && oldest !== undefined) cursors.delete(oldest)
  }

  /** One search runs at a time: all who ask during one share the next. */
  function findEnd(): Promise<TopicCursor> {
    queued ??= last
      .catch(() => undefined) // reported to whoever began that search; this one starts afresh
      .then(cursor => {
        queued = undefined
        return moveToEnd(source, cursor)
      })
    return queued
  }

  return {
    topic: source.topic,
    async read(after, limit) {
      checkRead(after, limit)
      const cursor = await cursorAt(after)
      let page = await readPage(source, cursor, limit)
      if (page.length === 0 && cursor.isHeldUp()) {
        cursor.rewind()
        page = await readPage(source, cursor, limit)
      }
      keep(cursor)
      return page
    },
    async end() {
      last = findEnd()
      return (await last)?.position() ?? 0
    },
  }
}

async function readPage(
  { connection }: TopicConnection,
  cursor: TopicCursor,
  limit: number,
): Promise<BusMessage[]> {
  const page = cursor.take(limit)
  while (page.length < limit && (await withRetry(connection, () => cursor.fetch(0))))
    page.push(...cursor.take(limit - page.length))
  return page
}

/** Moves `cursor` to the end, or starts near the end when there is none or what comes next was deleted. */
async function moveToEnd(source: TopicConnection, cursor: TopicCursor | undefined): Promise<TopicCursor> {
  const moving = cursor ?? (await openNearEnd(source))
  try {
    while ((await readPage(source, moving, PAGE)).length === PAGE);
    return moving
  } catch (error) {
    if (!cursor || oldestPositionIn(error) === undefined) throw error
    return moveToEnd(source, undefined)
  }
}

/**
 * Opens a cursor so far before the end of each partition that everything a publisher may have left unfinished comes after
 * it: what is before has no gaps.
 */
async function openNearEnd(source: TopicConnection): Promise<TopicCursor> {
  const [starts, ends] = await Promise.all([readStartOffsets(source), readEndOffsets(source)])
  const offsets = ends.map((end, partition) => {
    const [start, wanted] = [starts[partition] ?? 0n, end - BigInt(PUBLISH_CHUNK)]
    return wanted > start ? wanted : start
  })
  return createTopicCursor(source, offsets, await findPositionBefore(source, offsets))
}
