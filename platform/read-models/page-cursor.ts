// Reads pages of a sorted list by keyset, in both directions, and packs their cursors: a digest of the query, a sort value,
// an id.
import { createHash } from 'node:crypto'
import { CallerError } from '#platform/domain/errors.ts'
import { type Json, parseJson } from '#platform/domain/json.ts'
import type { Document, Filter, Page, Query } from '#platform/read-models/read-models.ts'

/** The value that a page is sorted by. Any other value at the path counts as null, which comes first. */
export type SortValue = string | number | boolean | null

/** The place of an item in its list. `value` is null when the query sorts by id only. */
type PagePosition = { readonly value: SortValue; readonly id: string }

/** Keeps the rows whose sort value and id, compared in this order, are on one side of a position. */
export type Bound = { readonly is: '<' | '<=' | '>' | '>='; readonly position: PagePosition }

/** One reading of rows, in the order of a path, or of the ids where there is none; the id breaks ties. */
export type Scan = {
  readonly where: readonly Filter[]
  readonly orderBy: { readonly path?: string; readonly descending: boolean }
  readonly bounds: readonly Bound[]
  /** The most rows. */
  readonly limit: number
}

type Row<Doc> = { readonly id: string; readonly doc: Doc }

const MAX_ITEMS = 1_000

/**
 * Reads the page of `query` by `read`, which returns the rows of a scan in its order. A page is one scan of one row more
 * than it has items; whether anything lies beyond a cursor that bounds it is one more scan of one row, made when asked.
 * `limit` and the direction may differ from page to page, the rest may not. Throws CallerError BAD_USER_INPUT for a limit
 * out of range, or a cursor of another query.
 */
export async function findPage<Doc extends Document>(
  list: string,
  query: Query,
  read: (scan: Scan) => Promise<readonly Row<Doc>[]>,
): Promise<Page<Doc>> {
  checkLimit(query.limit)
  const { where = [], limit, fromEnd = false } = query
  const { path, descending = false } = query.orderBy ?? {}
  const fingerprint = digest(JSON.stringify([list, where, [path ?? null, descending]]))
  const position = (cursor: string | undefined) =>
    cursor === undefined ? undefined : unpack(cursor, fingerprint)
  const [after, before] = [position(query.after), position(query.before)]
  const [past, ahead] = descending ? (['<', '>'] as const) : (['>', '<'] as const)
  const scan = (backwards: boolean, bounds: readonly Bound[], most: number) =>
    read({
      where,
      orderBy: { ...(path !== undefined && { path }), descending: descending !== backwards },
      bounds,
      limit: most,
    })
  const isThere = async (backwards: boolean, bound: Bound) => (await scan(backwards, [bound], 1)).length > 0

  const bounds: Bound[] = [
    ...(after ? [{ is: past, position: after }] : []),
    ...(before ? [{ is: ahead, position: before }] : []),
  ]
  const rows = await scan(fromEnd, bounds, limit + 1)
  const isCut = rows.length > limit
  const shown = rows.slice(0, limit)
  return {
    items: (fromEnd ? shown.reverse() : shown).map(({ id, doc }) => ({
      id,
      doc,
      cursor: pack([fingerprint, path === undefined ? null : sortValue(doc, path), id]),
    })),
    async hasNext() {
      if (isCut && !fromEnd) return true
      return before !== undefined && isThere(false, { is: `${past}=`, position: before })
    },
    async hasPrevious() {
      if (isCut && fromEnd) return true
      return after !== undefined && isThere(true, { is: `${ahead}=`, position: after })
    },
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
  if (query !== fingerprint) throw invalidCursor('it belongs to another list, filter or order')
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
