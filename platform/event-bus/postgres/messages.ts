// Reads a topic's messages in PostgreSQL.
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { fromBatch } from '#platform/event-bus/postgres/batch-codec.ts'
import { checkRead, retentionError } from '#platform/event-bus/validation.ts'
import type { Pool } from '#platform/postgres/pool.ts'

/** Batches per statement: each may hold 100 messages, so that few are read in vain. */
const PAGE = 10

const READ = `
SELECT t.trimmed_to, b.messages FROM event_bus.topics t
LEFT JOIN LATERAL (
  SELECT last, messages FROM event_bus.batches WHERE topic = t.topic AND last > $2 ORDER BY last LIMIT ${PAGE}
) b ON true
WHERE t.topic = $1 ORDER BY b.last`

type BatchRow = { readonly trimmed_to: string; readonly messages: Buffer | null }

/** Returns fewer messages than `limit` only when the topic has no more. */
export async function readMessages(
  pool: Pool,
  topic: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<BusMessage[]> {
  checkRead(after, limit)
  const found: BusMessage[] = []
  for (let position = after, rows = PAGE; rows === PAGE && found.length < limit; ) {
    const page = await pool.query<BatchRow>({ name: 'read', text: READ, values: [topic, position] })
    rows = page.length
    const trimmedTo = Number(page[0]?.trimmed_to ?? 0)
    if (position < trimmedTo) throw retentionError(topic, position, trimmedTo)
    for (const { messages } of page) {
      if (messages === null || found.length >= limit) break
      const news = fromBatch(messages).filter(message => message.position > position) // two batches may both have one
      found.push(...news)
      position = news.at(-1)?.position ?? position
    }
  }
  return found.slice(0, limit)
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
