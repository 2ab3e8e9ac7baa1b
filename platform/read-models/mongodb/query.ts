// Translates queries on read models into MongoDB filters.
import type { Document as BsonDocument, Filter as BsonFilter, Sort } from 'mongodb'
import { checkPath } from '#platform/read-models/collection-names.ts'
import { storedText } from '#platform/read-models/mongodb/document-codec.ts'
import type { PagePosition, SortValue } from '#platform/read-models/page-cursor.ts'
import type { Filter, Query } from '#platform/read-models/read-models.ts'
import { foldQuery } from '#platform/read-models/search-terms.ts'

/** A document as it is stored; `doc` is null for one that was deleted. */
export type StoredDocument = {
  readonly _id: string
  readonly doc: BsonDocument | null
  readonly position: number
  readonly terms?: readonly string[]
}

type Condition = BsonFilter<StoredDocument>

/** Types in the order in which their values sort; null, which comes first, includes what is missing. */
const TYPES = ['null', 'number', 'string', 'boolean'] as const
const BSON_TYPES = { number: 'number', string: 'string', boolean: 'bool' } as const

export function fieldOf(path: string): string {
  return `doc.${checkPath(path)}`
}

export function findFilter(query: Query, position: PagePosition | undefined): Condition {
  const conditions = whereConditions(query.where ?? [])
  return { $and: position ? [...conditions, pastCondition(query, position)] : conditions }
}

export function countFilter(where: readonly Filter[]): Condition {
  return { $and: whereConditions(where) }
}

export function sortOf({ orderBy }: Query): Sort {
  const direction = orderBy?.descending ? -1 : 1
  return orderBy ? { [fieldOf(orderBy.path)]: direction, _id: direction } : { _id: 1 }
}

function whereConditions(where: readonly Filter[]): Condition[] {
  return [{ doc: { $ne: null } }, ...where.flatMap(filterConditions)]
}

function filterConditions(filter: Filter): Condition[] {
  if ('matching' in filter) return matchingConditions(filter.matching)
  const field = fieldOf(filter.path)
  if ('equals' in filter) return [{ [field]: { $eq: storedValue(filter.equals) } }]
  if ('in' in filter) return [{ [field]: { $in: filter.in.map(storedValue) } }]
  return [
    ...(filter.from === undefined ? [] : [{ [field]: { $gte: storedValue(filter.from) } }]),
    ...(filter.to === undefined ? [] : [{ [field]: { $lt: storedValue(filter.to) } }]),
  ]
}

/** Words are letters, digits and marks only, which a regular expression may hold as they are. */
function matchingConditions(text: string): Condition[] {
  const words = foldQuery(text)
  if (words.length === 0) return [{ _id: { $in: [] } }]
  return words.map(word => ({ terms: { $regex: `^${word}` } }) as Condition)
}

/** A comparison matches values of its own type only, so that the types beyond it are named. */
function pastCondition({ orderBy }: Query, position: PagePosition): Condition {
  const [value, id] = [storedValue(position.value), storedText(position.id)]
  if (!orderBy) return { _id: { $gt: id } }
  const field = fieldOf(orderBy.path)
  const past = orderBy.descending ? '$lt' : '$gt'
  const rank = TYPES.indexOf(typeOf(value))
  const beyond = orderBy.descending ? TYPES.slice(0, rank) : TYPES.slice(rank + 1)
  return {
    $or: [
      { [field]: { $eq: value }, _id: { [past]: id } },
      ...(value === null ? [] : [{ [field]: { [past]: value } }]),
      ...beyond.map(type => ({ [field]: type === 'null' ? { $eq: null } : { $type: BSON_TYPES[type] } })),
    ],
  } as Condition
}

function storedValue<Value extends SortValue>(value: Value): Value | string {
  return typeof value === 'string' ? storedText(value) : value
}

function typeOf(value: SortValue): (typeof TYPES)[number] {
  if (value === null) return 'null'
  if (typeof value === 'number') return 'number'
  return typeof value === 'string' ? 'string' : 'boolean'
}
