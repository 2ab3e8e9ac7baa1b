// Translates queries on read models into SQL.
import { type Sql, storableJson, storableText } from '#platform/postgres/pool.ts'
import type { PagePosition } from '#platform/read-models/page-cursor.ts'
import { jsonAt, KEYED_LENGTH, keyOf, SCHEMA, type Table } from '#platform/read-models/postgres/schema.ts'
import type { Filter, Query } from '#platform/read-models/read-models.ts'
import { foldQuery } from '#platform/read-models/search-terms.ts'

type Scalar = string | number | boolean

/** The first characters of keys: a type's keys are between its own and the next type's. */
const FIRST_OF = { number: "'1'", string: "'2'", boolean: "'3'", nothing: "'4'" } as const
const NEXT = { number: 'string', string: 'boolean' } as const

/** Selects one row more than the page has, which shows whether there is another page. */
export function findSql(table: Table, query: Query, position: PagePosition | undefined): Sql {
  const values = createValues()
  const conditions = whereSql(query.where ?? [], values)
  if (position) conditions.push(pastSql(query, position, values))
  const direction = query.orderBy?.descending ? 'DESC' : 'ASC'
  const order = query.orderBy ? `${keyOf(query.orderBy.path)} ${direction}, id ${direction}` : 'id'
  const text = `SELECT id, doc FROM ${table.sql} WHERE ${conditions.join(' AND ')} ORDER BY ${order} LIMIT ${query.limit + 1}`
  return { text, values: values.list }
}

export function countSql(table: Table, where: readonly Filter[]): Sql {
  const values = createValues()
  const conditions = whereSql(where, values)
  return {
    text: `SELECT count(*)::int AS count FROM ${table.sql} WHERE ${conditions.join(' AND ')}`,
    values: values.list,
  }
}

type Values = { readonly list: unknown[]; add(value: unknown): string }

function createValues(): Values {
  const list: unknown[] = []
  return { list, add: value => `$${list.push(value)}` }
}

function whereSql(filters: readonly Filter[], values: Values): string[] {
  return ['doc IS NOT NULL', ...filters.flatMap(filter => filterSql(filter, values))]
}

function filterSql(filter: Filter, values: Values): string[] {
  if ('matching' in filter) return matchingSql(filter.matching, values)
  const key = keyOf(filter.path)
  if ('equals' in filter) return [equalSql(filter.path, filter.equals, values)]
  if ('in' in filter) return [inSql(filter.path, filter.in, values)]
  const type = typeof (filter.from ?? filter.to) === 'number' ? 'number' : 'string'
  if (filter.from === undefined && filter.to === undefined) return []
  return [
    `${key} >= ${filter.from === undefined ? FIRST_OF[type] : keySql(filter.from, values)}`,
    `${key} < ${filter.to === undefined ? FIRST_OF[NEXT[type]] : keySql(filter.to, values)}`,
  ]
}

/** Long strings may share a key, so that the whole value is compared as well. */
function equalSql(path: string, value: Scalar, values: Values): string {
  const byKey = `${keyOf(path)} = ${keySql(value, values)}`
  if (typeof value !== 'string' || value.length < KEYED_LENGTH) return byKey
  return `(${byKey} AND ${jsonAt(path)} = ${values.add(storableJson(value))}::jsonb)`
}

function inSql(path: string, options: readonly Scalar[], values: Values): string {
  if (options.length === 0) return 'false'
  const long = (option: Scalar) => typeof option === 'string' && option.length >= KEYED_LENGTH
  if (options.some(long)) return `(${options.map(option => equalSql(path, option, values)).join(' OR ')})`
  return `${keyOf(path)} = ANY (ARRAY[${options.map(option => keySql(option, values)).join(', ')}])`
}

function keySql(value: Scalar | null, values: Values): string {
  return `${SCHEMA}.view_key(${values.add(storableJson(value))}::jsonb)`
}

/** Words are letters, digits and marks only, which a quoted lexeme may hold as they are. */
function matchingSql(text: string, values: Values): string[] {
  const words = foldQuery(text)
  if (words.length === 0) return ['false']
  return [`terms @@ ${values.add(words.map(word => `'${word}':*`).join(' & '))}::tsquery`]
}

function pastSql(query: Query, { value, id }: PagePosition, values: Values): string {
  const past = query.orderBy?.descending ? '<' : '>'
  if (!query.orderBy) return `id > ${values.add(storableText(id))}`
  return `(${keyOf(query.orderBy.path)}, id) ${past} (${keySql(value, values)}, ${values.add(storableText(id))})`
}
