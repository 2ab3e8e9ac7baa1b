// Creates, swaps and drops the tables and indexes of read models in PostgreSQL.
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { inTransaction, type Pool, sqlState, withSession } from '#platform/postgres/pool.ts'
import { checkPath, isEarlierName, storedName } from '#platform/read-models/collection-names.ts'
import { FIRST_KEYS, KEYED_LENGTH } from '#platform/read-models/postgres/view-key.ts'
import type { CollectionDefinition, Document } from '#platform/read-models/read-models.ts'

const SCHEMA = 'read_models'
const MIGRATION_LOCK = 7_234_201
const LOCK_NOT_AVAILABLE = '55P03'
const SWAP_LOCK_MS = 250
const SWAP_TIMEOUT_MS = 60_000
/** The share of a page in percent that inserts fill; the rest is for new versions of the documents in it. */
const FILL_FACTOR = 50

/** Returns what `viewKey` returns, for paths that are not indexed and for documents that an earlier build wrote. */
const VIEW_KEY = `
CREATE OR REPLACE FUNCTION ${SCHEMA}.view_key(value jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE jsonb_typeof(value)
    WHEN 'number' THEN CASE
      WHEN value::float8 < 0
      THEN '1' || translate(encode(float8send(value::float8), 'hex'), '0123456789abcdef', 'fedcba9876543210')
      ELSE '1' || encode(set_bit(float8send(value::float8), 7, 1), 'hex') END
    WHEN 'string' THEN '2' || left(value #>> '{}', ${KEYED_LENGTH})
    WHEN 'boolean' THEN '3' || (value #>> '{}')
    ELSE '0' END
$$`

/**
 * A table of documents, which are JSON text. Each indexed path has a column of its own for its key, which is written with
 * the document, and the search terms have a table of their own.
 */
export type Table = {
  readonly name: string
  readonly sql: string
  /** The paths of each index that has all documents. */
  readonly indexes: readonly (readonly string[])[]
  /** The columns of the paths' keys. */
  readonly keys: ReadonlyMap<string, string>
  /** The table of the terms; undefined for a collection without. */
  readonly terms: string | undefined
}

/** Returns the key of the value at `path`, which is NULL for a deleted document only. */
export function keyOf({ keys }: Table, path: string): string {
  return keys.get(path) ?? `(${keyExpression(path)} COLLATE "C")`
}

function keyExpression(path: string): string {
  return `CASE WHEN doc IS NOT NULL THEN ${SCHEMA}.view_key(${jsonAt(path)}) END`
}

export function jsonAt(path: string): string {
  return `(doc::jsonb #> '{${checkPath(path).replaceAll('.', ',')}}')`
}

export function liveTable<Doc extends Document>(definition: CollectionDefinition<Doc>): Table {
  return table(definition, storedName(definition))
}

export function shadowTable<Doc extends Document>(definition: CollectionDefinition<Doc>): Table {
  return table(definition, `${storedName(definition)}_shadow`)
}

function table<Doc extends Document>(definition: CollectionDefinition<Doc>, name: string): Table {
  const { indexes, sparse = [], moving = [] } = definition
  const paths = [...indexes.flat(), ...sparse, ...moving]
  return {
    name,
    sql: `${SCHEMA}.${name}`,
    indexes,
    keys: new Map(paths.map(path => [path, `k_${digest(path)}`])),
    terms: definition.terms && `${SCHEMA}.${name}_words`,
  }
}

/** Creates the schema and its key function. Safe when several processes do it at once. */
export async function prepareSchema(url: string): Promise<void> {
  await inTransaction(url, async session => {
    await session.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    const { rows } = await session.query<{ known: boolean }>(
      'SELECT to_regprocedure($1) IS NOT NULL AS known',
      [`${SCHEMA}.view_key(jsonb)`],
    )
    if (!rows[0]?.known) await session.query(`CREATE SCHEMA IF NOT EXISTS ${SCHEMA}; ${VIEW_KEY}`)
  })
}

/**
 * Creates what is missing of the collection's tables, and drops what an earlier build had added to them. A new column or
 * index on a filled table blocks its readers and writers meanwhile.
 */
export async function createTable<Doc extends Document>(
  url: string,
  definition: CollectionDefinition<Doc>,
  target: Table,
): Promise<void> {
  await inTransaction(url, async session => {
    await session.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    const { rows } = await session.query<{ parts: string[] }>(PARTS, [SCHEMA, target.name])
    const present = new Set(rows[0]?.parts)
    const parts = partsOf(definition, target)
    if (!present.has(target.name)) await session.query(tableSql(target))
    else await dropForeignParts(session, target, parts)
    if (present.has(target.name)) await migrateColumns(session, target)
    for (const { name, sql } of parts) if (!present.has(name)) await session.query(sql)
  })
}

