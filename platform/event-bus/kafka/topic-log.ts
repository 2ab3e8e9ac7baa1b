// A topic's messages in Kafka, read in pages from any position, and where they end. Free of who reads them.

import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { type Lane, request } from '#platform/event-bus/kafka/connection.ts'
import { endsOf, startsOf } from '#platform/event-bus/kafka/fetch.ts'
import { positionBefore, seek } from '#platform/event-bus/kafka/position-search.ts'
import { PUBLISH_CHUNK } from '#platform/event-bus/kafka/producer.ts'
import type { Topic } from '#platform/event-bus/kafka/topic.ts'
import { type Cursor, createCursor } from '#platform/event-bus/kafka/topic-cursor.ts'
import { checkRead, oldestLeft } from '#platform/event-bus/validation.ts'

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

export function openTopicLog(lane: Lane, topic: Topic): TopicLog {
  const cursors = new Map<number, Cursor>()
  let last: Promise<Cursor | undefined> = Promise.resolve(undefined)
  let queued: Promise<Cursor> | undefined

  async function cursorAt(after: number): Promise<Cursor> {
    const kept = cursors.get(after)
    cursors.delete(after)
    return kept ?? createCursor(lane, topic, await seek(lane, topic, after), after)
  }

  function keep(cursor: Cursor): void {
    cursors.set(cursor.position(), cursor)
    const [oldest] = cursors.keys()
    if (cursors.size > MOST_CURSORS && oldest !== undefined) cursors.delete(oldest)
  }

  /** One look at a time: whoever comes during one gets the answer of the next, which all of them share. */
  function lookForEnd(): Promise<Cursor> {
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

async function readOn(lane: Lane, cursor: Cursor, limit: number): Promise<BusMessage[]> {
  const page = cursor.take(limit)
  while (page.length < limit && (await request(lane, () => cursor.more(0))))
    page.push(...cursor.take(limit - page.length))
  return page
}

/** The cursor at the end, moved there from where it stood unless what came next was deleted. */
async function toEnd(lane: Lane, topic: Topic, stood: Cursor | undefined): Promise<Cursor> {
  const cursor = stood ?? (await nearEnd(lane, topic))
  try {
    while ((await readOn(lane, cursor, PAGE)).length === PAGE);
    return cursor
  } catch (error) {
    if (!stood || oldestLeft(error) === undefined) throw error
    return toEnd(lane, topic, undefined)
  }
}

/**
 * Stands before the last messages of each partition, so many that what a publisher may have left unfinished is among
 * them: all that is before has nothing missing.
 */
async function nearEnd(lane: Lane, topic: Topic): Promise<Cursor> {
  const [starts, ends] = await Promise.all([startsOf(lane, topic), endsOf(lane, topic)])
  const offsets = ends.map((end, partition) => {
    const [start, wanted] = [starts[partition] ?? 0n, end - BigInt(PUBLISH_CHUNK)]
    return wanted > start ? wanted : start
  })
  return createCursor(lane, topic, offsets, await positionBefore(lane, topic, offsets))
}
