// Translates queries on read models into SQL.
import { type Sql, storableJson, storableText } from '#platform/postgres/pool.ts'
import type { PagePosition } from '#platform/read-models/page-cursor.ts'
import { jsonAt, keyOf, type Table } from '#platform/read-models/postgres/schema.ts'
import { FIRST_KEYS, KEYED_LENGTH, viewKey } from '#platform/read-models/postgres/view-key.ts'
import type { Filter, Query } from '#platform/read-models/read-models.ts'
import { foldQuery } from '#platform/read-models/search-terms.ts'

type Scalar = string | number | boolean

const NEXT = { number: 'string', string: 'boolean' } as const

/**
 * The rows in the order of the page that a search passes over at most. A common word has its page among them, and for
 * a rarer one there are few documents to sort.
 */
const PASSED_OVER = 2_000

/** Selects one row more than the page has, which shows whether there is another page. */
export function findSql(table: Table, query: Query, position: PagePosition | undefined): Sql {
  const values = createValues()
  const conditions = pageConditions(table, query, position, values)
  const rows = `SELECT id, doc FROM ${table.sql} AS found WHERE ${conditions.join(' AND ')}`
  return {
    text: `${rows} ${orderSql(table, query)} LIMIT ${values.add(query.limit + 1)}`,
    values: values.list,
  }
}

/**
 * Selects the page of a search from the first rows in its order. Fewer rows than `findSql` selects do not show that there
 * are no others.
 */
export function searchInOrderSql(table: Table, query: Query, position: PagePosition | undefined): Sql {
  const values = createValues()
  const { where = [], ...rest } = query
  const searches = where.filter(isSearch)
  const others = where.filter(filter => !isSearch(filter))
  const order = orderSql(table, query)
  const conditions = pageConditions(table, { ...rest, where: others }, position, values)
  const first = `SELECT * FROM ${table.sql} WHERE ${conditions.join(' AND ')} ${order} LIMIT ${PASSED_OVER}`
  const matches = searches
    .map(filter => matchingSql(table, filter.matching, values, 'row by row'))
    .join(' AND ')
  const limit = values.add(query.limit + 1)
  return {
    text: `SELECT id, doc FROM (${first}) AS found WHERE ${matches} ${order} LIMIT ${limit}`,
    values: values.list,
  }
}

/** Selects the page of a search by sorting all its matches. */
export function searchByTermsSql(table: Table, query: Query, position: PagePosition | undefined): Sql {
  const values = createValues()
  const conditions = pageConditions(table, query, position, values)
  const all = `SELECT * FROM ${table.sql} AS found WHERE ${conditions.join(' AND ')} OFFSET 0`
  const limit = values.add(query.limit + 1)
  return {
    text: `SELECT id, doc FROM (${all}) AS found ${orderSql(table, query)} LIMIT ${limit}`,
    values: values.list,
  }
}

export function isSearch(filter: Filter): filter is Extract<Filter, { matching: string }> {
  return 'matching' in filter
}

export function countSql(table: Table, where: readonly Filter[]): Sql {
  const values = createValues()
  const conditions = whereSql(table, where, values)
  return {
    text: `SELECT count(*)::int AS count FROM ${table.sql} AS found WHERE ${conditions.join(' AND ')}`,
    values: values.list,
  }
}

function orderSql(table: Table, { orderBy }: Query): string {
  const direction = orderBy?.descending ? 'DESC' : 'ASC'
  return orderBy ? `ORDER BY ${keyOf(table, orderBy.path)} ${direction}, id ${direction}` : 'ORDER BY id'
}

function pageConditions(
  table: Table,
  query: Query,
  position: PagePosition | undefined,
  values: Values,
): string[] {
  const { where = [], orderBy } = query
  const conditions = whereSql(table, where, values)
  if (orderBy) conditions.push(`${keyOf(table, orderBy.path)} IS NOT NULL`)
  return position ? [...conditions, pastSql(table, query, position, values)] : conditions
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

/**
 * Words are letters, digits and marks only, which a quoted lexeme may hold as they are. The index of the terms finds them,
 * unless they are looked up `row by row`: then a scan ends with the page.
 */
function matchingSql({ terms }: Table, text: string, values: Values, how: 'index' | 'row by row'): string {
  const words = foldQuery(text)
  if (words.length === 0 || terms === undefined) return 'false'
  const matches = `t.terms @@ ${values.add(words.map(word => `'${word}':*`).join(' & '))}::tsquery`
  return how === 'index'
    ? `EXISTS (SELECT FROM ${terms} AS t WHERE t.id = found.id AND ${matches})`
    : `(SELECT ${matches} FROM ${terms} AS t WHERE t.id = found.id)`
}

function pastSql(table: Table, query: Query, { value, id }: PagePosition, values: Values): string {
  const past = query.orderBy?.descending ? '<' : '>'
  if (!query.orderBy) return `id > ${values.add(storableText(id))}`
  return `(${keyOf(table, query.orderBy.path)}, id) ${past} (${keySql(value, values)}, ${values.add(storableText(id))})`
}
