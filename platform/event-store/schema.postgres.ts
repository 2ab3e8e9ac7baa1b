// The event store's tables and its append function, brought up to date by whoever opens the store first. Free of events.
import pg from 'pg'
import { OperatorError } from '#platform/domain/errors.ts'
import { describeUrl } from '#platform/event-store/sessions.postgres.ts'

/** Transaction advisory locks of this database: one for migrations, one that the writers of the log take in turn. */
const MIGRATION_LOCK = 7_234_101
const LOG_LOCK = 7_234_102

/**
 * Appends a group of appends, each accepted or refused on its own, and answers the position before the group with
 * the refused ones. Writers take turns: a lock is held from the first look at the log until the commit is durable,
 * so positions are dense, are committed in order, and what a reader sees is never preceded later.
 * Being plpgsql, each statement inside sees what was committed before the lock was got.
 */
const APPEND_GROUP = `
CREATE OR REPLACE FUNCTION event_store.append_group(
  recorded timestamptz,
  append_events int[], append_command text[], append_fingerprint text[], append_outcome jsonb[],
  write_append int[], write_stream text[], write_expected int[],
  event_append int[], event_stream text[], event_version int[], event_id uuid[], event_type text[],
  event_schema smallint[], event_data jsonb[], event_meta jsonb[],
  OUT head bigint, OUT repeated json, OUT conflicts json
) LANGUAGE plpgsql AS $$
DECLARE
  skipped int[] := '{}';
  conflicting int[];
BEGIN
  PERFORM pg_advisory_xact_lock(${LOG_LOCK});
  SELECT coalesce(max(e.position), 0) INTO head FROM event_store.events e;

  SELECT json_agg(json_build_object('append', a.append, 'position', c.position,
                                    'fingerprint', c.fingerprint, 'outcome', c.outcome)),
         coalesce(array_agg(a.append::int), '{}')
    INTO repeated, skipped
    FROM unnest(append_command) WITH ORDINALITY AS a(command, append)
    JOIN event_store.commands c ON c.id = a.command;

  SELECT json_agg(json_build_object('append', w.append, 'stream', w.stream,
                                    'expected', w.expected, 'actual', v.actual) ORDER BY w.append),
         array_agg(w.append)
    INTO conflicts, conflicting
    FROM unnest(write_append, write_stream, write_expected) AS w(append, stream, expected)
    CROSS JOIN LATERAL (
      SELECT coalesce(max(e.version), 0) AS actual FROM event_store.events e WHERE e.stream = w.stream
    ) v
   WHERE v.actual <> w.expected AND w.append <> ALL (skipped);
  skipped := skipped || coalesce(conflicting, '{}');

  INSERT INTO event_store.events (position, stream, version, id, type, schema, data, meta, recorded_at)
  SELECT head + row_number() OVER (ORDER BY e.ordinal),
         e.stream, e.version, e.id, e.type, e.schema, e.data, e.meta, recorded
    FROM unnest(event_append, event_stream, event_version, event_id, event_type, event_schema, event_data, event_meta)
         WITH ORDINALITY AS e(append, stream, version, id, type, schema, data, meta, ordinal)
   WHERE e.append <> ALL (skipped);

  INSERT INTO event_store.commands (id, fingerprint, outcome, position, recorded_at)
  SELECT p.command, p.fingerprint, p.outcome, p.position, recorded
    FROM (
      SELECT a.command, a.fingerprint, a.outcome, head + sum(a.events) OVER (ORDER BY a.append) AS position
        FROM unnest(append_events, append_command, append_fingerprint, append_outcome)
             WITH ORDINALITY AS a(events, command, fingerprint, outcome, append)
       WHERE a.append <> ALL (skipped)
    ) p
   WHERE p.command IS NOT NULL;
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
   CREATE INDEX ON event_store.dead_letters (consumer, stream, position);
   ${APPEND_GROUP}`,
]

/** Brings the schema to this build's version. Safe when several processes start at once, and on every start. */
export async function migrate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {}) // a lost session fails the statement that is waiting for it
  try {
    await client.connect()
    await client.query('BEGIN')
    await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    await applyMissing(client)
    await client.query('COMMIT')
  } catch (cause) {
    if (cause instanceof OperatorError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError(
      'EVENT_STORE_UNREACHABLE',
      `the event store could not be opened at ${describeUrl(url)}: ${reason}`,
      cause,
    )
  } finally {
    await client.end().catch(() => {})
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
