// Validates what callers hand to the event store before anything is sent to the database.
import { CallerError } from '#platform/domain/errors.ts'
import type { Json, JsonObject } from '#platform/domain/json.ts'
import type { Append, EventMeta, NewEvent, StreamId } from '#platform/event-store/event-store.ts'

/** Limits of one append. */
const MAX_EVENTS = 1_000
const MAX_STREAMS = 500
/** Bytes of one event's data, of its meta and of a command's outcome, as JSON text. */
const MAX_JSON = 1024 * 1024
/** Characters of all the JSON of one append together. */
export const MAX_APPEND = 16 * 1024 * 1024
const MAX_DEPTH = 64
const MAX_VERSION = 2_147_483_647

const STREAM = /^[A-Za-z][A-Za-z0-9_]{0,62}-[^\p{Cc}\p{Zl}\p{Zp}]{1,192}$/u
const TYPE = /^[A-Za-z][A-Za-z0-9_.]{0,127}$/

/** Throws CallerError BAD_USER_INPUT that says what was expected and what was got. */
export function checkAppend({ writes, command }: Append): void {
  if (writes.length === 0 && !command) throw invalidInput('an append needs writes, a command, or both')
  if (writes.length > MAX_STREAMS)
    throw invalidInput(`an append writes at most ${MAX_STREAMS} streams, not ${writes.length}`)
  const streams = new Set(writes.map(({ stream }) => stream))
  if (streams.size < writes.length) throw invalidInput('an append names each stream at most once')
  const events = writes.reduce((sum, write) => sum + write.events.length, 0)
  if (events > MAX_EVENTS) throw invalidInput(`an append holds at most ${MAX_EVENTS} events, not ${events}`)
  if (events === 0 && !command) throw invalidInput('an append without a command needs an event')
  for (const { stream, expected, events } of writes) {
    checkStream(stream)
    if (!Number.isInteger(expected) || expected < 0 || expected > MAX_VERSION - MAX_EVENTS)
      throw invalidInput(`the expected version of ${stream} is a count of events, not ${expected}`)
    for (const event of events) checkEvent(event)
  }
  if (command) checkKey('a command id', command.id)
  if (command) checkKey('a fingerprint', command.fingerprint)
}

export function checkStream(stream: string): asserts stream is StreamId {
  if (!STREAM.test(stream) || !stream.isWellFormed())
    throw invalidInput(
      `a stream is named category-id, such as order-17, in at most 256 characters: ${clip(stream)} is not`,
    )
}

function checkEvent({ type, schema = 1 }: NewEvent): void {
  if (!TYPE.test(type))
    throw invalidInput(`an event type is a name of letters and digits such as OrderPlaced, not ${clip(type)}`)
  if (!Number.isInteger(schema) || schema < 1 || schema > 32_767)
    throw invalidInput(`the schema of ${type} is a number from 1 to 32767, not ${schema}`)
}

/** Throws unless `key` is a name or key that the store can keep as it is. */
export function checkKey(what: string, key: string): void {
  if (key.length === 0 || key.length > 512 || !isText(key))
    throw invalidInput(`${what} is 1 to 512 characters of text, not ${clip(key)}`)
}

/** `isExact` is true when parsing the text gives the value itself again, so that nobody needs to. */
export type EncodedJson = { readonly text: string; readonly isExact: boolean }

/**
 * Returns `value` as JSON text that PostgreSQL stores unchanged. Throws CallerError BAD_USER_INPUT for text with
 * U+0000 or half a surrogate pair, for NaN and infinities, and for what is too deep or too large.
 */
export function encodeJson(value: Json | JsonObject | EventMeta, what: string): EncodedJson {
  const isExact = checkJson(value, [what])
  const text = JSON.stringify(value)
  if (text.length > MAX_JSON / 4 && Buffer.byteLength(text) > MAX_JSON)
    throw invalidInput(`${what} is more than ${MAX_JSON} bytes of JSON`)
  return { text, isExact }
}

/** Returns whether JSON keeps the value as it is: no member is left out or replaced. */
function checkJson(value: unknown, path: string[]): boolean {
  switch (typeof value) {
    case 'string':
      if (!isText(value))
        throw invalidInput(`${path.join('.')} holds U+0000 or half a surrogate pair, which cannot be stored`)
      return true
    case 'number':
      if (!Number.isFinite(value)) throw invalidInput(`${path.join('.')} is ${value}, which JSON cannot hold`)
      return !Object.is(value, -0)
    case 'boolean':
      return true
    case 'object':
      return value === null || checkMembers(value, path)
    default:
      return false
  }
}

/** `path` leads to the value; it is changed on the way and restored. */
function checkMembers(value: object, path: string[]): boolean {
  if (path.length > MAX_DEPTH)
    throw invalidInput(`${path.join('.').slice(0, 80)}… is nested more than ${MAX_DEPTH} deep`)
  const keys = Object.keys(value)
  let isExact = Array.isArray(value)
    ? value.length === keys.length
    : Object.getPrototypeOf(value) === Object.prototype
  for (const key of keys) {
    if (!isText(key)) throw invalidInput(`a key in ${path.join('.')} holds U+0000 or half a surrogate pair`)
    path.push(key)
    if (!checkJson(Reflect.get(value, key), path)) isExact = false
    path.pop()
  }
  return isExact
}

function isText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

function clip(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}

export function invalidInput(message: string): CallerError {
  return new CallerError('BAD_USER_INPUT', message)
}
