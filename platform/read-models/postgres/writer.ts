// Writes batches to several collections in a session of its own, whose end shows that soft commits may be lost.
import pg from 'pg'
import { openSession, type Sql } from '#platform/postgres/pool.ts'
import {
  type LoadedRow,
  loadSql,
  storedDocumentOf,
  type Target,
  writeSql,
} from '#platform/read-models/postgres/statements.ts'
import type { BatchWriter, Collection, Document, StoredDocument } from '#platform/read-models/read-models.ts'
import { asUnavailable, isOutage } from '#platform/resilience/outage.ts'

type WriterOptions = {
  readonly url: string
  /** Allows commits that are not on disk yet. */
  readonly soft: boolean
  readonly targetOf: (collection: Collection<Document>) => Target
  readonly onLost: () => void
}

/** A crash of the server ends all of its sessions, so that one that goes on has lost nothing. */
export async function openBatchWriter(options: WriterOptions): Promise<BatchWriter> {
  const { url, soft, targetOf, onLost } = options
  const session = await openSession(url, 'waybill read models writer', {
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 5_000,
  })
  const named = createNames()
  let isOpen = true

  function end(): void {
    if (!isOpen) return
    isOpen = false
    void session.end().catch(() => {}) // it is lost already
    onLost()
  }
  session.on('end', end)

  async function query<Row extends pg.QueryResultRow>(sql: Sql): Promise<Row[]> {
    try {
      if (!isOpen) throw new Error('Connection terminated')
      const { text, values = [], name } = named(sql)
      const { rows } = await session.query<Row>({ text, values: [...values], ...(name && { name }) })
      return rows
    } catch (cause) {
      if (!(cause instanceof pg.DatabaseError) || isOutage(cause)) end()
      throw asUnavailable('read models', cause)
    }
  }

  return {
    async load(wanted) {
      const rows = await query<LoadedRow>(
        loadSql(wanted.map(({ collection, ids }) => ({ target: targetOf(collection), ids }))),
      )
      const found = wanted.map(() => new Map<string, StoredDocument<Document>>())
      for (const row of rows) found[row.source]?.set(row.id, storedDocumentOf(row))
      return found
    },
    async write(batch, { durable }) {
      const writes = batch.map(({ collection, writes }) => ({ target: targetOf(collection), writes }))
      const rows = await query<{ written: number }>(writeSql(writes, soft && !durable))
      return rows[0]?.written === batch.reduce((sum, { writes }) => sum + writes.length, 0)
    },
    async [Symbol.asyncDispose]() {
      isOpen = false
      await session.end().catch(() => {}) // a lost session has nothing left to end
    },
  }
}

const STATEMENT_TIMEOUT_MS = 60_000
/** Statements of so many texts are named, which saves parsing and planning them again. */
const MAX_NAMES = 200

/** Returns a function that names statements by their text. Names are of one pool or session. */
export function createNames(): (sql: Sql) => Sql {
  const names = new Map<string, string>()
  return sql => {
    const name = names.get(sql.text) ?? (names.size < MAX_NAMES ? `views_${names.size}` : undefined)
    if (name === undefined) return sql
    names.set(sql.text, name)
    return { ...sql, name }
  }
}
