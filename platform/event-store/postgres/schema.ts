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
 * Arrays are walked by subscript, and JSON comes as one text per column with a value a line: array literals would have to
 * escape it. The usual group, where nothing is refused, has statements of its own without sorting: measured, that takes
 * half the time of the straightforward form. `command_end` counts the group's events up to the end of the command's append.
 */
const APPEND_EVENTS = `
CREATE FUNCTION event_store.append_events(
  recorded timestamptz,
  command_append int[], command_end int[], command_id text[], command_fingerprint text[], command_outcome text,
  write_append int[], write_stream text[], write_expected int[],
  event_write int[], event_version int[], event_id uuid[], event_type text[], event_schema smallint[], event_data text,
  event_meta text,
  OUT head bigint, OUT repeated json, OUT conflicts json
) LANGUAGE plpgsql AS $$
DECLARE
  skipped int[] := '{}';
  outcomes text[] := string_to_array(command_outcome, E'\\n');
  datas text[] := string_to_array(event_data, E'\\n');
  metas text[] := string_to_array(event_meta, E'\\n');
BEGIN
  PERFORM pg_advisory_xact_lock(${LOG_LOCK});
  SELECT coalesce(max(e.position), 0) INTO head FROM event_store.events e;

  IF command_id <> '{}' THEN
    SELECT json_agg(json_build_object('append', command_append[c], 'position', k.position,
                                      'fingerprint', k.fingerprint, 'outcome', k.outcome)),
           coalesce(array_agg(command_append[c]), '{}')
      INTO repeated, skipped
      FROM generate_series(1, cardinality(command_id)) c
      JOIN event_store.commands k ON k.id = command_id[c];
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
           datas[e]::json, metas[e]::json, recorded
      FROM generate_series(1, cardinality(event_write)) e;
  ELSE
    INSERT INTO event_store.events (position, stream, version, id, type, schema, data, meta, recorded_at)
    SELECT head + row_number() OVER (ORDER BY e), write_stream[event_write[e]], event_version[e], event_id[e],
           event_type[e], event_schema[e], datas[e]::json, metas[e]::json, recorded
      FROM generate_series(1, cardinality(event_write)) e WHERE write_append[event_write[e]] <> ALL (skipped);
  END IF;

  IF command_id <> '{}' THEN
    INSERT INTO event_store.commands (id, fingerprint, outcome, position, recorded_at)
    SELECT command_id[c], command_fingerprint[c], outcomes[c]::json,
           head + command_end[c] - CASE WHEN skipped = '{}' THEN 0 ELSE (
             SELECT count(*) FROM generate_series(1, command_end[c]) e WHERE write_append[event_write[e]] = ANY (skipped)
           ) END,
           recorded
      FROM generate_series(1, cardinality(command_id)) c WHERE command_append[c] <> ALL (skipped);
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
  // These two created append_group and append_batch, which the builds call that know no later version.
  'SELECT 1',
  'SELECT 1',
  // Text is smaller than jsonb and written in less time, and nothing looks into it.
  `DROP FUNCTION IF EXISTS event_store.append_group, event_store.append_batch;
   ALTER TABLE event_store.events ALTER COLUMN data TYPE json, ALTER COLUMN meta TYPE json;
   ALTER TABLE event_store.commands ALTER COLUMN outcome TYPE json;
   ${APPEND_EVENTS}`,
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
