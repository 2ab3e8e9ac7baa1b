// Creates, swaps and drops the tables and indexes of read models in PostgreSQL.
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { inTransaction, sqlState, withSession } from '#platform/postgres/pool.ts'
import { checkPath, storedName } from '#platform/read-models/collection-names.ts'
import type { CollectionDefinition, Document } from '#platform/read-models/read-models.ts'

export const SCHEMA = 'read_models'
const MIGRATION_LOCK = 7_234_201
const LOCK_NOT_AVAILABLE = '55P03'
const SWAP_LOCK_MS = 250
const SWAP_TIMEOUT_MS = 60_000

/** A string shorter than this, in UTF-16 units, is identified by its key alone. */
export const KEYED_LENGTH = 200

/**
 * Returns one text per value that sorts, under COLLATE "C", in the port's order of values: so one index serves equality,
 * ranges and order, whatever the type. Numbers are their IEEE 754 bits, turned so that they sort as text. Strings
 * are cut to their first 200 characters, which keeps index entries within their limit.
 */
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

/** Returns the expression that every index, filter and order on `path` uses. */
export function keyOf(path: string): string {
  return `(${SCHEMA}.view_key(${jsonAt(path)}) COLLATE "C")`
}

export function jsonAt(path: string): string {
  return `(doc #> '{${checkPath(path).replaceAll('.', ',')}}')`
}

export type Table = { readonly name: string; readonly sql: string }

export function liveTable<Doc extends Document>(definition: CollectionDefinition<Doc>): Table {
  return table(storedName(definition))
}

export function shadowTable<Doc extends Document>(definition: CollectionDefinition<Doc>): Table {
  return table(`${storedName(definition)}_shadow`)
}

function table(name: string): Table {
  return { name, sql: `${SCHEMA}.${name}` }
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

/** Creates what is missing of the collection's table and indexes. A new index on a filled table blocks its writers meanwhile. */
export async function createTable<Doc extends Document>(
  url: string,
  definition: CollectionDefinition<Doc>,
  target: Table,
): Promise<void> {
  await inTransaction(url, async session => {
    await session.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    const { rows } = await session.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = $1::regnamespace
       UNION SELECT stxname FROM pg_statistic_ext WHERE stxnamespace = $1::regnamespace`,
      [SCHEMA],
    )
    const known = new Set(rows.map(row => row.name))
    if (!known.has(target.name)) await session.query(tableSql(target))
    for (const { name, sql } of partsOf(definition, target)) if (!known.has(name)) await session.query(sql)
  })
}

export async function dropTable(url: string, target: Table): Promise<void> {
  await inTransaction(url, session => session.query(`DROP TABLE IF EXISTS ${target.sql}`))
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
  await withSession(url, session => session.query(`ANALYZE ${shadowTable(definition).sql}`))
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
  await session.query(`LOCK TABLE ${live.sql} IN ACCESS EXCLUSIVE MODE`)
  await session.query(`DROP TABLE ${live.sql}`)
  await session.query(`ALTER TABLE ${shadow.sql} RENAME TO ${live.name}`)
  await session.query(`ALTER INDEX ${SCHEMA}.${shadow.name}_pkey RENAME TO ${live.name}_pkey`)
  const names = partsOf(definition, live).map(part => part.name)
  for (const [index, { kind, name }] of partsOf(definition, shadow).entries())
    await session.query(`ALTER ${kind} ${SCHEMA}.${name} RENAME TO ${names[index]}`)
}

function tableSql(target: Table): string {
  return `CREATE TABLE ${target.sql} (
    id text COLLATE "C" CONSTRAINT ${target.name}_pkey PRIMARY KEY,
    position bigint NOT NULL,
    doc jsonb,
    terms tsvector
  )`
}

/** An object that belongs to a table, and has a name of its own in the schema. */
type Part = { readonly kind: 'INDEX' | 'STATISTICS'; readonly name: string; readonly sql: string }

/**
 * The indexes are partial, so that deleted documents are in none. PostgreSQL does not use the statistics of a partial
 * index's expressions for its estimates, so each path has statistics of its own.
 */
function partsOf<Doc extends Document>(definition: CollectionDefinition<Doc>, target: Table): Part[] {
  const indexes = definition.indexes.map(paths => indexOf(target, paths))
  const statistics = [...new Set(definition.indexes.flat())].map(path => statisticsOf(target, path))
  const name = `${target.name}_terms`
  const sql = `CREATE INDEX ${name} ON ${target.sql} USING gin (terms) WHERE doc IS NOT NULL`
  return [...indexes, ...statistics, ...(definition.terms ? [{ kind: 'INDEX' as const, name, sql }] : [])]
}

function indexOf(target: Table, paths: readonly string[]): Part {
  const name = `${target.name}_${digest(paths.join())}`
  const columns = [...paths.map(keyOf), 'id'].join(', ')
  const sql = `CREATE INDEX ${name} ON ${target.sql} (${columns}) WHERE doc IS NOT NULL`
  return { kind: 'INDEX', name, sql }
}

function statisticsOf(target: Table, path: string): Part {
  const name = `${target.name}_s_${digest(path)}`
  const sql = `CREATE STATISTICS ${SCHEMA}.${name} ON ${keyOf(path)} FROM ${target.sql}`
  return { kind: 'STATISTICS', name, sql }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}
