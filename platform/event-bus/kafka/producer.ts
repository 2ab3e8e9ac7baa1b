// Publishes events in Kafka, each linked to the messages before it, so that readers can tell what is missing. Free of readers.
import { type MessageToProduce, murmur2, Producer } from '@platformatic/kafka'
import {
  clientOptions,
  ignoreConnectionErrors,
  type KafkaConnection,
  toPublishError,
} from '#platform/event-bus/kafka/connection.ts'
import { readEndOffsets } from '#platform/event-bus/kafka/fetch.ts'
import { findOffsetsAfter, readRecordsAt } from '#platform/event-bus/kafka/position-search.ts'
import { encodeRecord } from '#platform/event-bus/kafka/record-codec.ts'
import { createSerialQueue } from '#platform/event-bus/kafka/serial-queue.ts'
import type { Topic } from '#platform/event-bus/kafka/topic.ts'
import type { KafkaSettings } from '#platform/event-bus/kafka-url.ts'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'

export type TopicProducer = AsyncDisposable & {
  publish(topic: Topic, events: readonly RecordedEvent[]): Promise<void>
}

/** Events per request: readers rely on it that no more than so many are unfinished after a crash. */
export const PUBLISH_CHUNK = 500

/** Of one partition in one request: what a reader asks for at once is more. */
const BATCH_BYTES = 200 << 10
/** Key and headers of a record, roughly. */
const ENVELOPE_BYTES = 150

const RETRIES = 3
const RETRY_MS = 250

/** What a topic held when this publisher looked at it last. */
type Known = { readonly ends: bigint[]; readonly lasts: number[] }

export function openTopicProducer(settings: KafkaSettings, lane: KafkaConnection): TopicProducer {
  const known = new Map<string, Known>()
  const turns = createSerialQueue()
  let producer: Producer | undefined

  /** What the topic holds: looked up if another has published since. */
  async function look(topic: Topic): Promise<Known> {
    const ends = await readEndOffsets(lane, topic)
    const before = known.get(topic.name)
    if (before && ends.every((end, partition) => end === before.ends[partition])) return before
    const now = { ends, lasts: await lastPositions(lane, topic, ends) }
    known.set(topic.name, now)
    return now
  }

  async function send(topic: Topic, events: readonly RecordedEvent[]): Promise<void> {
    const state = await look(topic)
    const messages = await lacking(lane, topic, events, state)
    for (const some of inRequests(messages)) {
      producer ??= openProducer(settings)
      await producer.send({ messages: some.map(({ record }) => record) })
      for (const { partition, position } of some) {
        state.ends[partition] = (state.ends[partition] ?? 0n) + 1n
        state.lasts[partition] = position
      }
    }
  }

  /** Nothing is known for sure after a failure: neither what Kafka has taken, nor what it still may. */
  async function recover(topic: Topic): Promise<void> {
    known.delete(topic.name)
    const failed = producer
    producer = undefined
    await failed?.close()
  }

  async function publishAll(topic: Topic, events: readonly RecordedEvent[]): Promise<void> {
    for (let start = 0; start < events.length; start += PUBLISH_CHUNK)
      try {
        await send(topic, events.slice(start, start + PUBLISH_CHUNK))
      } catch (error) {
        await recover(topic).catch(() => {})
        throw toPublishError(error)
      }
  }

  return {
    publish(topic, events) {
      return turns(() => publishAll(topic, events))
    },
    [Symbol.asyncDispose]: () =>
      turns(async () => {
        await producer?.close()
      }),
  }
}

/**
 * A partition's part of each request is one batch to Kafka, which takes batches of limited size. A large event goes alone:
 * if Kafka does not take it, nothing has been published that says it came after it.
 */
function* inRequests(messages: readonly Lacking[]): Generator<Lacking[]> {
  let request: Lacking[] = []
  const bytes = new Map<number, number>()
  for (const message of messages) {
    const { partition, record } = message
    const size = (record.value?.length ?? 0) + ENVELOPE_BYTES
    if (
      request.length > 0 &&
      Math.max(size, ...bytes.values(), (bytes.get(partition) ?? 0) + size) > BATCH_BYTES
    ) {
      yield request
      request = []
      bytes.clear()
    }
    request.push(message)
    bytes.set(partition, (bytes.get(partition) ?? 0) + size)
  }
  if (request.length > 0) yield request
}

/** A request that is repeated is appended once; it is acknowledged when all copies have it. */
function openProducer(settings: KafkaSettings): Producer {
  const options = { ...clientOptions(settings, 'publisher'), idempotent: true, retries: RETRIES }
  const producer = new Producer({ ...options, retryDelay: RETRY_MS })
  ignoreConnectionErrors(producer)
  return producer
}

/** Of the last message of each partition. */
function lastPositions(lane: KafkaConnection, topic: Topic, ends: readonly bigint[]): Promise<number[]> {
  return Promise.all(
    ends.map(async (end, partition) => {
      if (end === 0n) return 0
      const [last] = await readRecordsAt(lane, topic, partition, end - 1n)
      return last?.position ?? 0
    }),
  )
}

type Lacking = { readonly record: MessageToProduce; readonly partition: number; readonly position: number }

/** A partition is written in order, so that it has everything of its own up to its last message. */
async function lacking(
  lane: KafkaConnection,
  topic: Topic,
  events: readonly RecordedEvent[],
  { lasts }: Known,
): Promise<Lacking[]> {
  const here = [...lasts]
  const messages: Lacking[] = []
  let before: number | undefined
  for (const event of events) {
    const { position, stream } = event
    const partition = partitionOf(stream, lasts.length)
    if (position > (here[partition] ?? 0)) {
      before ??= await positionBelow(lane, topic, position, lasts)
      const record = encodeRecord(topic.kafkaName, partition, event, {
        before,
        beforeHere: here[partition] ?? 0,
      })
      messages.push({ record, partition, position })
      here[partition] = position
    }
    before = position
  }
  return messages
}

/** The highest position in the topic below `position`: of a batch that was left unfinished, some are above it. */
async function positionBelow(
  lane: KafkaConnection,
  topic: Topic,
  position: number,
  lasts: readonly number[],
): Promise<number> {
  if (lasts.every(last => last < position)) return Math.max(0, ...lasts)
  const offsets = await findOffsetsAfter(lane, topic, position - 1)
  const below = await Promise.all(
    offsets.map(async (offset, partition) => {
      const last = lasts[partition] ?? 0
      if (last < position) return last
      const [first] = await readRecordsAt(lane, topic, partition, offset)
      return first?.beforeHere ?? 0
    }),
  )
  return Math.max(0, ...below)
}

/** As Kafka's own clients choose the partition for a key. */
export function partitionOf(stream: string, partitions: number): number {
  return (murmur2(stream) & 0x7fffffff) % partitions
}
