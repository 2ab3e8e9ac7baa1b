// Appends to the log: encodes the events, groups concurrent appends, and decodes the results of append_events.

import type { Json, JsonObject } from '#platform/domain/json.ts'
import { newUuid } from '#platform/domain/uuid.ts'
import type {
  Append,
  AppendResult,
  CommandRecord,
  EventMeta,
  RecordedEvent,
  StreamId,
} from '#platform/event-store/event-store.ts'
import { createGroupCommit } from '#platform/event-store/group-commit.ts'
import { type Sessions, toPosition } from '#platform/event-store/postgres/sessions.ts'
import {
  checkAppend,
  type EncodedJson,
  encodeJson,
  invalidInput,
  MAX_APPEND,
} from '#platform/event-store/validation.ts'

export type Appender = {
  append(append: Append): Promise<AppendResult>
  /** Resolves when every append in flight has its result. */
  drained(): Promise<void>
}

type AppenderOptions = {
  readonly sessions: Pick<Sessions, 'write'>
  readonly now: () => Date
  /** Called after each commit that wrote events, with these as they were recorded. */
  readonly onCommitted: (events: readonly RecordedEvent[]) => void
  /** Called after a failure that may have come after the commit. */
  readonly onUncertain: () => void
}

type EncodedEvent = {
  readonly stream: StreamId
  readonly version: number
  readonly id: string
  readonly type: string
  readonly schema: number
  readonly data: EncodedValue<JsonObject>
  readonly meta: EncodedValue<EventMeta>
}

type EncodedValue<Value> = EncodedJson & { readonly value: Value }

type EncodedAppend = {
  readonly append: Append
  readonly events: readonly EncodedEvent[]
  /** The append's command, its outcome as text. */
  readonly command: (Omit<CommandRecord, 'outcome'> & { readonly outcome: string }) | undefined
  readonly bytes: number
}

type GroupRow = {
  head: string
  repeated: { append: number; position: number; fingerprint: string; outcome: Json }[] | null
  conflicts: { append: number; stream: StreamId; expected: number; actual: number }[] | null
}

const APPEND_GROUP =
  'SELECT * FROM event_store.append_events($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16)'

const MAX_GROUP = 256
const MAX_GROUP_BYTES = 2 * 1024 * 1024
const MAX_QUEUED = 10_000
const MAX_QUEUED_BYTES = 64 * 1024 * 1024

export function createAppender({ sessions, now, onCommitted, onUncertain }: AppenderOptions): Appender {
  async function send(group: readonly EncodedAppend[]): Promise<AppendResult[]> {
    const recordedAt = now().toISOString()
    const [row] = await sessions
      .write<GroupRow>(APPEND_GROUP, toColumns(group, recordedAt))
      .catch((error: unknown) => {
        if (!isDataError(error)) onUncertain()
        throw error
      })
    if (!row) throw new Error('append_events answered without a row')
    const results = toResults(group, row, recordedAt)
    const recorded = toRecorded(group, results, recordedAt)
    if (recorded.length > 0) onCommitted(recorded)
    return results
  }
  const groupCommit = createGroupCommit<EncodedAppend, AppendResult>({
    send,
    keys: ({ append }) => keysOf(append),
    weight: ({ bytes }) => bytes,
    isPoison: isDataError,
    maxItems: MAX_GROUP,
    maxWeight: MAX_GROUP_BYTES,
    maxQueued: MAX_QUEUED,
    maxQueuedWeight: MAX_QUEUED_BYTES,
  })
  return {
    async append(append) {
      const encoded = encode(append)
      return groupCommit.add(encoded).catch(cause => {
        throw isDataError(cause)
          ? invalidInput(`the database refused the append's data: ${cause.message}`)
          : cause
      })
    },
    drained: groupCommit.drained,
  }
}

function keysOf({ writes, command }: Append): string[] {
  const keys = writes.map(({ stream }) => `stream ${stream}`)
  if (command) keys.push(`command ${command.id}`)
  return keys
}

/** True for data exceptions and exceeded limits: the same group without that value may succeed. */
function isDataError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^(22|54)/.test(String(error.code))
}

