// Reads a topic's messages in PostgreSQL.
import type { JsonObject } from '#platform/domain/json.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { checkRead, retentionError } from '#platform/event-bus/validation.ts'
import type { EventMeta } from '#platform/event-store/event-store.ts'
import type { Pool } from '#platform/postgres/pool.ts'

const READ = `
SELECT t.trimmed_to, m.* FROM event_bus.topics t
LEFT JOIN LATERAL (
  SELECT position, event_id, stream, version, type, at, data, meta FROM event_bus.messages
   WHERE topic = t.topic AND position > $2 ORDER BY position LIMIT $3
) m ON true
WHERE t.topic = $1 ORDER BY m.position`

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

/** Returns the ends of the topics that have had messages. */
export async function readTopicEnds(pool: Pool, topics: readonly string[]): Promise<Map<string, number>> {
  const text = 'SELECT topic, end_position FROM event_bus.topics WHERE topic = ANY($1::text[])'
  const rows = await pool.query<{ topic: string; end_position: string }>({
    name: 'ends',
    text,
    values: [[...topics]],
  })
  return new Map(rows.map(row => [row.topic, Number(row.end_position)]))
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
