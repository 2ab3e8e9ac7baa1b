// Encodes messages of the bus as Kafka records, linked to the messages before them, and decodes them.
import type { KafkaRecord, MessageToProduce } from '@platformatic/kafka'
import type { JsonObject } from '#platform/domain/json.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import type { EventMeta, RecordedEvent } from '#platform/event-store/event-store.ts'

/** The positions of the messages before one: in the whole topic, and in the same partition. 0 for none. */
type MessageLinks = { readonly before: number; readonly beforeHere: number }

export type LinkedMessage = MessageLinks & {
  readonly message: BusMessage
  readonly position: number
  readonly offset: bigint
}

export type PartitionOffset = { readonly partition: number; readonly offset: bigint }

type Body = {
  readonly id: string
  readonly version: number
  readonly type: string
  readonly data: JsonObject
  readonly meta: EventMeta
  readonly at: string
}

const POSITION = Buffer.from('position')
const BEFORE = Buffer.from('before')
const BEFORE_HERE = Buffer.from('before-here')
const offsets = new WeakMap<BusMessage, PartitionOffset>()

export function encodeRecord(
  event: RecordedEvent,
  destination: { readonly topic: string; readonly partition: number },
  { before, beforeHere }: MessageLinks,
): MessageToProduce {
  const { id, version, type, data, meta, recordedAt } = event
  const body: Body = { id, version, type, data, meta, at: recordedAt }
  return {
    ...destination,
    key: Buffer.from(event.stream),
    value: Buffer.from(JSON.stringify(body)),
    headers: new Map([
      [POSITION, Buffer.from(String(event.position))],
      [BEFORE, Buffer.from(String(before))],
      [BEFORE_HERE, Buffer.from(String(beforeHere))],
    ]),
  }
}

/** Returns undefined for a record that no bus has written. */
export function decodeRecord(
  topic: string,
  at: PartitionOffset,
  record: KafkaRecord,
): LinkedMessage | undefined {
  const position = readHeader(record, POSITION)
  const before = readHeader(record, BEFORE)
  const beforeHere = readHeader(record, BEFORE_HERE)
  if (position === undefined || before === undefined || beforeHere === undefined) return undefined
  const body = JSON.parse(record.value?.toString() ?? '') as Body // our own: the headers say so
  const message: BusMessage = {
    topic,
    position,
    eventId: body.id,
    stream: record.key?.toString() ?? '',
    version: body.version,
    type: body.type,
    data: body.data,
    meta: body.meta,
    at: body.at,
  }
  offsets.set(message, at)
  return { message, position, before, beforeHere, offset: at.offset }
}

function readHeader(record: KafkaRecord, name: Buffer): number | undefined {
  for (const [key, value] of record.headers) {
    if (!key?.equals(name) || !value) continue
    const number = Number(value.toString())
    return Number.isSafeInteger(number) ? number : undefined
  }
  return undefined
}

/** Returns the partition and offset of a message that was read from Kafka. */
export function offsetOf(message: BusMessage): PartitionOffset | undefined {
  return offsets.get(message)
}
