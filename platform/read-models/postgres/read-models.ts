// Keeps read models in PostgreSQL: a table of JSON documents per collection and version.
import type pg from 'pg'
import { OperatorError } from '#platform/domain/errors.ts'
import {
  openPool,
  openSession,
  type Sql,
  type StoreLogger,
  storableText,
  toUnreachable,
} from '#platform/postgres/pool.ts'
import { findPage, type Scan } from '#platform/read-models/page-cursor.ts'
import {
  countAmongSomeSql,
  countByTermsSql,
  countSql,
  findSql,
  isSearch,
  searchByTermsSql,
  searchInOrderSql,
} from '#platform/read-models/postgres/query.ts'
import {
  analyzeTable,
  createTable,
  dropEarlierTable,
  dropTable,
  earlierTables,
  liveTable,
  prepareSchema,
  shadowTable,
  swapTables,
  type Table,
} from '#platform/read-models/postgres/schema.ts'
import {
  type LoadedRow,
  loadSql,
  parseDocument,
  storedDocumentOf,
  type Target,
  targetOf,
  writeSql,
} from '#platform/read-models/postgres/statements.ts'
import { createNames, openBatchWriter } from '#platform/read-models/postgres/writer.ts'
import type {
  Collection,
  CollectionDefinition,
  Document,
  Filter,
  ReadModels,
  Shadow,
} from '#platform/read-models/read-models.ts'

type PostgresReadModelsOptions = {
  readonly url: string
  readonly logger?: StoreLogger
  /** Lets a writer's commits that need not be durable return before they are on disk; false by default. */
  readonly soft?: boolean
  /** The most sessions; 10 by default. */
  readonly poolSize?: number
}

/** Rows of one statement of a collection's `write`. */
const WRITE_CHUNK = 1_000
/** The first half of the session advisory lock by which a collection has one rebuild at a time. */
const REBUILD_LOCK = 7_234_202

/**
 * Opens the read models in the database at `url`, in a schema of their own. Strings longer than 200 characters are
 * sorted, and compared with a range's bounds, by their first 200. Throws OperatorError READ_MODELS_UNREACHABLE.
 */
export async function openPostgresReadModels(options: PostgresReadModelsOptions): Promise<ReadModels> {
  const { url, logger, soft = false, poolSize = 10 } = options
  await prepareSchema(url).catch((cause: unknown) => {
    throw toUnreachable('READ_MODELS_UNREACHABLE', { purpose: 'read models', url }, cause)
  })
  const pool = openPool({ url, purpose: 'read models', max: poolSize, logger })
  const named = createNames()
  const targets = new WeakMap<object, Target>()
  function open<Doc extends Document>(definition: CollectionDefinition<Doc>, table: Table): Collection<Doc> {
    const target = targetOf(definition, table)
    const collection = tableCollection(sql => pool.query(named(sql)), definition, target)
    targets.set(collection, target)
    return collection
  }
  return {
    async collection(definition) {
      const table = liveTable(definition)
      await createTable(url, definition, table)
      return open(definition, table)
    },
    async shadow(definition) {
      const { table, ...rest } = await openShadow(url, definition)
      return { ...rest, collection: open(definition, table) }
    },
    analyze: definition => analyzeTable(url, definition, liveTable(definition)),
    async dropEarlier(definition, before) {
      for (const name of await earlierTables(pool, definition)) {
        await before(name)
        await dropEarlierTable(pool, name)
      }
    },
    writer: onLost =>
      openBatchWriter({ url, soft, onLost, targetOf: collection => targetIn(targets, collection) }),
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  }
}

function targetIn(targets: WeakMap<object, Target>, collection: Collection<Document>): Target {
  const target = targets.get(collection)
  if (target) return target
  throw new OperatorError('READ_MODEL_INVALID', 'a collection of other read models cannot be written here')
}

type TableShadow = Omit<Shadow<Document>, 'collection'> & { readonly table: Table }

