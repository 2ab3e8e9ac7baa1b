// Reads streams, the log, commands and snapshots; writes snapshots.
import type { Json, JsonObject } from '#platform/domain/json.ts'
import type {
  EventMeta,
  EventStore,
  LogRange,
  LogSlice,
  RecordedEvent,
  Snapshot,
  StreamId,
  StreamRange,
} from '#platform/event-store/event-store.ts'
import { type Query, type Sessions, toPosition } from '#platform/event-store/postgres/sessions.ts'
import { checkKey, checkStream, encodeJson, invalidInput } from '#platform/event-store/validation.ts'

export type EventRow = {
  position: string
  stream: StreamId
  version: number
  id: string
  type: string
  schema: number
  data: JsonObject
  meta: EventMeta
  recorded_at: Date
}

export type LogReader = Pick<
  EventStore,
  'readStream' | 'readLog' | 'head' | 'findCommand' | 'forgetCommand' | 'loadSnapshot' | 'saveSnapshot'
>

const MAX_LIMIT = 10_000
/** The most positions that one read by category passes over: about 30 ms when nothing matches. */
const MAX_SCAN = 5_000

export const EVENT_COLUMNS =
  'e.position, e.stream, e.version, e.id, e.type, e.schema, e.data, e.meta, e.recorded_at'

const READ_STREAM = `
  SELECT ${EVENT_COLUMNS} FROM event_store.events e
   WHERE e.stream = $1 AND e.version > $2 AND e.version <= $3 ORDER BY e.version`

const READ_LOG = `
  SELECT ${EVENT_COLUMNS} FROM event_store.events e WHERE e.position > $1 ORDER BY e.position LIMIT $2`

/** One statement sees the head and the events at one moment; without events it returns one row with the bound of the search. */
const READ_CATEGORIES = `
  SELECT h.bound, m.* FROM (SELECT least(coalesce(max(position), 0), $1 + ${MAX_SCAN}) AS bound FROM event_store.events) h
  LEFT JOIN LATERAL (
    SELECT ${EVENT_COLUMNS} FROM event_store.events e
     WHERE e.position > $1 AND e.position <= h.bound AND split_part(e.stream, '-', 1) = ANY ($3)
     ORDER BY e.position LIMIT $2
  ) m ON true ORDER BY m.position`

export function createLogReader(sessions: Pick<Sessions, 'read' | 'soft'>): LogReader {
  const { read, soft } = sessions
  return {
    readStream: (stream, range) => readStream(read, stream, range),
    readLog: range => readLog(read, range),
    async head() {
      const [row] = await read<{ head: string }>(
        'SELECT coalesce(max(position), 0) AS head FROM event_store.events',
      )
      return toPosition(row?.head ?? '0')
    },
    async findCommand(id) {
      checkKey('a command id', id)
      const [row] = await read<{ fingerprint: string; outcome: Json; position: string }>(
        'SELECT fingerprint, outcome, position FROM event_store.commands WHERE id = $1',
        [id],
      )
      return row && { ...row, position: toPosition(row.position) }
    },
    async forgetCommand(id, fingerprint) {
      checkKey('a command id', id)
      await read('DELETE FROM event_store.commands WHERE id = $1 AND fingerprint = $2', [id, fingerprint])
    },
    async loadSnapshot(stream, schema) {
      checkStream(stream)
      const [row] = await read<Snapshot>(
        'SELECT version, schema, state FROM event_store.snapshots WHERE stream = $1 AND schema = $2',
        [stream, schema],
      )
      return row
    },
    saveSnapshot: (stream, snapshot) => saveSnapshot(soft, stream, snapshot),
  }
}

async function readStream(read: Query, stream: StreamId, range: StreamRange = {}): Promise<RecordedEvent[]> {
  checkStream(stream)
  const { after = 0, upTo = 2_147_483_647 } = range
  const rows = await read<EventRow>(READ_STREAM, [stream, after, upTo])
  return rows.map(toEvent)
}

/** Throws CallerError BAD_USER_INPUT. */
export function checkRange({ after, limit }: LogRange): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw invalidInput(`a read of the log takes 1 to ${MAX_LIMIT} events, not ${limit}`)
  if (!Number.isSafeInteger(after) || after < 0)
    throw invalidInput(`a read of the log starts after a position, not ${after}`)
}

async function readLog(read: Query, { after, limit, categories }: LogRange): Promise<LogSlice> {
  if (categories) return readCategories(read, { after, limit, categories })
  const events = (await read<EventRow>(READ_LOG, [after, limit])).map(toEvent)
  return { events, scannedTo: events.at(-1)?.position ?? after }
}

async function readCategories(
  read: Query,
  { after, limit, categories }: Required<LogRange>,
): Promise<LogSlice> {
  const rows = await read<{ bound: string } & (EventRow | { position: null })>(READ_CATEGORIES, [
    after,
    limit,
    [...categories],
  ])
  const events = rows.filter(row => row.position !== null).map(toEvent)
  const bound = Math.max(toPosition(rows[0]?.bound ?? '0'), after)
  return { events, scannedTo: events.length < limit ? bound : (events.at(-1)?.position ?? bound) }
}

/** Snapshots are kept per state schema, so that two builds side by side each have theirs. An older one never replaces a newer. */
async function saveSnapshot(soft: Query, stream: StreamId, snapshot: Snapshot): Promise<void> {
  checkStream(stream)
  const { version, schema, state } = snapshot
  await soft(
    `INSERT INTO event_store.snapshots AS s (stream, schema, version, state) VALUES ($1, $2, $3, $4)
     ON CONFLICT (stream, schema) DO UPDATE SET version = excluded.version, state = excluded.state, saved_at = now()
      WHERE s.version < excluded.version`,
    [stream, schema, version, encodeJson(state, 'snapshot.state').text],
  )
}

export function toEvent(row: EventRow): RecordedEvent {
  return {
    position: toPosition(row.position),
    stream: row.stream,
    version: row.version,
    id: row.id,
    type: row.type,
    schema: row.schema,
    data: row.data,
    meta: row.meta,
    recordedAt: row.recorded_at.toISOString(),
  }
}
