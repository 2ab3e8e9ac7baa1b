// Deletes a topic's old messages in the order of their positions, but for what a group has yet to get. Free of readers.

import { type KafkaConnection, withRetry } from '#platform/event-bus/kafka/connection.ts'
import {
  OffsetOutOfRange,
  readEndOffsets,
  readOffsetsAt,
  readStartOffsets,
} from '#platform/event-bus/kafka/fetch.ts'
import { findOffsetsAfter, readRecordsAt } from '#platform/event-bus/kafka/position-search.ts'
import type { Topic } from '#platform/event-bus/kafka/topic.ts'

/** Deletes what was published more than `retentionMs` ago. The last message of each partition stays, whatever its age. */
export async function deleteOldMessages(
  lane: KafkaConnection,
  topic: Topic,
  retentionMs: number,
): Promise<void> {
  const [starts, ends] = await Promise.all([readStartOffsets(lane, topic), readEndOffsets(lane, topic)])
  const young = await readOffsetsAt(lane, topic, BigInt(Date.now() - retentionMs))
  if (young.every((offset, partition) => offset === starts[partition])) return
  const upTo = Math.min(await positionBeforeYoung(lane, topic, young), await leastCheckpoint(lane, topic))
  const offsets = await findOffsetsAfter(lane, topic, upTo).catch((error: unknown) => {
    if (error instanceof OffsetOutOfRange) return starts // another process is at it
    throw error
  })
  const partitions = offsets.flatMap((offset, partition) => {
    const last = (ends[partition] ?? 0n) - 1n
    const first = offset < last ? offset : last
    return first > (starts[partition] ?? 0n) ? [{ partition, offset: first }] : []
  })
  if (partitions.length === 0) return
  await withRetry(lane, () => lane.admin.deleteRecords({ topics: [{ name: topic.kafkaName, partitions }] }))
}

/** All messages up to the position are old. */
async function positionBeforeYoung(
  lane: KafkaConnection,
  topic: Topic,
  young: readonly bigint[],
): Promise<number> {
  const positions = await Promise.all(
    young.map(async (offset, partition) => {
      if (offset < 0n) return Number.POSITIVE_INFINITY
      const [first] = await readRecordsAt(lane, topic, partition, offset)
      return first ? first.position - 1 : Number.POSITIVE_INFINITY
    }),
  )
  return Math.min(Number.MAX_SAFE_INTEGER, ...positions)
}

export function groupIdOf(namespace: string, group: string, topic: string): string {
  return `${namespace}.${group}/${topic}`
}

/** Kafka forgets a group's checkpoint once nobody was in the group for as long as its offsets are kept. */
async function leastCheckpoint(lane: KafkaConnection, { name, kafkaName, layout }: Topic): Promise<number> {
  const prefix = kafkaName.slice(0, -name.length)
  const all = await withRetry(lane, () => lane.admin.listGroups())
  const ids = [...all.keys()].filter(id => id.startsWith(prefix) && id.endsWith(`/${name}`))
  if (ids.length === 0) return Number.MAX_SAFE_INTEGER
  const partitionIndexes = [...layout.leaders.keys()]
  const groups = ids.map(groupId => ({ groupId, topics: [{ name: kafkaName, partitionIndexes }] }))
  const found = await withRetry(lane, () => lane.admin.listConsumerGroupOffsets({ groups }))
  const positions = found.map(({ topics }) =>
    topics
      .flatMap(({ partitions }) => partitions)
      .filter(({ committedOffset }) => committedOffset >= 0n)
      .reduce<number | undefined>((most, { metadata }) => Math.max(most ?? 0, Number(metadata)), undefined),
  )
  return Math.min(Number.MAX_SAFE_INTEGER, ...positions.filter(position => position !== undefined))
}
