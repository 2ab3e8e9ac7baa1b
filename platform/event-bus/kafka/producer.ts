// Publishes events in Kafka, each linked to the messages before it, so that readers can tell what is missing.
import { type MessageToProduce, murmur2, Producer } from '@platformatic/kafka'
import {
  clientOptions,
  ignoreConnectionErrors,
  type KafkaConnection,
  toPublishError,
} from '#platform/event-bus/kafka/connection.ts'
import { readEndOffsets, type TopicConnection } from '#platform/event-bus/kafka/fetch.ts'
import { findOffsetsAfter, readRecordsAt } from '#platform/event-bus/kafka/position-search.ts'
import { encodeRecord } from '#platform/event-bus/kafka/record-codec.ts'
import type { Topic } from '#platform/event-bus/kafka/topic.ts'
import type { KafkaSettings } from '#platform/event-bus/url.ts'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import { createKeyedQueue } from '#platform/event-store/keyed-queue.ts'

type TopicProducer = AsyncDisposable & {
  publish(topic: Topic, events: readonly RecordedEvent[]): Promise<void>
}

/** Events per publish: readers rely on it that no more than this many are unfinished after a crash. */
export const PUBLISH_CHUNK = 500

/** The most bytes of one partition in one request: less than a reader fetches at once. */
const BATCH_BYTES = 200 << 10
/** Key and headers of a record, roughly. */
const ENVELOPE_BYTES = 150

const RETRIES = 3
const RETRY_MS = 250

/** By partition: the end offset and the last position when this producer looked last. */
type TopicEnds = { readonly offsets: bigint[]; readonly positions: number[] }

type PendingRecord = {
  readonly record: MessageToProduce
  readonly partition: number
  readonly position: number
}

type ProducerState = {
  readonly settings: KafkaSettings
  readonly connection: KafkaConnection
  readonly ends: Map<string, TopicEnds>
  client: Producer | undefined
}

export function openTopicProducer(settings: KafkaSettings, connection: KafkaConnection): TopicProducer {
  const producer: ProducerState = { settings, connection, ends: new Map(), client: undefined }
  const queue = createKeyedQueue()
  return {
    publish: (topic, events) => queue.run(['client'], () => publish(producer, topic, events)),
    [Symbol.asyncDispose]: () =>
      queue.run(['client'], async () => {
        await producer.client?.close()
      }),
  }
}

async function publish(
  producer: ProducerState,
  topic: Topic,
  events: readonly RecordedEvent[],
): Promise<void> {
  for (let start = 0; start < events.length; start += PUBLISH_CHUNK)
    try {
      await send(producer, topic, events.slice(start, start + PUBLISH_CHUNK))
    } catch (error) {
      await reset(producer, topic)
      throw toPublishError(error)
    }
}

async function send(producer: ProducerState, topic: Topic, events: readonly RecordedEvent[]): Promise<void> {
  const source = { connection: producer.connection, topic }
  const ends = await readEnds(producer, source)
  for (const request of toRequests(await createMissing(source, events, ends))) {
    producer.client ??= openClient(producer.settings)
    await producer.client.send({ messages: request.map(({ record }) => record) })
    for (const { partition, position } of request) {
      ends.offsets[partition] = (ends.offsets[partition] ?? 0n) + 1n
      ends.positions[partition] = position
    }
  }
}

/** After a failure nothing is known for sure: neither what Kafka has written, nor what it still may write. */
async function reset(producer: ProducerState, topic: Topic): Promise<void> {
  producer.ends.delete(topic.name)
  const failed = producer.client
  producer.client = undefined
  try {
    await failed?.close()
  } catch {
    // The client is not used again, and the failure that led here is the one to report.
  }
}

/** Returns where the topic ends; positions are read again only if another producer has published since. */
async function readEnds({ ends }: ProducerState, source: TopicConnection): Promise<TopicEnds> {
  const offsets = await readEndOffsets(source)
  const before = ends.get(source.topic.name)
  if (before && offsets.every((end, partition) => end === before.offsets[partition])) return before
  const now = { offsets, positions: await readLastPositions(source, offsets) }
  ends.set(source.topic.name, now)
  return now
}

/** Returns the position of the last message of each partition. */
function readLastPositions(source: TopicConnection, ends: readonly bigint[]): Promise<number[]> {
  return Promise.all(
    ends.map(async (end, partition) => {
      if (end === 0n) return 0
      const [last] = await readRecordsAt(source, { partition, offset: end - 1n })
      return last?.position ?? 0
    }),
  )
}

/**
 * A partition's part of each request is one batch to Kafka, which limits the size of batches. A large event goes alone:
 * if Kafka does not take it, nothing has been published that says it came after it.
 */
function* toRequests(records: readonly PendingRecord[]): Generator<PendingRecord[]> {
  let request: PendingRecord[] = []
  const bytes = new Map<number, number>()
  for (const pending of records) {
    const { partition, record } = pending
    const size = (record.value?.length ?? 0) + ENVELOPE_BYTES
    if (
      request.length > 0 &&
      Math.max(size, ...bytes.values(), (bytes.get(partition) ?? 0) + size) > BATCH_BYTES
    ) {
      yield request
      request = []
      bytes.clear()
    }
    request.push(pending)
    bytes.set(partition, (bytes.get(partition) ?? 0) + size)
  }
  if (request.length > 0) yield request
}

/** Idempotent: a repeated request is appended once. It is acknowledged when all copies have it. */
function openClient(settings: KafkaSettings): Producer {
  const options = { ...clientOptions(settings, 'publisher'), idempotent: true, retries: RETRIES }
  const client = new Producer({ ...options, retryDelay: RETRY_MS })
  ignoreConnectionErrors(client)
  return client
}

/** Creates records for the events that are not there yet. A partition has everything of its own up to its last message. */
async function createMissing(
  source: TopicConnection,
  events: readonly RecordedEvent[],
  { positions }: TopicEnds,
): Promise<PendingRecord[]> {
  const lastHere = [...positions]
  const missing: PendingRecord[] = []
  const topic = source.topic.kafkaName
  let before: number | undefined
  for (const event of events) {
    const { position, stream } = event
    const partition = partitionOf(stream, positions.length)
    const beforeHere = lastHere[partition] ?? 0
    if (position > beforeHere) {
      before ??= await findPositionBelow(source, position, positions)
      const record = encodeRecord(event, { topic, partition }, { before, beforeHere })
      missing.push({ record, partition, position })
      lastHere[partition] = position
    }
    before = position
  }
  return missing
}

/** Returns the highest position in the topic below `position`. An unfinished batch may have left some above it. */
async function findPositionBelow(
  source: TopicConnection,
  position: number,
  lasts: readonly number[],
): Promise<number> {
  if (lasts.every(last => last < position)) return Math.max(0, ...lasts)
  const offsets = await findOffsetsAfter(source, position - 1)
  const below = await Promise.all(
    offsets.map(async (offset, partition) => {
      const last = lasts[partition] ?? 0
      if (last < position) return last
      const [first] = await readRecordsAt(source, { partition, offset })
      return first?.beforeHere ?? 0
    }),
  )
  return Math.max(0, ...below)
}

/** Chooses the partition for a stream as Kafka's own clients do for a key: always the same one. */
export function partitionOf(stream: string, partitions: number): number {
  return (murmur2(stream) & 0x7fffffff) % partitions
}