async function openShadow<Doc extends Document>(
  url: string,
  definition: CollectionDefinition<Doc>,
): Promise<TableShadow> {
  const [live, table] = [liveTable(definition), shadowTable(definition)]
  const lock = await holdRebuildLock(url, live)
  try {
    await createTable(url, definition, live)
    await dropTable(url, table) // an earlier rebuild may have left it
    await createTable(url, definition, table)
  } catch (error) {
    await lock.end()
    throw error
  }
  return {
    table,
    async swap() {
      await swapTables(url, definition)
      await lock.end()
    },
    async drop() {
      await dropTable(url, table)
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

type FoundRow = { readonly id: string; readonly doc: string }
type TableReader = <Row extends pg.QueryResultRow>(sql: Sql) => Promise<Row[]>

function tableCollection<Doc extends Document>(
  read: TableReader,
  definition: CollectionDefinition<Doc>,
  target: Target,
): Collection<Doc> {
  const { table } = target
  return {
    async get(id) {
      const text = `SELECT doc FROM ${table.sql} WHERE id = $1 AND doc IS NOT NULL`
      const [row] = await read<{ doc: string }>({ text, values: [storableText(id)] })
      return row && parseDocument<Doc>(row.doc)
    },
    async getMany(ids) {
      if (ids.length === 0) return new Map()
      const text = `SELECT id, doc FROM ${table.sql} WHERE id = ANY ($1::text[]) AND doc IS NOT NULL`
      const rows = await read<FoundRow>({ text, values: [ids.map(storableText)] })
      return new Map(rows.map(({ id, doc }) => [id, parseDocument<Doc>(doc)]))
    },
    find: query => findPage(definition.name, query, scan => findRows<Doc>(read, table, scan)),
    count: (where = [], atMost) => countRows(read, table, { where, atMost }),
    async load(ids) {
      if (ids.length === 0) return new Map()
      const rows = await read<LoadedRow>(loadSql([{ target, ids }]))
      return new Map(rows.map(row => [row.id, storedDocumentOf<Doc>(row)]))
    },
    async write(writes) {
      const sorted = writes.toSorted((a, b) => (a.id < b.id ? -1 : 1))
      let written = 0
      for (let start = 0; start < sorted.length; start += WRITE_CHUNK) {
        const chunk = [{ target, writes: sorted.slice(start, start + WRITE_CHUNK) }]
        written += (await read<{ written: number }>(writeSql(chunk, false)))[0]?.written ?? 0
      }
      return written === writes.length
    },
  }
}

/**
 * A search looks first among the rows that come first in the order of the page, where a common word has its page, and
 * sorts all matches only when that does not fill the page.
 */
async function findRows<Doc extends Document>(
  read: TableReader,
  table: Table,
  scan: Scan,
): Promise<{ id: string; doc: Doc }[]> {
  const rowsOf = async (sql: Sql) =>
    (await read<FoundRow>(sql)).map(({ id, doc }) => ({ id, doc: parseDocument<Doc>(doc) }))
  if (!scan.where.some(isSearch)) return rowsOf(findSql(table, scan))
  const first = await rowsOf(searchInOrderSql(table, scan))
  return first.length === scan.limit ? first : rowsOf(searchByTermsSql(table, scan))
}

/** A search that is counted up to a bound looks first at some rows, where a common word reaches it. */
async function countRows(
  read: TableReader,
  table: Table,
  { where, atMost }: { readonly where: readonly Filter[]; readonly atMost: number | undefined },
): Promise<number> {
  const counted = async (sql: Sql) => (await read<{ count: number }>(sql))[0]?.count ?? 0
  if (atMost === undefined || !where.some(isSearch)) return counted(countSql(table, where, atMost))
  const [some] = await read<{ count: number; isWhole: boolean }>(countAmongSomeSql(table, where))
  if (some && (some.isWhole || some.count >= atMost)) return Math.min(some.count, atMost)
  return counted(countByTermsSql(table, where, atMost))
}