/** The relations of the schema and the columns of a table, by name. */
const PARTS = `
SELECT array_agg(name) AS parts FROM (
  SELECT relname::text AS name FROM pg_class WHERE relnamespace = $1::regnamespace
  UNION ALL SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1 || '.' || $2)
) AS named`

/**
 * Adds the columns of keys that are missing, with the keys of the documents that are there, and drops those that nobody
 * writes any more. An earlier build kept its documents as jsonb, and had PostgreSQL compute the keys at each write.
 */
async function migrateColumns(session: pg.Client, { sql, keys }: Table): Promise<void> {
  const { rows } = await session.query<{ name: string; type: string; generated: boolean }>(
    `SELECT attname AS name, atttypid::regtype::text AS type, attgenerated <> '' AS generated
       FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
    [sql],
  )
  const present = new Set(rows.map(({ name }) => name))
  const missing = [...keys].filter(([, column]) => !present.has(column))
  const written = new Set(keys.values())
  const generated = rows.filter(row => row.generated && written.has(row.name)).map(({ name }) => name)
  const dropped = rows.filter(({ name }) => name.startsWith('k_') && !written.has(name))
  const steps = [
    dropped.map(({ name }) => `DROP ${name}`),
    missing.map(
      ([path, column]) => `ADD ${columnSql(column)} GENERATED ALWAYS AS (${keyExpression(path)}) STORED`,
    ),
    [...generated, ...missing.map(([, column]) => column)].map(column => `ALTER ${column} DROP EXPRESSION`),
    rows.some(({ name, type }) => name === 'doc' && type === 'jsonb')
      ? ['ALTER doc TYPE text USING doc::text']
      : [],
  ]
  for (const step of steps) if (step.length > 0) await session.query(`ALTER TABLE ${sql} ${step.join(', ')}`)
}

/** An earlier build indexed expressions, which made each update of a document one of all indexes. */
async function dropForeignParts(session: pg.Client, target: Table, parts: readonly Part[]): Promise<void> {
  const { rows } = await session.query<{ kind: string; name: string }>(
    `SELECT 'INDEX' AS kind, indexrelid::regclass::text AS name FROM pg_index
      WHERE indrelid = $1::regclass AND NOT indisprimary AND NOT indexrelid::regclass::text = ANY ($2)
     UNION ALL SELECT 'STATISTICS', stxnamespace::regnamespace || '.' || stxname FROM pg_statistic_ext
      WHERE stxrelid = $1::regclass`,
    [target.sql, parts.map(({ name }) => `${SCHEMA}.${name}`)],
  )
  for (const { kind, name } of rows) await session.query(`DROP ${kind} ${name}`)
}

/** Returns the names of the tables that hold earlier versions of a collection. */
export async function earlierTables<Doc extends Document>(
  pool: Pool,
  definition: CollectionDefinition<Doc>,
): Promise<string[]> {
  const text = 'SELECT tablename::text AS name FROM pg_tables WHERE schemaname = $1'
  const rows = await pool.query<{ name: string }>({ text, values: [SCHEMA] })
  return rows.map(({ name }) => name).filter(name => isEarlierName(definition, name))
}

/** Drops a table of documents, with its terms and what a rebuild has left beside it. */
export async function dropEarlierTable(pool: Pool, name: string): Promise<void> {
  const names = ['', '_words', '_shadow', '_shadow_words'].map(suffix => `${SCHEMA}.${name}${suffix}`)
  await pool.query({ text: `DROP TABLE IF EXISTS ${names.join(', ')}` })
}

export async function dropTable(url: string, target: Table): Promise<void> {
  await inTransaction(url, session =>
    session.query(`DROP TABLE IF EXISTS ${[target.sql, target.terms].filter(Boolean).join(', ')}`),
  )
}

/**
 * Takes the planner's statistics of a table, and summarises the ranges that its BRIN indexes lack: each of these is read by
 * every query until the next vacuum, since PostgreSQL puts few of them down when rows come fast.
 */
export async function analyzeTable<Doc extends Document>(
  url: string,
  definition: CollectionDefinition<Doc>,
  target: Table,
): Promise<void> {
  await withSession(url, async session => {
    await session.query(`ANALYZE ${[target.sql, target.terms].filter(Boolean).join(', ')}`)
    for (const path of definition.moving ?? [])
      await session.query('SELECT brin_summarize_new_values($1)', [
        `${SCHEMA}.${movingIndexOf(target, path).name}`,
      ])
  })
}

/**
 * Replaces the live table with the shadow's, with all its parts, in one transaction. It waits for the table's lock in
 * short attempts, because every statement on the table queues behind a waiting lock. The shadow is analyzed first, so
 * that the first queries on it are planned well.
 */
export async function swapTables<Doc extends Document>(
  url: string,
  definition: CollectionDefinition<Doc>,
): Promise<void> {
  await analyzeTable(url, definition, shadowTable(definition))
  const deadline = Date.now() + SWAP_TIMEOUT_MS
  for (;;) {
    try {
      return await inTransaction(url, session => swapOnce(session, definition))
    } catch (error) {
      if (sqlState(error) !== LOCK_NOT_AVAILABLE || Date.now() > deadline) throw error
      await delay(SWAP_LOCK_MS)
    }
  }
}

async function swapOnce<Doc extends Document>(
  session: pg.Client,
  definition: CollectionDefinition<Doc>,
): Promise<void> {
  const [live, shadow] = [liveTable(definition), shadowTable(definition)]
  await session.query(`SET LOCAL lock_timeout = ${SWAP_LOCK_MS}`)
  for (const old of [live.sql, live.terms].filter(name => name !== undefined)) {
    await session.query(`LOCK TABLE ${old} IN ACCESS EXCLUSIVE MODE`)
    await session.query(`DROP TABLE ${old}`)
  }
  const tables = [
    { kind: 'TABLE', name: shadow.name },
    { kind: 'INDEX', name: `${shadow.name}_pkey` },
    ...(shadow.terms === undefined ? [] : [{ kind: 'INDEX', name: `${shadow.name}_words_pkey` }]),
  ]
  for (const { kind, name } of [...tables, ...partsOf(definition, shadow)])
    await session.query(
      `ALTER ${kind} ${SCHEMA}.${name} RENAME TO ${live.name}${name.slice(shadow.name.length)}`,
    )
}

/**
 * Updates of a document stay in its page, and leave its indexes alone, when there is room and no key has changed. The log
 * of such an update leaves out what is the same at both ends of the row, so that what changes is in its middle.
 */
function tableSql(target: Table): string {
  const columns = [...target.keys.values()].map(column => `${columnSql(column)},`).join('\n    ')
  return `CREATE TABLE ${target.sql} (
    id text COLLATE "C" CONSTRAINT ${target.name}_pkey PRIMARY KEY,
    ${columns}
    position bigint NOT NULL,
    doc text
  ) WITH (fillfactor = ${FILL_FACTOR})`
}

function columnSql(column: string): string {
  return `${column} text COLLATE "C"`
}

/** An object that belongs to a table, and has a name of its own in the schema, which begins with the table's. */
type Part = { readonly kind: 'INDEX' | 'TABLE'; readonly name: string; readonly sql: string }

function partsOf<Doc extends Document>(definition: CollectionDefinition<Doc>, target: Table): Part[] {
  return [
    ...definition.indexes.map(paths => indexOf(target, paths)),
    ...(definition.sparse ?? []).map(path => sparseIndexOf(target, path)),
    ...(definition.moving ?? []).map(path => movingIndexOf(target, path)),
    ...(target.terms === undefined ? [] : termsOf(target, target.terms)),
  ]
}

function indexOf(target: Table, paths: readonly string[]): Part {
  const name = `${target.name}_i_${digest(paths.join())}`
  const columns = [...paths.map(path => keyOf(target, path)), 'id'].join(', ')
  return { kind: 'INDEX', name, sql: `CREATE INDEX ${name} ON ${target.sql} (${columns})` }
}

function sparseIndexOf(target: Table, path: string): Part {
  const name = `${target.name}_s_${digest(path)}`
  const key = keyOf(target, path)
  const sql = `CREATE INDEX ${name} ON ${target.sql} (${key}, id) WHERE ${key} >= ${FIRST_KEYS.number}`
  return { kind: 'INDEX', name, sql }
}

/** A BRIN index has an entry for a range of pages: most updates change none of them, and it does not keep them from staying in their page. */
function movingIndexOf(target: Table, path: string): Part {
  const name = `${target.name}_m_${digest(path)}`
  const sql = `CREATE INDEX ${name} ON ${target.sql} USING brin (${keyOf(target, path)})
    WITH (pages_per_range = 16, autosummarize = on)`
  return { kind: 'INDEX', name, sql }
}

/** The terms are apart, so that a document whose other keys change leaves their index alone. */
function termsOf(target: Table, terms: string): Part[] {
  const [name, key, index] = ['words', 'words_pkey', 'words_terms'].map(part => `${target.name}_${part}`)
  return [
    {
      kind: 'TABLE',
      name: `${name}`,
      sql: `CREATE TABLE ${terms} (id text COLLATE "C" CONSTRAINT ${key} PRIMARY KEY, terms tsvector NOT NULL)`,
    },
    { kind: 'INDEX', name: `${index}`, sql: `CREATE INDEX ${index} ON ${terms} USING gin (terms)` },
  ]
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}