function encode(append: Append): EncodedAppend {
  checkAppend(append)
  const shared = encodeValue(append.meta ?? {}, 'meta')
  const events = append.writes.flatMap(({ stream, expected, events }) =>
    events.map(({ id = newUuid(), type, schema = 1, data, meta }, index) => ({
      stream,
      version: expected + index + 1,
      id,
      type,
      schema,
      data: encodeValue(data, `${type}.data`),
      meta: meta ? encodeValue(meta, `${type}.meta`) : shared,
    })),
  )
  const command = append.command && {
    ...append.command,
    outcome: encodeJson(append.command.outcome, 'outcome').text,
  }
  const bytes = events.reduce(
    (sum, { data, meta }) => sum + data.text.length + meta.text.length,
    command?.outcome.length ?? 0,
  )
  if (bytes > MAX_APPEND)
    throw invalidInput(`an append holds at most ${MAX_APPEND} characters of JSON, not ${bytes}`)
  return { append, events, command, bytes }
}

function encodeValue<Value extends JsonObject | EventMeta>(value: Value, what: string): EncodedValue<Value> {
  return { ...encodeJson(value, what), value }
}

/** Returns the value as a reader gets it: itself, unless JSON changes something. */
function decode<Value>({ isExact, value, text }: EncodedValue<Value>): Value {
  return isExact ? value : JSON.parse(text)
}

/** Returns the group as append_events' arguments: one list per column, appends and writes numbered from 1. */
function toColumns(group: readonly EncodedAppend[], recordedAt: string): unknown[] {
  const writes = group.flatMap(({ append }, index) =>
    append.writes.map(write => ({ append: index + 1, write })),
  )
  const events = group.flatMap(({ events }) => events)
  const eventWrites = writes.flatMap(({ write }, index) => write.events.map(() => index + 1))
  const commands = commandsOf(group)
  return [
    recordedAt,
    plainArray(commands.map(({ append }) => append)),
    plainArray(commands.map(({ end }) => end)),
    commands.map(({ id }) => id),
    commands.map(({ fingerprint }) => fingerprint),
    jsonLines(commands.map(({ outcome }) => outcome)),
    plainArray(writes.map(({ append }) => append)),
    writes.map(({ write }) => write.stream),
    plainArray(writes.map(({ write }) => write.expected)),
    plainArray(eventWrites),
    plainArray(events.map(({ version }) => version)),
    plainArray(events.map(({ id }) => id)),
    events.map(({ type }) => type),
    plainArray(events.map(({ schema }) => schema)),
    jsonLines(events.map(({ data }) => data.text)),
    jsonLines(events.map(({ meta }) => meta.text)),
  ]
}

/** Returns the commands of the group, each with the number of its append and of the events up to the end of that. */
function commandsOf(group: readonly EncodedAppend[]) {
  let end = 0
  return group.flatMap(({ command, events }, index) => {
    end += events.length
    return command ? [{ ...command, append: index + 1, end }] : []
  })
}

/** Returns an array literal of values that need no quotes. */
function plainArray(values: readonly (number | string)[]): string {
  return `{${values.join(',')}}`
}

/** JSON as JSON.stringify writes it has no line breaks. */
function jsonLines(texts: readonly string[]): string {
  return texts.join('\n')
}

/** Accepted appends have the positions after the head, in the group's order. */
function toResults(group: readonly EncodedAppend[], row: GroupRow, recordedAt: string): AppendResult[] {
  const notAppended = new Map<number, AppendResult>()
  for (const { append, position, fingerprint, outcome } of row.repeated ?? [])
    notAppended.set(append, { status: 'repeated', position, fingerprint, outcome })
  for (const { append, stream, expected, actual } of row.conflicts ?? [])
    if (!notAppended.has(append)) notAppended.set(append, { status: 'conflict', stream, expected, actual })
  let position = toPosition(row.head)
  return group.map(({ events }, index) => {
    const other = notAppended.get(index + 1)
    if (other) return other
    position += events.length
    return { status: 'appended', position, recordedAt }
  })
}

/** Returns the accepted events in position order, as a reader would get them. */
function toRecorded(
  group: readonly EncodedAppend[],
  results: readonly AppendResult[],
  recordedAt: string,
): RecordedEvent[] {
  return group.flatMap(({ events }, index) => {
    const result = results[index]
    if (result?.status !== 'appended') return []
    return events.map((event, offset) => ({
      ...event,
      position: result.position - events.length + offset + 1,
      data: decode(event.data),
      meta: decode(event.meta),
      recordedAt,
    }))
  })
}
