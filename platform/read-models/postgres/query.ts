// Translates queries on read models into SQL.
import { type Sql, storableJson, storableText } from '#platform/postgres/pool.ts'
import type { Bound, Scan } from '#platform/read-models/page-cursor.ts'
import { jsonAt, keyOf, type Table } from '#platform/read-models/postgres/schema.ts'
import { FIRST_KEYS, KEYED_LENGTH, viewKey } from '#platform/read-models/postgres/view-key.ts'
import type { Filter } from '#platform/read-models/read-models.ts'
import { foldQuery } from '#platform/read-models/search-terms.ts'

type Scalar = string | number | boolean

const NEXT = { number: 'string', string: 'boolean' } as const

/**
 * The rows in the order of the page that a search passes over at most. A common word has its page among them, and for
 * a rarer one there are few documents to sort.
 */
const PASSED_OVER = 2_000

/** The most ranges of an index that are merged. */
const MAX_RANGES = 16

/** Selects the rows of a scan: of one range of an index, or of several that are merged in their order. */
export function findSql(table: Table, scan: Scan): Sql {
  const values = createValues()
  const order = orderSql(table, scan)
  const limit = values.add(scan.limit)
  const [whole, ...others] = rangesOf(table, scan).map(where => {
    const conditions = scanConditions(table, { ...scan, where }, values)
    return `SELECT * FROM ${table.sql} AS found WHERE ${conditions.join(' AND ')} ${order} LIMIT ${limit}`
  })
  if (others.length === 0) return { text: `${whole}`.replace('*', 'id, doc'), values: values.list }
  const ranges = [whole, ...others].map(range => `(${range})`).join(' UNION ALL ')
  return {
    text: `SELECT id, doc FROM (${ranges}) AS found ${order} LIMIT ${limit}`,
    values: values.list,
  }
}

/**
 * Selects the rows of a search from the first rows in its order. Fewer rows than `findSql` selects do not show that there
 * are no others.
 */
export function searchInOrderSql(table: Table, scan: Scan): Sql {
  const values = createValues()
  const [searches, others] = partition(scan.where, isSearch)
  const order = orderSql(table, scan)
  const conditions = scanConditions(table, { ...scan, where: others }, values)
  const first = `SELECT * FROM ${table.sql} WHERE ${conditions.join(' AND ')} ${order} LIMIT ${PASSED_OVER}`
  const limit = values.add(scan.limit)
  return {
    text: `SELECT id, doc FROM (${first}) AS found WHERE ${rowByRow(table, searches, values)} ${order} LIMIT ${limit}`,
    values: values.list,
  }
}

/** Selects the rows of a search by sorting all its matches. */
export function searchByTermsSql(table: Table, scan: Scan): Sql {
  const values = createValues()
  const conditions = scanConditions(table, scan, values)
  const all = `SELECT * FROM ${table.sql} AS found WHERE ${conditions.join(' AND ')} OFFSET 0`
  const limit = values.add(scan.limit)
  return {
    text: `SELECT id, doc FROM (${all}) AS found ${orderSql(table, scan)} LIMIT ${limit}`,
    values: values.list,
  }
}

export function isSearch(filter: Filter): filter is Extract<Filter, { matching: string }> {
  return 'matching' in filter
}

/**
 * Counts up to `atMost` rows, and stops there. The rows are read in the order of an index that finds them: without one, a
 * plan may read the table from its beginning, and pass over all that a filter leaves out.
 */
export function countSql(table: Table, where: readonly Filter[], atMost: number | undefined): Sql {
  const values = createValues()
  const conditions = whereSql(table, where, values)
  const rows = `SELECT FROM ${table.sql} AS found WHERE ${conditions.join(' AND ')}`
  const part = atMost === undefined ? '' : ` ${indexOrderSql(table, where)} LIMIT ${values.add(atMost)}`
  return { text: `SELECT count(*)::int AS count FROM (${rows}${part}) AS counted`, values: values.list }
}

/**
 * Counts the matches of a search among some of the rows that its other filters leave: `isWhole` says that there are no
 * others, so that the count is the search's.
 */
