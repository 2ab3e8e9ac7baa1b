// Requests for what a topic's partitions hold: records from offsets on, and where they begin and end. Free of positions' order.
import { fetchV13, listOffsetsV7 } from '@platformatic/kafka'
import { hasApiError, type KafkaConnection, withRetry } from '#platform/event-bus/kafka/connection.ts'
import { decodeRecord, type LinkedMessage } from '#platform/event-bus/kafka/record-codec.ts'
import type { Topic } from '#platform/event-bus/kafka/topic.ts'

/** `offset` is one that the partition no longer has, or does not have yet. */
export class OffsetOutOfRange extends Error {}

export type Wanted = { readonly partition: number; readonly offset: bigint }
export type FetchedPartition = Wanted & {
  readonly records: readonly LinkedMessage[]
  /** The offset to go on from. */
  readonly next: bigint
}

export type Patience = { readonly waitMs: number; readonly partitionBytes: number }

const EARLIEST = -2n
const LATEST = -1n
const MOST_BYTES = 4 << 20

/** One request to `node`, which leads them all: answered at once if there is anything, else after `waitMs`. */
export async function fetchFrom(
  lane: KafkaConnection,
  topic: Topic,
  node: number,
  wanted: readonly Wanted[],
  { waitMs, partitionBytes }: Patience,
): Promise<FetchedPartition[]> {
  const partitions = wanted.map(({ partition, offset }) => ({
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: offset,
    lastFetchedEpoch: -1,
    partitionMaxBytes: partitionBytes,
  }))
  const [connection, { id: topicId }] = await Promise.all([lane.broker(node), lane.layout(topic.kafkaName)])
  const { responses } = await fetchV13.api
    .async(connection, waitMs, 1, MOST_BYTES, 0, 0, -1, [{ topicId, partitions }], [], '')
    .catch((error: unknown) => {
      throw hasApiError(error, 'OFFSET_OUT_OF_RANGE') ? new OffsetOutOfRange() : error
    })
  const offsets = new Map(wanted.map(({ partition, offset }) => [partition, offset]))
  return responses
    .flatMap(response => response.partitions)
    .flatMap(({ partitionIndex: partition, records }) => {
      const offset = offsets.get(partition)
      return offset === undefined ? [] : [read(topic, { partition, offset }, records ?? [])]
    })
}

type Batches = NonNullable<
  Awaited<ReturnType<typeof fetchV13.api.async>>['responses'][number]['partitions'][number]['records']
>

/** A batch that begins before `offset` comes whole. */
function read(topic: Topic, { partition, offset }: Wanted, batches: Batches): FetchedPartition {
  const records: LinkedMessage[] = []
  let next = offset
  for (const { firstOffset, records: batch } of batches)
    for (const record of batch) {
      const at = firstOffset + BigInt(record.offsetDelta)
      if (at < offset) continue
      const found = decodeRecord(topic.name, { partition, offset: at }, record)
      if (found) records.push(found)
      next = at + 1n
    }
  return { partition, offset, records, next }
}

/** By partition: the offset of the first record that is kept. */
export function readStartOffsets(lane: KafkaConnection, topic: Topic): Promise<bigint[]> {
  return readOffsetsAt(lane, topic, EARLIEST)
}

/** By partition: the offset that the next record will get. */
export function readEndOffsets(lane: KafkaConnection, topic: Topic): Promise<bigint[]> {
  return readOffsetsAt(lane, topic, LATEST)
}

/** By partition: the offset of the first record that was appended at `timestamp` (in ms) or later; -1 for none. */
export async function readOffsetsAt(
  lane: KafkaConnection,
  topic: Topic,
  timestamp: bigint,
): Promise<bigint[]> {
  return withRetry(lane, async () => {
    const { leaders } = await lane.layout(topic.kafkaName)
    const offsets = leaders.map(() => -1n)
    await Promise.all(
      [...partitionsByLeader(leaders)].map(async ([node, partitions]) => {
        const wanted = partitions.map(partitionIndex => ({
          partitionIndex,
          currentLeaderEpoch: -1,
          timestamp,
        }))
        const connection = await lane.broker(node)
        const { topics } = await listOffsetsV7.api.async(connection, -1, 0, [
          { name: topic.kafkaName, partitions: wanted },
        ])
        for (const { partitionIndex, offset } of topics.flatMap(({ partitions }) => partitions))
          offsets[partitionIndex] = offset
      }),
    )
    return offsets
  })
}

/** The partitions that each broker leads. */
export function partitionsByLeader(leaders: readonly number[]): Map<number, number[]> {
  const led = new Map<number, number[]>()
  for (const [partition, node] of leaders.entries()) led.set(node, [...(led.get(node) ?? []), partition])
  return led
}
