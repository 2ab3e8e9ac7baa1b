// Keeps read models in PostgreSQL: a table of jsonb documents per collection and version.
import type pg from 'pg'
import { OperatorError } from '#platform/domain/errors.ts'
import {
  openPool,
  openSession,
  type Pool,
  type StoreLogger,
  storableJson,
  storableText,
  toUnreachable,
} from '#platform/postgres/pool.ts'
import { createPageCursors } from '#platform/read-models/page-cursor.ts'
import { countSql, findSql } from '#platform/read-models/postgres/query.ts'
import {
  createTable,
  dropTable,
  liveTable,
  prepareSchema,
  shadowTable,
  swapTables,
  type Table,
} from '#platform/read-models/postgres/schema.ts'
import type {
  Collection,
  CollectionDefinition,
  Document,
  GuardedWrite,
  ReadModels,
  Shadow,
} from '#platform/read-models/read-models.ts'
import { foldTerms } from '#platform/read-models/search-terms.ts'

type PostgresReadModelsOptions = {
  readonly url: string
  readonly logger?: StoreLogger
  /** The most sessions; 10 by default. */
  readonly poolSize?: number
}

/** Rows of one insert statement. */
const WRITE_CHUNK = 1_000
/** The first half of the session advisory lock by which a collection has one rebuild at a time. */
const REBUILD_LOCK = 7_234_202

/**
 * Opens the read models in the database at `url`, in a schema of their own. Strings longer than 200 characters are
 * sorted, and compared with a range's bounds, by their first 200. Throws OperatorError READ_MODELS_UNREACHABLE.
 */
export async function openPostgresReadModels(options: PostgresReadModelsOptions): Promise<ReadModels> {
  const { url, logger, poolSize = 10 } = options
  await prepareSchema(url).catch((cause: unknown) => {
    throw toUnreachable('READ_MODELS_UNREACHABLE', { purpose: 'read models', url }, cause)
  })
  const pool = openPool({ url, purpose: 'read models', max: poolSize, logger })
  return {
    async collection(definition) {
      await createTable(url, definition, liveTable(definition))
      return tableCollection(pool, definition, liveTable(definition))
    },
    shadow: definition => openShadow(pool, definition),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  }
}

async function openShadow<Doc extends Document>(
  pool: Pool,
  definition: CollectionDefinition<Doc>,
): Promise<Shadow<Doc>> {
  const { url } = pool
  const lock = await holdRebuildLock(url, liveTable(definition))
  try {
    await createTable(url, definition, liveTable(definition))
    await dropTable(url, shadowTable(definition)) // an earlier rebuild may have left it
    await createTable(url, definition, shadowTable(definition))
  } catch (error) {
    await lock.end()
    throw error
  }
  return {
    collection: tableCollection(pool, definition, shadowTable(definition)),
    async swap() {
      await swapTables(url, definition)
      await lock.end()
    },
    async drop() {
      await dropTable(url, shadowTable(definition))
      await lock.end()
    },
  }
}

/** Opens a session that holds the lock until it ends, so that a rebuild that dies releases it. Throws REBUILD_RUNNING. */
async function holdRebuildLock(url: string, table: Table): Promise<pg.Client> {
  const session = await openSession(url)
  const { rows } = await session.query<{ held: boolean }>(
    'SELECT pg_try_advisory_lock($1, hashtext($2)) AS held',
    [REBUILD_LOCK, table.name],
  )
  if (rows[0]?.held) return session
  await session.end()
  throw new OperatorError('REBUILD_RUNNING', `another rebuild of ${table.name} is running: wait for its end`)
}

function tableCollection<Doc extends Document>(
  pool: Pool,
  definition: CollectionDefinition<Doc>,
  table: Table,
): Collection<Doc> {
  const named = (name: string, text: string, values: unknown[]) => ({
    name: `${table.name}_${name}`,
    text,
    values,
  })
  return {
    async get(id) {
      const text = `SELECT doc FROM ${table.sql} WHERE id = $1 AND doc IS NOT NULL`
      const rows = await pool.query<{ doc: Doc }>(named('get', text, [storableText(id)]))
      return rows[0]?.doc
    },
    async getMany(ids) {
      if (ids.length === 0) return new Map()
      const text = `SELECT id, doc FROM ${table.sql} WHERE id = ANY ($1::text[]) AND doc IS NOT NULL`
      const rows = await pool.query<{ id: string; doc: Doc }>(named('many', text, [ids.map(storableText)]))
      return new Map(rows.map(row => [row.id, row.doc]))
    },
    async find(query) {
      const { position, pageOf } = createPageCursors(definition.name, query)
      return pageOf(await pool.query<{ id: string; doc: Doc }>(findSql(table, query, position)))
    },
    async count(where = []) {
      const rows = await pool.query<{ count: number }>(countSql(table, where))
      return rows[0]?.count ?? 0
    },
    async ids(after, limit) {
      const text = `SELECT id FROM ${table.sql} WHERE id > $1 AND doc IS NOT NULL ORDER BY id LIMIT $2`
      const rows = await pool.query<{ id: string }>(named('ids', text, [storableText(after), limit]))
      return rows.map(row => row.id)
    },
    async load(ids) {
      if (ids.length === 0) return new Map()
      const text = `SELECT id, doc, position FROM ${table.sql} WHERE id = ANY ($1::text[])`
      const rows = await pool.query<{ id: string; doc: Doc | null; position: string }>(
        named('load', text, [ids.map(storableText)]),
      )
      return new Map(rows.map(row => [row.id, { doc: row.doc, position: Number(row.position) }]))
    },
    async write(writes) {
      const rows = inLockOrder(writes)
      for (let start = 0; start < rows.length; start += WRITE_CHUNK)
        await pool.query(
          named('write', writeSql(table), columns(definition, rows.slice(start, start + WRITE_CHUNK))),
        )
    },
  }
}

function writeSql(table: Table): string {
  return `INSERT INTO ${table.sql} AS stored (id, doc, position, terms)
    SELECT w.id, w.doc, w.position, array_to_tsvector(string_to_array(w.terms, ' '))
      FROM unnest($1::text[], $2::jsonb[], $3::bigint[], $4::text[]) AS w (id, doc, position, terms)
    ON CONFLICT (id) DO UPDATE
      SET doc = excluded.doc, position = excluded.position, terms = excluded.terms
      WHERE stored.position < excluded.position`
}

function columns<Doc extends Document>(
  definition: CollectionDefinition<Doc>,
  rows: readonly GuardedWrite<Doc>[],
): unknown[] {
  const termsOf = ({ doc }: GuardedWrite<Doc>) =>
    doc === null || !definition.terms ? null : foldTerms(definition.terms(doc)).join(' ')
  return [
    rows.map(row => row.id),
    rows.map(row => (row.doc === null ? null : storableJson(row.doc))),
    rows.map(row => row.position),
    rows.map(termsOf),
  ]
}

/** Returns the newest write per document, sorted by id: two processes that write the same documents cannot deadlock. */
function inLockOrder<Doc>(writes: readonly GuardedWrite<Doc>[]): GuardedWrite<Doc>[] {
  const newest = new Map<string, GuardedWrite<Doc>>()
  for (const write of writes) {
    const id = storableText(write.id)
    const other = newest.get(id)
    if (!other || other.position < write.position) newest.set(id, { ...write, id })
  }
  return [...newest.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}
