// Encodes messages as they are stored: several of a topic in one compressed value.
import { deflateSync, inflateSync } from 'node:zlib'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'

/** Messages of one topic, in order, which are stored as one value: `json`, compressed. */
export type Batch = {
  readonly topic: string
  readonly last: number
  readonly messages: Buffer
  readonly json: string
}

/** A batch is full with so many messages, or with so many UTF-16 units of their JSON, whichever comes first. */
const FULL = { messages: 100, units: 64 * 1024 }
/** Messages repeat one another within a few kilobytes, so that the least effort finds nearly all of it. */
const COMPRESSION = { level: 1, windowBits: 13, memLevel: 6 }
const OPENING_BRACKET = 0x5b

/** Returns the messages, which are of one topic and in order, in batches. */
export function toBatches(messages: readonly BusMessage[]): Batch[] {
  const batches: Batch[] = []
  let texts: string[] = []
  let units = 0
  for (const [index, message] of messages.entries()) {
    const text = JSON.stringify(message)
    texts.push(text)
    units += text.length
    const isFull = texts.length === FULL.messages || units >= FULL.units
    if (!isFull && index < messages.length - 1) continue
    const json = `[${texts.join()}]`
    const { topic, position: last } = message
    batches.push({ topic, last, messages: deflateSync(json, COMPRESSION), json })
    texts = []
    units = 0
  }
  return batches
}

/** Returns the messages of a batch. One that was taken over from an earlier build's table is not compressed. */
export function fromBatch(stored: Buffer): readonly BusMessage[] {
  const json = stored[0] === OPENING_BRACKET ? stored : inflateSync(stored)
  return fromJson(json.toString())
}

/** Returns the messages of a batch from its JSON. */
export function fromJson(json: string): readonly BusMessage[] {
  return JSON.parse(json) as BusMessage[] // our own: nobody else writes it
}
