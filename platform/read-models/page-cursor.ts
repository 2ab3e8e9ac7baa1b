// Encodes and decodes the cursors of keyset pages: a digest of the query, the last item's sort value and its id.
import { createHash } from 'node:crypto'
import { CallerError } from '#platform/domain/errors.ts'
import { type Json, parseJson } from '#platform/domain/json.ts'
import type { Document, Page, Query } from '#platform/read-models/read-models.ts'

/** The value that a page is sorted by. Any other value at the path counts as null, which comes first. */
export type SortValue = string | number | boolean | null

/** The last item of a page. `value` is null when the query sorts by id only. */
export type PagePosition = { readonly value: SortValue; readonly id: string }

type PageCursors = {
  readonly position: PagePosition | undefined
  /** Returns the page that begins with these rows: `limit` of them, and one more when there is another page. */
  pageOf<Doc extends Document>(rows: readonly { readonly id: string; readonly doc: Doc }[]): Page<Doc>
}

const MAX_ITEMS = 1_000

/**
 * Returns the cursors of one query and the position of `query.after`. `limit` may differ from page to page, the rest may
 * not. Throws CallerError BAD_USER_INPUT for a limit out of range, or a cursor of another query.
 */
export function createPageCursors(collection: string, query: Query): PageCursors {
  checkLimit(query.limit)
  const { orderBy, where = [] } = query
  const order = [orderBy?.path ?? null, orderBy?.descending ?? false]
  const fingerprint = digest(JSON.stringify([collection, where, order]))
  const cursorOf = (doc: Document, id: string) =>
    pack([fingerprint, orderBy === undefined ? null : sortValue(doc, orderBy.path), id])
  return {
    position: query.after === undefined ? undefined : unpack(query.after, fingerprint),
    pageOf: rows => ({
      items: rows.slice(0, query.limit).map(({ id, doc }) => ({ id, doc, cursor: cursorOf(doc, id) })),
      hasNext: rows.length > query.limit,
    }),
  }
}

/** Returns the value at a dotted path; null when there is nothing that can be sorted. */
export function sortValue(doc: Document, path: string): SortValue {
  let value: Json | undefined = doc
  for (const step of path.split('.')) {
    if (value === null || typeof value !== 'object') return null
    value = Object.getOwnPropertyDescriptor(value, step)?.value
  }
  return value === undefined || typeof value === 'object' ? null : value
}

function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_ITEMS)
    throw new CallerError('BAD_USER_INPUT', `A page has 1 to ${MAX_ITEMS} items; asked for ${limit}.`)
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}

function pack(parts: readonly [string, SortValue, string]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

function unpack(cursor: string, fingerprint: string): PagePosition {
  const parts = parseJson(Buffer.from(cursor, 'base64url').toString())
  if (!Array.isArray(parts) || parts.length !== 3) throw invalidCursor('it is not one of ours')
  const [query, value, id]: unknown[] = parts
  if (query !== fingerprint) throw invalidCursor('it belongs to another query')
  if (typeof id !== 'string' || !isSortValue(value)) throw invalidCursor('it is not one of ours')
  return { value, id }
}

function isSortValue(value: unknown): value is SortValue {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

function invalidCursor(why: string): CallerError {
  return new CallerError(
    'BAD_USER_INPUT',
    `The cursor cannot be used here: ${why}. Pass one that this query returned, or none for the first page.`,
  )
}
