// Requests records and offsets of a topic's partitions from the brokers that lead them.
import { fetchV13, listOffsetsV7 } from '@platformatic/kafka'
import { hasApiError, type KafkaConnection, withRetry } from '#platform/event-bus/kafka/connection.ts'
import {
  decodeRecord,
  type LinkedMessage,
  type PartitionOffset,
} from '#platform/event-bus/kafka/record-codec.ts'
import type { Topic } from '#platform/event-bus/kafka/topic.ts'

/** A topic, and the connection to read it on. */
export type TopicConnection = { readonly connection: KafkaConnection; readonly topic: Topic }

/** Thrown for an offset that the partition no longer has, or does not have yet. */
export class OffsetOutOfRange extends Error {}

export type FetchedPartition = PartitionOffset & {
  readonly records: readonly LinkedMessage[]
  /** The offset to go on from. */
  readonly next: bigint
}

type FetchRequest = {
  /** The broker that leads all the partitions. */
  readonly node: number
  readonly offsets: readonly PartitionOffset[]
  readonly waitMs: number
  readonly partitionBytes: number
}

const EARLIEST = -2n
const LATEST = -1n
const MAX_BYTES = 4 << 20

/** Sends one request, which the broker answers at once if there is anything, else after `waitMs`. Throws OffsetOutOfRange. */
export async function fetchRecords(
  { connection, topic }: TopicConnection,
  { node, offsets, waitMs, partitionBytes }: FetchRequest,
): Promise<FetchedPartition[]> {
  const partitions = offsets.map(({ partition, offset }) => ({
    partition,
    currentLeaderEpoch: -1,
    fetchOffset: offset,
    lastFetchedEpoch: -1,
    partitionMaxBytes: partitionBytes,
  }))
  const [broker, { id: topicId }] = await Promise.all([
    connection.broker(node),
    connection.layout(topic.kafkaName),
  ])
  const { responses } = await fetchV13.api
    .async(broker, waitMs, 1, MAX_BYTES, 0, 0, -1, [{ topicId, partitions }], [], '')
    .catch((error: unknown) => {
      throw hasApiError(error, 'OFFSET_OUT_OF_RANGE') ? new OffsetOutOfRange() : error
    })
  const requested = new Map(offsets.map(({ partition, offset }) => [partition, offset]))
  return responses
    .flatMap(response => response.partitions)
    .flatMap(({ partitionIndex: partition, records }) => {
      const offset = requested.get(partition)
      return offset === undefined ? [] : [decodeBatches(topic, { partition, offset }, records ?? [])]
    })
}

type Batches = NonNullable<
  Awaited<ReturnType<typeof fetchV13.api.async>>['responses'][number]['partitions'][number]['records']
>

/** Skips the records before `offset`: a batch that begins before it comes whole. */
function decodeBatches(
  topic: Topic,
  { partition, offset }: PartitionOffset,
  batches: Batches,
): FetchedPartition {
  const records: LinkedMessage[] = []
  let next = offset
  for (const { firstOffset, records: batch } of batches)
    for (const record of batch) {
      const at = firstOffset + BigInt(record.offsetDelta)
      if (at < offset) continue
      const message = decodeRecord(topic.name, { partition, offset: at }, record)
      if (message) records.push(message)
      next = at + 1n
    }
  return { partition, offset, records, next }
}

/** Returns, by partition, the offset of the first record that is kept. */
export function readStartOffsets(source: TopicConnection): Promise<bigint[]> {
  return readOffsetsAt(source, EARLIEST)
}

/** Returns, by partition, the offset that the next record will get. */
export function readEndOffsets(source: TopicConnection): Promise<bigint[]> {
  return readOffsetsAt(source, LATEST)
}

/** Returns, by partition, the offset of the first record appended at `timestamp` (in ms) or later; -1 for none. */
export async function readOffsetsAt(
  { connection, topic }: TopicConnection,
  timestamp: bigint,
): Promise<bigint[]> {
  return withRetry(connection, async () => {
    const { leaders } = await connection.layout(topic.kafkaName)
    const offsets = leaders.map(() => -1n)
    await Promise.all(
      [...partitionsByLeader(leaders)].map(async ([node, led]) => {
        const partitions = led.map(partitionIndex => ({ partitionIndex, currentLeaderEpoch: -1, timestamp }))
        const broker = await connection.broker(node)
        const requested = [{ name: topic.kafkaName, partitions }]
        const { topics } = await listOffsetsV7.api.async(broker, -1, 0, requested)
        for (const found of topics.flatMap(({ partitions }) => partitions))
          offsets[found.partitionIndex] = found.offset
      }),
    )
    return offsets
  })
}

/** Returns the partitions that each broker leads. */
export function partitionsByLeader(leaders: readonly number[]): Map<number, number[]> {
  const led = new Map<number, number[]>()
  for (const [partition, node] of leaders.entries()) led.set(node, [...(led.get(node) ?? []), partition])
  return led
}
