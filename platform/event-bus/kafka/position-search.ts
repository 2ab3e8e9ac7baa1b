// Finds the offsets of positions in a topic's partitions by searching them.
import { setTimeout as delay } from 'node:timers/promises'
import { withRetry } from '#platform/event-bus/kafka/connection.ts'
import {
  fetchRecords,
  OffsetOutOfRange,
  readEndOffsets,
  readStartOffsets,
  type TopicConnection,
} from '#platform/event-bus/kafka/fetch.ts'
import type { LinkedMessage, PartitionOffset } from '#platform/event-bus/kafka/record-codec.ts'
import { retentionError } from '#platform/event-bus/validation.ts'

/** How much of a partition one probe reads: a few dozen messages. */
const PROBE_BYTES = 32 << 10
const ATTEMPTS = 3
/** Searches begin near the end, where most readers want to be. */
const FIRST_STEP = 16n
const STEP_FACTOR = 16n

/**
 * Returns, by partition, the offset of the first message past `after`. Positions rise with offsets in a partition. Throws
 * CallerError BAD_USER_INPUT if `after` fell out of retention.
 */
export async function findOffsetsAfter(source: TopicConnection, after: number): Promise<bigint[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      const [starts, ends] = await Promise.all([readStartOffsets(source), readEndOffsets(source)])
      const offsets = await Promise.all(
        starts.map((start, partition) =>
          findFirstPast(source, { partition, start, end: ends[partition] ?? start, after }),
        ),
      )
      await checkRetention(source, { starts, offsets, after })
      return offsets
    } catch (error) {
      // Messages were deleted during the search.
      if (!(error instanceof OffsetOutOfRange) || attempt >= ATTEMPTS) throw error
      await delay(10)
    }
  }
}

type SearchRange = {
  readonly partition: number
  readonly start: bigint
  readonly end: bigint
  readonly after: number
}

/** Searches in growing steps from the end on, then by halving. */
async function findFirstPast(
  source: TopicConnection,
  { partition, start, end, after }: SearchRange,
): Promise<bigint> {
  // Records before `low` are at `after` or below; records from `high` on are past it.
  let [low, high, step] = [start, end, FIRST_STEP]
  let isStepping = true
  while (low < high) {
    const middle = isStepping ? (high - step > low ? high - step : low) : (low + high) / 2n
    step *= STEP_FACTOR
    const records = await readRecordsAt(source, { partition, offset: middle })
    const [first, past] = [records[0], records.find(({ position }) => position > after)]
    if (!first || first === past) high = middle
    else if (past) return past.offset
    else {
      low = (records.at(-1)?.offset ?? middle) + 1n
      isStepping = false
    }
  }
  return low
}

/** Returns the messages from an offset on, as many as one probe reads. */
export async function readRecordsAt(
  source: TopicConnection,
  at: PartitionOffset,
): Promise<readonly LinkedMessage[]> {
  const { connection, topic } = source
  return withRetry(connection, async () => {
    const { leaders } = await connection.layout(topic.kafkaName)
    const node = leaders[at.partition] ?? -1
    const [fetched] = await fetchRecords(source, {
      node,
      offsets: [at],
      waitMs: 0,
      partitionBytes: PROBE_BYTES,
    })
    return fetched?.records ?? []
  })
}

async function checkRetention(
  source: TopicConnection,
  found: { readonly starts: readonly bigint[]; readonly offsets: readonly bigint[]; readonly after: number },
): Promise<void> {
  const { starts, offsets, after } = found
  if (!starts.some((start, partition) => start > 0n && offsets[partition] === start)) return
  const oldest = await findPositionBefore(source, starts)
  if (after < oldest) throw retentionError(source.topic.name, after, oldest)
}

/** Returns the highest position among the messages before `offsets`. The last message of a partition is never deleted. */
export async function findPositionBefore(
  source: TopicConnection,
  offsets: readonly bigint[],
): Promise<number> {
  const positions = await Promise.all(
    offsets.map(async (offset, partition) => {
      if (offset === 0n) return 0
      const [first] = await readRecordsAt(source, { partition, offset })
      if (first) return first.beforeHere
      const [last] = await readRecordsAt(source, { partition, offset: offset - 1n })
      return last?.position ?? 0
    }),
  )
  return Math.max(0, ...positions)
}
