// Publishes and reads a topic's messages in PostgreSQL, and deletes old ones.
import type { JsonObject } from '#platform/domain/json.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { checkRead, retentionError } from '#platform/event-bus/validation.ts'
import type { EventMeta, RecordedEvent } from '#platform/event-store/event-store.ts'
import type { Pool } from '#platform/postgres/pool.ts'

/** Messages per insert statement, and per statement that deletes. */
const PUBLISH_CHUNK = 1_000
const TRIM_CHUNK = 5_000

const PUBLISH = `
WITH published AS (
  INSERT INTO event_bus.messages (topic, position, event_id, stream, version, type, at, data, meta)
  SELECT $1, e.* FROM unnest($2::bigint[], $3::text[], $4::text[], $5::int[], $6::text[], $7::text[],
                             $8::json[], $9::json[]) AS e
  ON CONFLICT (topic, position) DO NOTHING
)
INSERT INTO event_bus.topics AS t (topic, end_position) VALUES ($1, $10)
ON CONFLICT (topic) DO UPDATE SET end_position = greatest(t.end_position, excluded.end_position)`

const READ = `
SELECT t.trimmed_to, m.* FROM event_bus.topics t
LEFT JOIN LATERAL (
  SELECT position, event_id, stream, version, type, at, data, meta FROM event_bus.messages
   WHERE topic = t.topic AND position > $2 ORDER BY position LIMIT $3
) m ON true
WHERE t.topic = $1 ORDER BY m.position`

/** Deletes old messages in order of position, except those that an active group has yet to get. */
const TRIM = `
WITH oldest AS (
  SELECT position, published_at FROM event_bus.messages WHERE topic = $1 ORDER BY position LIMIT ${TRIM_CHUNK}
), past AS (
  SELECT max(position) AS position FROM oldest
   WHERE published_at < now() - $2 * interval '1 millisecond'
     AND position <= coalesce((SELECT min(position) FROM event_bus.checkpoints
                                WHERE topic = $1 AND seen_at >= now() - $2 * interval '1 millisecond'), position)
), gone AS (
  DELETE FROM event_bus.messages m USING past WHERE m.topic = $1 AND m.position <= past.position RETURNING 1
), noted AS (
  UPDATE event_bus.topics t SET trimmed_to = past.position FROM past
   WHERE t.topic = $1 AND past.position > t.trimmed_to
)
SELECT count(*)::int AS gone FROM gone`

type MessageRow = {
  trimmed_to: string
  position: string | null
  event_id: string
  stream: string
  version: number
  type: string
  at: string
  data: JsonObject
  meta: EventMeta
}

/** Publishes in order; a message that the topic has already is skipped. */
export async function publishEvents(
  pool: Pool,
  topic: string,
  events: readonly RecordedEvent[],
): Promise<void> {
  for (let start = 0; start < events.length; start += PUBLISH_CHUNK) {
    const chunk = events.slice(start, start + PUBLISH_CHUNK)
    const values = [
      topic,
      chunk.map(event => event.position),
      chunk.map(event => event.id),
      chunk.map(event => event.stream),
      chunk.map(event => event.version),
      chunk.map(event => event.type),
      chunk.map(event => event.recordedAt),
      chunk.map(event => JSON.stringify(event.data)),
      chunk.map(event => JSON.stringify(event.meta)),
      Math.max(...chunk.map(event => event.position)),
    ]
    await pool.query({ name: 'publish', text: PUBLISH, values })
  }
}

export async function readMessages(
  pool: Pool,
  topic: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<BusMessage[]> {
  checkRead(after, limit)
  const rows = await pool.query<MessageRow>({ name: 'read', text: READ, values: [topic, after, limit] })
  const trimmedTo = Number(rows[0]?.trimmed_to ?? 0)
  if (after < trimmedTo) throw retentionError(topic, after, trimmedTo)
  return rows.filter(row => row.position !== null).map(row => toMessage(topic, row))
}

export async function readTopicEnd(pool: Pool, topic: string): Promise<number> {
  const text = 'SELECT end_position FROM event_bus.topics WHERE topic = $1'
  const rows = await pool.query<{ end_position: string }>({ name: 'end', text, values: [topic] })
  return Number(rows[0]?.end_position ?? 0)
}

/** Deletes messages older than `retentionMs` in every topic, a few at a time. */
export async function deleteOldMessages(pool: Pool, retentionMs: number): Promise<void> {
  const topics = await pool.query<{ topic: string }>({ text: 'SELECT topic FROM event_bus.topics' })
  for (const { topic } of topics) {
    let gone: number
    do {
      const [row] = await pool.query<{ gone: number }>({ text: TRIM, values: [topic, retentionMs] })
      gone = row?.gone ?? 0
    } while (gone >= TRIM_CHUNK)
  }
}

function toMessage(topic: string, row: MessageRow): BusMessage {
  return {
    topic,
    position: Number(row.position),
    eventId: row.event_id,
    stream: row.stream,
    version: row.version,
    type: row.type,
    data: row.data,
    meta: row.meta,
    at: row.at,
  }
}
