// Creates the event bus's tables in PostgreSQL.
import { inTransaction } from '#platform/postgres/pool.ts'

const MIGRATION_LOCK = 7_234_301

/**
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
CREATE TABLE IF NOT EXISTS event_bus.messages (
  topic text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  event_id text NOT NULL,
  stream text NOT NULL,
  version int NOT NULL,
  type text NOT NULL,
  at text NOT NULL,
  data json NOT NULL,
  meta json NOT NULL,
  published_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, position)
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

/** Creates what is missing. Safe when several processes start at once. */
export async function prepareSchema(url: string): Promise<void> {
  await inTransaction(url, async session => {
    await session.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    await session.query(TABLES)
    const { rowCount } = await session.query(
      "SELECT FROM pg_attribute WHERE attrelid = 'event_bus.topics'::regclass AND attname = 'previous_end'",
    )
    if (rowCount === 0) await session.query(ADD_PREVIOUS_END)
  })
}
