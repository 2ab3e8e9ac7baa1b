// Deletes old messages in PostgreSQL, a few at a time.
import type { Pool } from '#platform/postgres/pool.ts'
import { pauseUnlessAborted } from '#platform/resilience/backoff.ts'

/** Batches per statement, and the pause after each. */
const CHUNK = 200
const PAUSE_MS = 10

/** Deletes old batches in order of position, except those with messages that an active group has yet to get. */
const TRIM = `
WITH kept AS (
  SELECT trimmed_to FROM event_bus.topics WHERE topic = $1
), oldest AS (
  SELECT last, published_at FROM event_bus.batches
   WHERE topic = $1 AND last > (SELECT trimmed_to FROM kept) ORDER BY last LIMIT ${CHUNK}
), past AS (
  SELECT max(last) AS position FROM oldest
   WHERE published_at < now() - $2 * interval '1 millisecond'
     AND last <= coalesce((SELECT min(position) FROM event_bus.checkpoints
                            WHERE topic = $1 AND seen_at >= now() - $2 * interval '1 millisecond'), last)
), gone AS (
  DELETE FROM event_bus.batches
   WHERE topic = $1 AND last > (SELECT trimmed_to FROM kept) AND last <= (SELECT position FROM past)
  RETURNING 1
), noted AS (
  UPDATE event_bus.topics t SET trimmed_to = past.position FROM past
   WHERE t.topic = $1 AND past.position > t.trimmed_to
)
SELECT count(*)::int AS gone FROM gone`

/** Deletes messages older than `retentionMs` in every topic, until `signal` aborts. */
export async function deleteOldMessages(pool: Pool, retentionMs: number, signal: AbortSignal): Promise<void> {
  const topics = await pool.query<{ topic: string }>({ text: 'SELECT topic FROM event_bus.topics' })
  for (const { topic } of topics)
    for (let gone = CHUNK; gone >= CHUNK && !signal.aborted; ) {
      const [row] = await pool.query<{ gone: number }>({ text: TRIM, values: [topic, retentionMs] })
      gone = row?.gone ?? 0
      await pauseUnlessAborted(PAUSE_MS, signal)
    }
}
