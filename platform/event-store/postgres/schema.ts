// Creates and migrates the event store's tables and its append function.
import type pg from 'pg'
import { OperatorError } from '#platform/domain/errors.ts'
import { inTransaction, toUnreachable } from '#platform/postgres/pool.ts'

/** Transaction advisory locks of this database: one for migrations, one that serialises the writers of the log. */
const MIGRATION_LOCK = 7_234_101
const LOG_LOCK = 7_234_102

/**
 * Appends a group of appends, each accepted or refused on its own, and returns the position before the group and
 * the refused appends, numbered from 1. No two appends of a group write one stream or carry one command.
 *
 * Writers take turns: a lock is held from the first look at the log until the commit is durable, so positions are
 * dense and committed in order, and nothing is ever committed before what a reader has seen. As this is plpgsql, the
 * statements after the lock see all that was committed before it was got.
 *
 * Arrays are walked by subscript, JSON comes as one JSON array per column (array literals would have to escape it),
 * and the usual group, where nothing is refused, has statements of its own without sorting: measured, that takes half
 * the time of the straightforward form.
 */
const APPEND_BATCH = `
CREATE FUNCTION event_store.append_batch(
  recorded timestamptz,
  append_events int[], append_command text[], append_fingerprint text[], append_outcome jsonb,
  write_append int[], write_stream text[], write_expected int[],
  event_write int[], event_version int[], event_id uuid[], event_type text[], event_schema smallint[], event_data jsonb,
  event_meta jsonb,
  OUT head bigint, OUT repeated json, OUT conflicts json
) LANGUAGE plpgsql AS $$
DECLARE
  skipped int[] := '{}';
BEGIN
  PERFORM pg_advisory_xact_lock(${LOG_LOCK});
  SELECT coalesce(max(e.position), 0) INTO head FROM event_store.events e;

  IF append_command IS NOT NULL THEN
    SELECT json_agg(json_build_object('append', a, 'position', c.position,
                                      'fingerprint', c.fingerprint, 'outcome', c.outcome)),
           coalesce(array_agg(a), '{}')
      INTO repeated, skipped
      FROM generate_series(1, cardinality(append_command)) a
      JOIN event_store.commands c ON c.id = append_command[a];
  END IF;

  PERFORM FROM generate_series(1, cardinality(write_stream)) w
    WHERE write_expected[w] <> coalesce((
      SELECT e.version FROM event_store.events e WHERE e.stream = write_stream[w] ORDER BY e.version DESC LIMIT 1), 0);
  IF FOUND THEN
    WITH c AS (
      SELECT write_append[w] AS append, write_stream[w] AS stream, write_expected[w] AS expected,
             coalesce((SELECT max(e.version) FROM event_store.events e WHERE e.stream = write_stream[w]), 0) AS actual
        FROM generate_series(1, cardinality(write_stream)) w
    )
    SELECT json_agg(c ORDER BY c.append), skipped || coalesce(array_agg(c.append), '{}')
      INTO conflicts, skipped
      FROM c WHERE c.expected <> c.actual AND c.append <> ALL (skipped);
  END IF;

  IF skipped = '{}' THEN
    INSERT INTO event_store.events (position, stream, version, id, type, schema, data, meta, recorded_at)
    SELECT head + e, write_stream[event_write[e]], event_version[e], event_id[e], event_type[e], event_schema[e],
           event_data -> (e - 1), event_meta -> (e - 1), recorded
      FROM generate_series(1, cardinality(event_write)) e;
  ELSE
    INSERT INTO event_store.events (position, stream, version, id, type, schema, data, meta, recorded_at)
    SELECT head + row_number() OVER (ORDER BY e), write_stream[event_write[e]], event_version[e], event_id[e],
           event_type[e], event_schema[e], event_data -> (e - 1), event_meta -> (e - 1), recorded
      FROM generate_series(1, cardinality(event_write)) e WHERE write_append[event_write[e]] <> ALL (skipped);
  END IF;

  IF append_command IS NOT NULL THEN
    INSERT INTO event_store.commands (id, fingerprint, outcome, position, recorded_at)
    SELECT append_command[p.append], append_fingerprint[p.append], append_outcome -> (p.append - 1)::int, p.position, recorded
      FROM (
        SELECT a AS append, head + sum(append_events[a]) OVER (ORDER BY a) AS position
          FROM generate_series(1, cardinality(append_events)) a WHERE a <> ALL (skipped)
      ) p
     WHERE append_command[p.append] IS NOT NULL;
  END IF;
END $$;`

/** One statement list per version of the schema; a version that has been released is never edited. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE event_store.events (
     position bigint PRIMARY KEY,
     version int NOT NULL,
     schema smallint NOT NULL,
     recorded_at timestamptz NOT NULL,
     id uuid NOT NULL,
     stream text NOT NULL,
     type text NOT NULL,
     data jsonb NOT NULL,
     meta jsonb NOT NULL,
     UNIQUE (stream, version)
   );
   CREATE TABLE event_store.commands (
     id text PRIMARY KEY,
     fingerprint text NOT NULL,
     outcome jsonb NOT NULL,
     position bigint NOT NULL,
     recorded_at timestamptz NOT NULL
   );
   CREATE TABLE event_store.snapshots (
     stream text NOT NULL,
     schema int NOT NULL,
     version int NOT NULL,
     state jsonb NOT NULL,
     saved_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (stream, schema)
   );
   CREATE TABLE event_store.consumers (
     name text PRIMARY KEY,
     checkpoint bigint NOT NULL DEFAULT 0,
     owner uuid,
     epoch bigint NOT NULL DEFAULT 0,
     lease_until timestamptz,
     yielding uuid
   ) WITH (fillfactor = 50);
   CREATE TABLE event_store.dead_letters (
     consumer text NOT NULL,
     position bigint NOT NULL,
     stream text NOT NULL,
     behind bigint,
     error text NOT NULL,
     attempts int NOT NULL,
     parked_at timestamptz NOT NULL DEFAULT now(),
     replay boolean NOT NULL DEFAULT false,
     PRIMARY KEY (consumer, position)
   );
   CREATE INDEX ON event_store.dead_letters (consumer, stream, position)`,
  // It created append_group, which the builds call that know no later version, until the last of them is stopped.
  'SELECT 1',
  APPEND_BATCH,
]

/** Brings the schema to this build's version. Safe when several processes start at once, and on every start. */
export async function migrate(url: string): Promise<void> {
  try {
    await inTransaction(url, async session => {
      await session.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
      await applyMissing(session)
    })
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause
    throw toUnreachable('EVENT_STORE_UNREACHABLE', { purpose: 'event store', url }, cause)
  }
}

async function applyMissing(client: pg.Client): Promise<void> {
  await client.query(`CREATE SCHEMA IF NOT EXISTS event_store;
    CREATE TABLE IF NOT EXISTS event_store.migrations (version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`)
  const { rows } = await client.query<{ version: number | null }>(
    'SELECT max(version) AS version FROM event_store.migrations',
  )
  const applied = rows[0]?.version ?? 0
  if (applied > MIGRATIONS.length)
    throw new OperatorError(
      'EVENT_STORE_TOO_NEW',
      `the event store's schema is at version ${applied}, and this build knows ${MIGRATIONS.length}: run the newer build`,
    )
  for (const [index, statements] of MIGRATIONS.entries()) {
    if (index < applied) continue
    await client.query(statements)
    await client.query('INSERT INTO event_store.migrations (version) VALUES ($1)', [index + 1])
  }
}
