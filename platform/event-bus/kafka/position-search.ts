// Where positions lie in a topic's partitions. Free of the order between partitions.
import { setTimeout as delay } from 'node:timers/promises'
import { type KafkaConnection, withRetry } from '#platform/event-bus/kafka/connection.ts'
import {
  fetchFrom,
  OffsetOutOfRange,
  readEndOffsets,
  readStartOffsets,
} from '#platform/event-bus/kafka/fetch.ts'
import type { LinkedMessage } from '#platform/event-bus/kafka/record-codec.ts'
import type { Topic } from '#platform/event-bus/kafka/topic.ts'
import { retentionError } from '#platform/event-bus/validation.ts'

/** How much of a partition one look into it reads: a few dozen messages. */
const LOOK_BYTES = 32 << 10
const TRIES = 3
/** Searches begin near the end, where most readers want to be. */
const FIRST_STEP = 16n
const STEP_FACTOR = 16n

/**
 * By partition, the offset of the first message past `after`. Positions rise with offsets in a partition. Throws
 * CallerError BAD_USER_INPUT if `after` fell out of retention.
 */
export async function findOffsetsAfter(
  lane: KafkaConnection,
  topic: Topic,
  after: number,
): Promise<bigint[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      const [starts, ends] = await Promise.all([readStartOffsets(lane, topic), readEndOffsets(lane, topic)])
      const offsets = await Promise.all(
        starts.map((start, partition) =>
          firstPast(lane, topic, partition, { start, end: ends[partition] ?? start, after }),
        ),
      )
      await refuseTrimmed(lane, topic, { starts, offsets, after })
      return offsets
    } catch (error) {
      // Messages were deleted while this looked at them.
      if (!(error instanceof OffsetOutOfRange) || attempt >= TRIES) throw error
      await delay(10)
    }
  }
}

type Range = { readonly start: bigint; readonly end: bigint; readonly after: number }

/** By steps that grow from the end on, then by halving. */
async function firstPast(
  lane: KafkaConnection,
  topic: Topic,
  partition: number,
  { start, end, after }: Range,
): Promise<bigint> {
  // What is before `low` is at `after` or below; what is from `high` on is past it.
  let [low, high, step] = [start, end, FIRST_STEP]
  let isStepping = true
  while (low < high) {
    const middle = isStepping ? (high - step > low ? high - step : low) : (low + high) / 2n
    step *= STEP_FACTOR
    const records = await readRecordsAt(lane, topic, partition, middle)
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

/** The messages from an offset on, as many as come in one look. */
export async function readRecordsAt(
  lane: KafkaConnection,
  topic: Topic,
  partition: number,
  offset: bigint,
): Promise<readonly LinkedMessage[]> {
  return withRetry(lane, async () => {
    const { leaders } = await lane.layout(topic.kafkaName)
    const patience = { waitMs: 0, partitionBytes: LOOK_BYTES }
    const [got] = await fetchFrom(lane, topic, leaders[partition] ?? -1, [{ partition, offset }], patience)
    return got?.records ?? []
  })
}

type Sought = {
  readonly starts: readonly bigint[]
  readonly offsets: readonly bigint[]
  readonly after: number
}

async function refuseTrimmed(
  lane: KafkaConnection,
  topic: Topic,
  { starts, offsets, after }: Sought,
): Promise<void> {
  if (!starts.some((start, partition) => start > 0n && offsets[partition] === start)) return
  const oldest = await findPositionBefore(lane, topic, starts)
  if (after < oldest) throw retentionError(topic.name, after, oldest)
}

/** The lowest position after which the topic can be read to its end. */
export async function oldestKept(lane: KafkaConnection, topic: Topic): Promise<number> {
  return findPositionBefore(lane, topic, await readStartOffsets(lane, topic))
}

/** The highest position among the messages before `offsets`, of which the last of a partition is never deleted. */
export async function findPositionBefore(
  lane: KafkaConnection,
  topic: Topic,
  offsets: readonly bigint[],
): Promise<number> {
  const positions = await Promise.all(
    offsets.map(async (offset, partition) => {
      if (offset === 0n) return 0
      const [first] = await readRecordsAt(lane, topic, partition, offset)
      if (first) return first.beforeHere
      const [last] = await readRecordsAt(lane, topic, partition, offset - 1n)
      return last?.position ?? 0
    }),
  )
  return Math.max(0, ...positions)
}
