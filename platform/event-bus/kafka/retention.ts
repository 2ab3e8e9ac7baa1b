// Deletes a topic's old messages in the order of their positions, except those that a group has yet to get.
import { withRetry } from '#platform/event-bus/kafka/connection.ts'
import {
  OffsetOutOfRange,
  readEndOffsets,
  readOffsetsAt,
  readStartOffsets,
  type TopicConnection,
} from '#platform/event-bus/kafka/fetch.ts'
import { findOffsetsAfter, readRecordsAt } from '#platform/event-bus/kafka/position-search.ts'

/** Deletes what was published more than `retentionMs` ago. The last message of each partition stays, whatever its age. */
export async function deleteOldMessages(source: TopicConnection, retentionMs: number): Promise<void> {
  const { connection, topic } = source
  const [starts, ends] = await Promise.all([readStartOffsets(source), readEndOffsets(source)])
  const young = await readOffsetsAt(source, BigInt(Date.now() - retentionMs))
  if (young.every((offset, partition) => offset === starts[partition])) return
  const upTo = Math.min(await findLastOldPosition(source, young), await readLowestCheckpoint(source))
  const offsets = await findOffsetsAfter(source, upTo).catch((error: unknown) => {
    if (error instanceof OffsetOutOfRange) return starts // another process is deleting them
    throw error
  })
  const partitions = offsets.flatMap((offset, partition) => {
    const last = (ends[partition] ?? 0n) - 1n
    const first = offset < last ? offset : last
    return first > (starts[partition] ?? 0n) ? [{ partition, offset: first }] : []
  })
  if (partitions.length === 0) return
  const topics = [{ name: topic.kafkaName, partitions }]
  await withRetry(connection, () => connection.admin.deleteRecords({ topics }))
}

/** Returns a position up to which all messages are old. */
async function findLastOldPosition(source: TopicConnection, young: readonly bigint[]): Promise<number> {
  const positions = await Promise.all(
    young.map(async (offset, partition) => {
      if (offset < 0n) return Number.POSITIVE_INFINITY
      const [first] = await readRecordsAt(source, { partition, offset })
      return first ? first.position - 1 : Number.POSITIVE_INFINITY
    }),
  )
  return Math.min(Number.MAX_SAFE_INTEGER, ...positions)
}

/** Kafka forgets a group's checkpoint once nobody was in the group for as long as its offsets are kept. */
async function readLowestCheckpoint({ connection, topic }: TopicConnection): Promise<number> {
  const { name, kafkaName, layout } = topic
  const prefix = kafkaName.slice(0, -name.length)
  const all = await withRetry(connection, () => connection.admin.listGroups())
  const ids = [...all.keys()].filter(id => id.startsWith(prefix) && id.endsWith(`/${name}`))
  if (ids.length === 0) return Number.MAX_SAFE_INTEGER
  const partitionIndexes = [...layout.leaders.keys()]
  const groups = ids.map(groupId => ({ groupId, topics: [{ name: kafkaName, partitionIndexes }] }))
  const found = await withRetry(connection, () => connection.admin.listConsumerGroupOffsets({ groups }))
  const positions = found.map(({ topics }) =>
    topics
      .flatMap(({ partitions }) => partitions)
      .filter(({ committedOffset }) => committedOffset >= 0n)
      .reduce<number | undefined>((most, { metadata }) => Math.max(most ?? 0, Number(metadata)), undefined),
  )
  return Math.min(Number.MAX_SAFE_INTEGER, ...positions.filter(position => position !== undefined))
}
