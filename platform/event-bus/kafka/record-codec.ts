// A message of the bus as a record of Kafka, with its links to the messages before it. Free of connections.
import type { KafkaRecord, MessageToProduce } from '@platformatic/kafka'
import type { JsonObject } from '#platform/domain/json.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import type { EventMeta, RecordedEvent } from '#platform/event-store/event-store.ts'

/** The positions of the messages before one: of the whole topic, and of those in the same partition. 0 for none. */
export type MessageLinks = { readonly before: number; readonly beforeHere: number }

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
const places = new WeakMap<BusMessage, PartitionOffset>()

/** The same stream is always in the same partition. */
export function encodeRecord(
  topic: string,
  partition: number,
  event: RecordedEvent,
  { before, beforeHere }: MessageLinks,
): MessageToProduce {
  const { id, version, type, data, meta, recordedAt } = event
  const body: Body = { id, version, type, data, meta, at: recordedAt }
  return {
    topic,
    partition,
    key: Buffer.from(event.stream),
    value: Buffer.from(JSON.stringify(body)),
    headers: new Map([
      [POSITION, Buffer.from(String(event.position))],
      [BEFORE, Buffer.from(String(before))],
      [BEFORE_HERE, Buffer.from(String(beforeHere))],
    ]),
  }
}

/** Undefined for a record that no bus has written. */
export function decodeRecord(
  topic: string,
  place: PartitionOffset,
  record: KafkaRecord,
): LinkedMessage | undefined {
  const position = header(record, POSITION)
  const before = header(record, BEFORE)
  const beforeHere = header(record, BEFORE_HERE)
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
  places.set(message, place)
  return { message, position, before, beforeHere, offset: place.offset }
}

function header(record: KafkaRecord, name: Buffer): number | undefined {
  for (const [key, value] of record.headers) {
    if (!key?.equals(name) || !value) continue
    const number = Number(value.toString())
    return Number.isSafeInteger(number) ? number : undefined
  }
  return undefined
}

/** Where a message that was read from Kafka lies. */
export function offsetOf(message: BusMessage): PartitionOffset | undefined {
  return places.get(message)
}
