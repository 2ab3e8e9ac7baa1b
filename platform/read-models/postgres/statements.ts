// Builds the statements that load and write documents, of one collection or of several at once.
import { LRUCache } from 'lru-cache'
import { type Sql, storableJson, storableText } from '#platform/postgres/pool.ts'
import { sortValue } from '#platform/read-models/page-cursor.ts'
import type { Table } from '#platform/read-models/postgres/schema.ts'
import { viewKey } from '#platform/read-models/postgres/view-key.ts'
import type {
  CollectionDefinition,
  Document,
  GuardedWrite,
  StoredDocument,
} from '#platform/read-models/read-models.ts'
import { foldTerms } from '#platform/read-models/search-terms.ts'

/** The part of a collection that its statements depend on. */
export type Target = {
  readonly table: Table
  /** Returns the folded terms of a document, separated by spaces. */
  readonly termsOf: (id: string, doc: Document) => string
}

/** Documents whose terms are remembered: most updates leave them as they were. */
const REMEMBERED_TERMS = 2_000

export function targetOf<Doc extends Document>(definition: CollectionDefinition<Doc>, table: Table): Target {
  const remembered = new LRUCache<string, { readonly texts: string; readonly folded: string }>({
    max: REMEMBERED_TERMS,
  })
  return {
    table,
    termsOf(id, doc) {
      const terms = definition.terms?.(doc as Doc) ?? [] // the collection's own document
      const texts = terms.join('\0')
      const known = remembered.get(id)
      if (known?.texts === texts) return known.folded
      const folded = foldTerms(terms).join(' ')
      remembered.set(id, { texts, folded })
      return folded
    },
  }
}

export type LoadedRow = { source: number; id: string; doc: string | null; position: string }

/** Returns a loaded row as its collection stored it. */
export function storedDocumentOf<Doc extends Document>({ doc, position }: LoadedRow): StoredDocument<Doc> {
  return { doc: doc === null ? null : parseDocument<Doc>(doc), position: Number(position) }
}

/** Parses the text of a document that its own collection has written. */
export function parseDocument<Doc extends Document>(text: string): Doc {
  return JSON.parse(text) as Doc
}

export function loadSql(
  wanted: readonly { readonly target: Target; readonly ids: readonly string[] }[],
): Sql {
  const selects = wanted.map(
    ({ target }, index) =>
      `SELECT ${index} AS source, id, doc, position FROM ${target.table.sql} WHERE id = ANY ($${index + 1}::text[])`,
  )
  return { text: selects.join(' UNION ALL '), values: wanted.map(({ ids }) => ids.map(storableText)) }
}

type TargetWrites = { readonly target: Target; readonly writes: readonly GuardedWrite<Document>[] }

/**
 * Writes to all tables in one statement, in the order of their names and of the ids: two processes that write the same
 * documents cannot deadlock. Returns how many rows were `written`. `soft` commits before it is on disk.
 */
export function writeSql(batch: readonly TargetWrites[], soft: boolean): Sql {
  const values: unknown[] = [soft ? 'off' : null]
  const add = (value: unknown) => `$${values.push(value)}`
  const ordered = batch.toSorted((a, b) => (a.target.table.name < b.target.table.name ? -1 : 1))
  const parts = ordered.flatMap(({ target, writes }, index) =>
    insertsOf(target, inLockOrder(writes), index, add),
  )
  const counts = ordered.map((_, index) => `(SELECT count(*) FROM w${index})`)
  const commit = "set_config('synchronous_commit', coalesce($1, current_setting('synchronous_commit')), true)"
  return {
    text: `WITH ${parts.join(', ')} SELECT (${counts.join(' + ')})::int AS written, ${commit}`,
    values,
  }
}

/** JSON has no line break outside of its escapes, so that documents are separated by one; an empty line is a deleted one. */
function insertsOf(
  { table, termsOf }: Target,
  rows: readonly GuardedWrite<Document>[],
  index: number,
  add: (value: unknown) => string,
): string[] {
  const ids = add(rows.map(row => row.id))
  const positions = add(rows.map(row => row.position))
  const docs = add(rows.map(({ doc }) => (doc === null ? '' : storableJson(doc))).join('\n'))
  const keys = [...table.keys].map(([path, column]) => ({
    column,
    values: add(rows.map(({ doc }) => (doc === null ? null : viewKey(sortValue(doc, path))))),
  }))
  const columns = ['position', ...keys.map(({ column }) => column), 'doc']
  const arrays = [`${positions}::bigint[]`, ...keys.map(({ values }) => `${values}::text[]`)]
  const documents = `w${index} AS (INSERT INTO ${table.sql} AS stored (id, ${columns.join(', ')})
    SELECT id, ${columns.slice(0, -1).join(', ')}, nullif(doc, '')
      FROM ROWS FROM (unnest(${ids}::text[]), ${arrays.map(array => `unnest(${array})`).join(', ')},
        unnest(string_to_array(${docs}, E'\\n'))) AS w (id, ${columns.join(', ')})
    ON CONFLICT (id) DO UPDATE SET ${columns.map(column => `${column} = excluded.${column}`).join(', ')}
      WHERE stored.position < excluded.position
    RETURNING id)`
  if (table.terms === undefined) return [documents]
  const terms = add(rows.map(({ id, doc }) => (doc === null ? '' : termsOf(id, doc))))
  return [
    documents,
    `t${index} AS (INSERT INTO ${table.terms} (id, terms)
      SELECT w.id, w.terms
        FROM (SELECT id, array_to_tsvector(string_to_array(terms, ' ')) AS terms
                FROM unnest(${ids}::text[], ${terms}::text[]) AS raw (id, terms)) AS w
        JOIN w${index} USING (id)
       WHERE NOT EXISTS (SELECT FROM ${table.terms} AS stored WHERE stored.id = w.id AND stored.terms = w.terms)
      ON CONFLICT (id) DO UPDATE SET terms = excluded.terms)`,
  ]
}

/** Returns the newest write per document, sorted by id. */
function inLockOrder(writes: readonly GuardedWrite<Document>[]): GuardedWrite<Document>[] {
  const newest = new Map<string, GuardedWrite<Document>>()
  for (const write of writes) {
    const id = storableText(write.id)
    const other = newest.get(id)
    if (!other || other.position < write.position) newest.set(id, { ...write, id })
  }
  return [...newest.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}
