// Cursors of keyset pages: they name the query, the last item's sort value and its id. Free of any driver.
import { createHash } from 'node:crypto'
import { CallerError } from '#platform/domain/errors.ts'
import type { Json } from '#platform/domain/json.ts'
import type { Document, Query } from '#platform/read-models/read-models.ts'

/** What a page is sorted by. Anything else that a path leads to counts as null, which comes first. */
export type SortValue = string | number | boolean | null

/** Where a page ended. `value` is null when the query sorts by id only. */
export type PagePosition = { readonly value: SortValue; readonly id: string }

const MOST_ITEMS = 1_000

/** Writes and reads the cursors of one query: `limit` may differ from page to page, the rest may not. */
export function createPageCursors(
  collection: string,
  query: Query,
): { encode(doc: Document, id: string): string; place: PagePosition | undefined } {
  checkLimit(query.limit)
  const { orderBy, where = [] } = query
  const order = [orderBy?.path ?? null, orderBy?.descending ?? false]
  const fingerprint = digest(JSON.stringify([collection, where, order]))
  return {
    encode: (doc, id) => pack([fingerprint, orderBy === undefined ? null : sortValue(doc, orderBy.path), id]),
    place: query.after === undefined ? undefined : unpack(query.after, fingerprint),
  }
}

/** The value at a dotted path; null when the path leads to nothing that can be sorted. */
export function sortValue(doc: Document, path: string): SortValue {
  let value: Json | undefined = doc
  for (const step of path.split('.')) {
    if (value === null || typeof value !== 'object') return null
    value = Object.getOwnPropertyDescriptor(value, step)?.value
  }
  return value === undefined || typeof value === 'object' ? null : value
}

function checkLimit(limit: number): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_ITEMS)
    throw new CallerError('BAD_USER_INPUT', `A page has 1 to ${MOST_ITEMS} items; asked for ${limit}.`)
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 16)
}

function pack(parts: readonly [string, SortValue, string]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

function unpack(cursor: string, fingerprint: string): PagePosition {
  const parts = parse(cursor)
  if (!Array.isArray(parts) || parts.length !== 3) throw foreign('it is not one of ours')
  const [query, value, id]: unknown[] = parts
  if (query !== fingerprint) throw foreign('it belongs to another query')
  if (typeof id !== 'string' || !isSortValue(value)) throw foreign('it is not one of ours')
  return { value, id }
}

function parse(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    return undefined
  }
}

function isSortValue(value: unknown): value is SortValue {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

function foreign(why: string): CallerError {
  return new CallerError(
    'BAD_USER_INPUT',
    `The cursor cannot be used here: ${why}. Pass one that this query returned, or none for the first page.`,
  )
}