export function countAmongSomeSql(table: Table, where: readonly Filter[]): Sql {
  const values = createValues()
  const [searches, others] = partition(where, isSearch)
  const conditions = whereSql(table, others, values)
  const some = `SELECT id FROM ${table.sql} WHERE ${conditions.join(' AND ')} ${indexOrderSql(table, others)} LIMIT ${PASSED_OVER}`
  return {
    text: `SELECT count(*) FILTER (WHERE ${rowByRow(table, searches, values)})::int AS count,
      count(*) < ${PASSED_OVER} AS "isWhole" FROM (${some}) AS found`,
    values: values.list,
  }
}

/** Counts up to `atMost` matches of a search. The index of the terms finds them, and a deleted document has no terms. */
export function countByTermsSql(table: Table, where: readonly Filter[], atMost: number): Sql {
  const values = createValues()
  const [searches, others] = partition(where, isSearch)
  const matches = searches.map(({ matching }) => termsSql(matching, values))
  if (table.terms === undefined || matches.includes(undefined)) return { text: 'SELECT 0 AS count' }
  const matched = `matched AS MATERIALIZED (SELECT id FROM ${table.terms} AS t WHERE ${matches.join(' AND ')})`
  const kept =
    others.length === 0
      ? 'matched'
      : `matched JOIN ${table.sql} AS found USING (id) WHERE ${whereSql(table, others, values).join(' AND ')}`
  return {
    text: `WITH ${matched} SELECT count(*)::int AS count FROM (SELECT FROM ${kept} LIMIT ${values.add(atMost)}) AS counted`,
    values: values.list,
  }
}

/**
 * Returns the filters of each range of an index that has its rows in the order of the scan. A list of values is as many
 * ranges where the index that fits best has them in front of what is sorted by.
 */
function rangesOf({ indexes }: Table, { where, orderBy }: Scan): (readonly Filter[])[] {
  const optionsOf = (path: string) => {
    const filter = where.find(one => 'path' in one && one.path === path && ('in' in one || 'equals' in one))
    if (filter === undefined || 'matching' in filter) return undefined
    return 'in' in filter ? [...new Set(filter.in)] : 'equals' in filter ? [filter.equals] : undefined
  }
  const [best = []] = indexes
    .filter(paths => paths.at(-1) === orderBy.path)
    .map(paths => paths.slice(0, -1).map(path => ({ path, options: optionsOf(path) })))
    .filter(paths => paths.every(({ options }) => options !== undefined && options.length > 0))
    .toSorted((a, b) => b.length - a.length || countOf(a) - countOf(b))
  if (countOf(best) > MAX_RANGES) return [where]
  return best.reduce<(readonly Filter[])[]>(
    (ranges, { path, options = [] }) =>
      options.length < 2
        ? ranges
        : ranges.flatMap(range => options.map(equals => [...range, { path, equals }])),
    [where],
  )
}

function countOf(paths: readonly { readonly options: readonly Scalar[] | undefined }[]): number {
  return paths.reduce((product, { options = [] }) => product * options.length, 1)
}

/** Returns the order of the index that has the most of the filtered paths in front; none when no index begins with one. */
function indexOrderSql(table: Table, where: readonly Filter[]): string {
  const filtered = new Set(where.flatMap(filter => ('path' in filter ? [filter.path] : [])))
  const fit = (paths: readonly string[]) => {
    const end = paths.findIndex(path => !filtered.has(path))
    return end < 0 ? paths.length : end
  }
  const [best] = table.indexes.toSorted((a, b) => fit(b) - fit(a))
  if (best === undefined || fit(best) === 0) return ''
  return `ORDER BY ${[...best.map(path => keyOf(table, path)), 'id'].join(', ')}`
}

function partition<T, Part extends T>(list: readonly T[], isPart: (item: T) => item is Part): [Part[], T[]] {
  return [list.filter(isPart), list.filter(item => !isPart(item))]
}

function orderSql(table: Table, { orderBy: { path, descending } }: Scan): string {
  const direction = descending ? 'DESC' : 'ASC'
  return path === undefined
    ? `ORDER BY id ${direction}`
    : `ORDER BY ${keyOf(table, path)} ${direction}, id ${direction}`
}

function scanConditions(table: Table, { where, orderBy, bounds }: Scan, values: Values): string[] {
  const conditions = whereSql(table, where, values)
  if (orderBy.path !== undefined) conditions.push(`${keyOf(table, orderBy.path)} IS NOT NULL`)
  return [...conditions, ...bounds.map(bound => boundSql(table, { ...bound, path: orderBy.path }, values))]
}

