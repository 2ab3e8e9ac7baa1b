// Creates the event bus's tables in PostgreSQL.
import { inTransaction } from '#platform/postgres/pool.ts'

const MIGRATION_LOCK = 7_234_301

/**
 * `batches` has messages of a topic in one value each, under the position of their last.
 * `topics` has a topic's newest position, its newest before the last publication, and the position up to which its messages
 * have been deleted. They change in the transaction that inserts or deletes, so that one statement sees messages and
 * bounds that agree.
 */
const TABLES = `
CREATE SCHEMA IF NOT EXISTS event_bus;
CREATE TABLE IF NOT EXISTS event_bus.topics (
  topic text COLLATE "C" PRIMARY KEY,
  end_position bigint NOT NULL DEFAULT 0,
  previous_end bigint NOT NULL DEFAULT 0,
  trimmed_to bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE IF NOT EXISTS event_bus.batches (
  topic text COLLATE "C" NOT NULL,
  last bigint NOT NULL,
  published_at timestamptz NOT NULL DEFAULT now(),
  messages bytea NOT NULL,
  PRIMARY KEY (topic, last)
);
CREATE TABLE IF NOT EXISTS event_bus.checkpoints (
  subscriber text COLLATE "C" NOT NULL,
  topic text COLLATE "C" NOT NULL,
  position bigint NOT NULL DEFAULT 0,
  owner uuid,
  epoch bigint NOT NULL DEFAULT 0,
  lease_until timestamptz,
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (subscriber, topic)
) WITH (fillfactor = 50);
`

/** Adds a column that tables of older builds lack. It locks the table, so that it is not sent at every start. */
const ADD_PREVIOUS_END = 'ALTER TABLE event_bus.topics ADD COLUMN previous_end bigint NOT NULL DEFAULT 0'

/** Takes over the messages of an earlier build, which had a row each. */
const TAKE_OVER = `
INSERT INTO event_bus.batches (topic, last, published_at, messages)
SELECT topic, max(position), max(published_at), convert_to('[' || string_agg(message, ',' ORDER BY position) || ']', 'UTF8')
  FROM (
    SELECT topic, position, published_at,
           (row_number() OVER (PARTITION BY topic ORDER BY position) - 1) / 100 AS batch,
           json_build_object('topic', topic, 'position', position, 'eventId', event_id, 'stream', stream,
                             'version', version, 'type', type, 'data', data, 'meta', meta, 'at', at)::text AS message
      FROM event_bus.messages
  ) numbered
 GROUP BY topic, batch;
DROP TABLE event_bus.messages`

/** Creates what is missing. Safe when several processes start at once. */
export async function prepareSchema(url: string): Promise<void> {
  await inTransaction(url, async session => {
    await session.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    await session.query(TABLES)
    const { rowCount } = await session.query(
      "SELECT FROM pg_attribute WHERE attrelid = 'event_bus.topics'::regclass AND attname = 'previous_end'",
    )
    if (rowCount === 0) await session.query(ADD_PREVIOUS_END)
    const { rows } = await session.query<{ earlier: boolean }>(
      "SELECT to_regclass('event_bus.messages') IS NOT NULL AS earlier",
    )
    if (rows[0]?.earlier) await session.query(TAKE_OVER)
  })
}
