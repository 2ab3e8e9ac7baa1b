// Reads a topic's partitions side by side and returns their messages in the order of positions.
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { toUnavailable } from '#platform/event-bus/kafka/connection.ts'
import {
  type FetchedPartition,
  fetchRecords,
  OffsetOutOfRange,
  partitionsByLeader,
  type TopicConnection,
} from '#platform/event-bus/kafka/fetch.ts'
import { findOffsetsAfter } from '#platform/event-bus/kafka/position-search.ts'
import type { LinkedMessage } from '#platform/event-bus/kafka/record-codec.ts'

export type TopicCursor = {
  /** Returns the position of the message that was taken last. */
  position(): number
  /** Returns the next messages that are fetched already, at most `limit`. */
  take(limit: number): BusMessage[]
  /**
   * Fetches more; resolves to true if something came within `waitMs`. Throws CallerError UNAVAILABLE, or BAD_USER_INPUT if
   * what comes next was deleted; it can be called again after either.
   */
  fetch(waitMs: number): Promise<boolean>
  /** True while there are messages that cannot be taken, because one before them is missing. */
  isHeldUp(): boolean
  /** Goes back a little in each partition, for when a missing message was written further back than it should be. */
  rewind(): void
}

/** A partition with so many messages that wait for others is not fetched. */
const MAX_EARLY = 1_000
const PARTITION_BYTES = 256 << 10
/** Enough for several publishers that went on writing after they were thought dead. */
const REWIND = 2_000n

type FetchOutcome = boolean | { readonly error: unknown }

type CursorState = {
  readonly source: TopicConnection
  /** By partition: the offset to fetch next. */
  offsets: bigint[]
  /** By partition: fetched messages that were not taken yet. */
  readonly queues: readonly LinkedMessage[][]
  /** By broker: the fetch in flight. */
  readonly fetching: Map<number, Promise<FetchOutcome>>
  position: number
}

/** Begins after position `after`; by partition, what follows it is at `offsets` or later. */
export function createTopicCursor(
  source: TopicConnection,
  offsets: readonly bigint[],
  after: number,
): TopicCursor {
  const cursor: CursorState = {
    source,
    offsets: [...offsets],
    queues: offsets.map(() => []),
    fetching: new Map(),
    position: after,
  }
  return {
    position: () => cursor.position,
    take: limit => take(cursor, limit),
    fetch: waitMs => fetch(cursor, waitMs),
    isHeldUp: () => cursor.queues.some(queue => queue.length > 0),
    rewind() {
      cursor.offsets = cursor.offsets.map(offset => (offset > REWIND ? offset - REWIND : 0n))
      clearQueues(cursor)
    },
  }
}

function clearQueues({ queues }: CursorState): void {
  for (const queue of queues) queue.length = 0
}

function take(cursor: CursorState, limit: number): BusMessage[] {
  const taken: BusMessage[] = []
  while (taken.length < limit) {
    const message = takeOne(cursor)
    if (!message) break
    taken.push(message)
  }
  return taken
}

/**
 * Takes the lowest message, if the one before it was taken already. Messages at the current position or below are
 * dropped: they were published twice.
 */
function takeOne(cursor: CursorState): BusMessage | undefined {
  let lowest: LinkedMessage[] | undefined
  for (const queue of cursor.queues) {
    while (queue[0] && queue[0].position <= cursor.position) queue.shift()
    if (queue[0] && queue[0].position < (lowest?.[0]?.position ?? Number.POSITIVE_INFINITY)) lowest = queue
  }
  if (!lowest?.[0] || lowest[0].before > cursor.position) return undefined
  const next = lowest.shift()
  cursor.position = next?.position ?? cursor.position
  return next?.message
}

async function fetch(cursor: CursorState, waitMs: number): Promise<boolean> {
  try {
    return await fetchAll(cursor, waitMs)
  } catch (error) {
    if (!(error instanceof OffsetOutOfRange)) {
      cursor.source.connection.forgetLayout()
      throw toUnavailable(error)
    }
    cursor.offsets = await findOffsetsAfter(cursor.source, cursor.position)
    clearQueues(cursor)
    return false
  }
}

/** Fetches from every broker. With `waitMs` 0 it waits for all of them, else for the first to answer. */
async function fetchAll(cursor: CursorState, waitMs: number): Promise<boolean> {
  const { source, queues, fetching } = cursor
  const { leaders } = await source.connection.layout(source.topic.kafkaName)
  for (const [node, partitions] of partitionsByLeader(leaders)) {
    const open = partitions.filter(partition => (queues[partition]?.length ?? 0) < MAX_EARLY)
    if (open.length > 0 && !fetching.has(node))
      fetching.set(node, fetchFrom(cursor, { node, partitions: open, waitMs }))
  }
  const pending = [...fetching.values()]
  const outcomes = waitMs > 0 ? [await Promise.race(pending)] : await Promise.all(pending)
  for (const outcome of outcomes) if (typeof outcome === 'object') throw outcome.error
  return outcomes.includes(true)
}

async function fetchFrom(
  cursor: CursorState,
  request: { readonly node: number; readonly partitions: readonly number[]; readonly waitMs: number },
): Promise<FetchOutcome> {
  const { node, partitions, waitMs } = request
  try {
    const offsets = partitions.map(partition => ({ partition, offset: cursor.offsets[partition] ?? 0n }))
    const fetched = await fetchRecords(cursor.source, {
      node,
      offsets,
      waitMs,
      partitionBytes: PARTITION_BYTES,
    })
    return fetched.map(partition => accept(cursor, partition)).includes(true)
  } catch (error) {
    return { error }
  } finally {
    cursor.fetching.delete(node)
  }
}

/** Ignores what was fetched before the cursor moved. */
function accept(cursor: CursorState, { partition, offset, records, next }: FetchedPartition): boolean {
  if (cursor.offsets[partition] !== offset || next === offset) return false
  cursor.offsets[partition] = next
  cursor.queues[partition]?.push(...records)
  return true
}