type Values = { readonly list: unknown[]; add(value: unknown): string }

function createValues(): Values {
  const list: unknown[] = []
  return { list, add: value => `$${list.push(value)}` }
}

/** The keys of a deleted document are NULL, which no filter on a path finds. */
function whereSql(table: Table, filters: readonly Filter[], values: Values): string[] {
  const conditions = filters.flatMap(filter => filterSql(table, filter, values))
  return filters.some(filter => !isSearch(filter)) ? conditions : ['doc IS NOT NULL', ...conditions]
}

function filterSql(table: Table, filter: Filter, values: Values): string[] {
  if ('matching' in filter) return [matchingSql(table, filter.matching, values, 'index')]
  const key = keyOf(table, filter.path)
  if ('equals' in filter) return [equalSql(table, filter.path, filter.equals, values)]
  if ('in' in filter) return [inSql(table, filter.path, filter.in, values)]
  const type = typeof (filter.from ?? filter.to) === 'number' ? 'number' : 'string'
  if (filter.from === undefined && filter.to === undefined) return [`${key} IS NOT NULL`]
  // The bounds of the type show the planner, whatever the values, that an index of all documents with a value will do.
  const range = [`${key} >= ${FIRST_KEYS[type]}`, `${key} < ${FIRST_KEYS[NEXT[type]]}`]
  if (filter.from !== undefined) range.push(`${key} >= ${keySql(filter.from, values)}`)
  if (filter.to !== undefined) range.push(`${key} < ${keySql(filter.to, values)}`)
  return range
}

/** Long strings may share a key, so that the whole value is compared as well. */
function equalSql(table: Table, path: string, value: Scalar, values: Values): string {
  const byKey = `${keyOf(table, path)} = ${keySql(value, values)}`
  if (typeof value !== 'string' || value.length < KEYED_LENGTH) return byKey
  return `(${byKey} AND ${jsonAt(path)} = ${values.add(storableJson(value))}::jsonb)`
}

function inSql(table: Table, path: string, options: readonly Scalar[], values: Values): string {
  const [first, ...others] = options
  if (first === undefined) return 'false'
  if (others.length === 0) return equalSql(table, path, first, values)
  const long = (option: Scalar) => typeof option === 'string' && option.length >= KEYED_LENGTH
  if (options.some(long))
    return `(${options.map(option => equalSql(table, path, option, values)).join(' OR ')})`
  return `${keyOf(table, path)} = ANY (${values.add(options.map(viewKey))}::text[])`
}

function keySql(value: Scalar | null, values: Values): string {
  return values.add(viewKey(value))
}

/** The index of the terms finds the words, unless they are looked up `row by row`: then a scan ends with the page. */
function matchingSql({ terms }: Table, text: string, values: Values, how: 'index' | 'row by row'): string {
  const matches = termsSql(text, values)
  if (matches === undefined || terms === undefined) return 'false'
  return how === 'index'
    ? `EXISTS (SELECT FROM ${terms} AS t WHERE t.id = found.id AND ${matches})`
    : `(SELECT ${matches} FROM ${terms} AS t WHERE t.id = found.id)`
}

/** Words are letters, digits and marks only, which a quoted lexeme may hold as they are. Returns undefined for none. */
function termsSql(text: string, values: Values): string | undefined {
  const words = foldQuery(text)
  if (words.length === 0) return undefined
  return `t.terms @@ ${values.add(words.map(word => `'${word}':*`).join(' & '))}::tsquery`
}

function rowByRow(
  table: Table,
  searches: readonly Extract<Filter, { matching: string }>[],
  values: Values,
): string {
  return searches.map(({ matching }) => matchingSql(table, matching, values, 'row by row')).join(' AND ')
}

function boundSql(
  table: Table,
  { is, position: { value, id }, path }: Bound & { readonly path: string | undefined },
  values: Values,
): string {
  if (path === undefined) return `id ${is} ${values.add(storableText(id))}`
  return `(${keyOf(table, path)}, id) ${is} (${keySql(value, values)}, ${values.add(storableText(id))})`
}
