// The read models' tables and indexes in PostgreSQL: made, swapped, dropped. Free of documents and queries.
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { inTransaction, sqlState } from '#platform/postgres/pool.ts'
import { checkPath, storedName } from '#platform/read-models/names.ts'
import type { CollectionDefinition, Document } from '#platform/read-models/read-models.ts'

export const SCHEMA = 'read_models'
const MIGRATION_LOCK = 7_234_201
const LOCK_NOT_AVAILABLE = '55P03'
const SWAP_LOCK_MS = 250
const SWAP_PATIENCE_MS = 60_000

/** A string shorter than this, in UTF-16 units, is told apart by its key alone. */
export const KEYED_LENGTH = 200

/**
 * One text per value that sorts, under COLLATE "C", as the port says values sort: so one index serves equality,
 * ranges and order, whatever the type. Numbers are their IEEE 754 bits, turned so that they sort as text. Strings
 * count by their first 200 characters, which keeps index entries within their limit.
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

/** The expression that every index, filter and order on `path` is made of. */
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

/** Makes the schema and its key function. Safe when several processes do it at once. */
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

/** Makes what is missing of the collection's table and indexes. An index new to a filled table holds up its writers. */
export async function createTable<Doc extends Document>(
  url: string,
  definition: CollectionDefinition<Doc>,
  target: Table,
): Promise<void> {
  await inTransaction(url, async session => {
    await session.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
    const { rows } = await session.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = $1::regnamespace`,
      [SCHEMA],
    )
    const known = new Set(rows.map(row => row.name))
    if (!known.has(target.name)) await session.query(tableSql(target))
    for (const [name, sql] of indexSql(definition, target)) if (!known.has(name)) await session.query(sql)
  })
}

/** Drops what an earlier rebuild left of the shadow, and makes it anew. */
export async function recreateShadow<Doc extends Document>(
  url: string,
  definition: CollectionDefinition<Doc>,
): Promise<void> {
  await dropTable(url, shadowTable(definition))
  await createTable(url, definition, shadowTable(definition))
}

export async function dropTable(url: string, target: Table): Promise<void> {
  await inTransaction(url, session => session.query(`DROP TABLE IF EXISTS ${target.sql}`))
}

/**
 * Puts the shadow's table and indexes in the live ones' place, in one transaction. It waits for the table's lock in
 * short tries, because whoever asks for the table while it waits stands in line behind it.
 */
export async function swapTables<Doc extends Document>(
  url: string,
  definition: CollectionDefinition<Doc>,
): Promise<void> {
  const deadline = Date.now() + SWAP_PATIENCE_MS
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
  const [from, to] = [indexNames(definition, shadow), indexNames(definition, live)]
  for (const [index, name] of from.entries())
    await session.query(`ALTER INDEX ${SCHEMA}.${name} RENAME TO ${to[index]}`)
}

function tableSql(target: Table): string {
  return `CREATE TABLE ${target.sql} (
    id text COLLATE "C" CONSTRAINT ${target.name}_pkey PRIMARY KEY,
    position bigint NOT NULL,
    doc jsonb,
    terms tsvector
  )`
}

function indexNames<Doc extends Document>(definition: CollectionDefinition<Doc>, target: Table): string[] {
  return indexSql(definition, target).map(([name]) => name)
}

/** Names and statements of the indexes. A deleted document stands in none of them. */
function indexSql<Doc extends Document>(
  definition: CollectionDefinition<Doc>,
  target: Table,
): [name: string, sql: string][] {
  const paths = definition.indexes.map((index): [string, string] => {
    const name = `${target.name}_${createHash('sha256').update(index.join()).digest('hex').slice(0, 8)}`
    const columns = [...index.map(keyOf), 'id'].join(', ')
    return [name, `CREATE INDEX ${name} ON ${target.sql} (${columns}) WHERE doc IS NOT NULL`]
  })
  if (!definition.terms) return paths
  const name = `${target.name}_terms`
  return [...paths, [name, `CREATE INDEX ${name} ON ${target.sql} USING gin (terms) WHERE doc IS NOT NULL`]]
}
