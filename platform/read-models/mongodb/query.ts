// Translates queries on read models into MongoDB filters.
import type { Document as BsonDocument, Filter as BsonFilter, Sort } from 'mongodb'
import { checkPath } from '#platform/read-models/collection-names.ts'
import { storedText } from '#platform/read-models/mongodb/document-codec.ts'
import type { Bound, Scan, SortValue } from '#platform/read-models/page-cursor.ts'
import type { Filter } from '#platform/read-models/read-models.ts'
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

export function findFilter({ where, orderBy, bounds }: Scan): Condition {
  return { $and: [...whereConditions(where), ...bounds.map(bound => boundCondition(orderBy.path, bound))] }
}

export function countFilter(where: readonly Filter[]): Condition {
  return { $and: whereConditions(where) }
}

export function sortOf({ orderBy: { path, descending } }: Scan): Sort {
  const direction = descending ? -1 : 1
  return path === undefined ? { _id: direction } : { [fieldOf(path)]: direction, _id: direction }
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

const OPERATORS = { '<': '$lt', '<=': '$lte', '>': '$gt', '>=': '$gte' } as const

/** A comparison matches values of its own type only, so that the types beyond it are named. */
function boundCondition(path: string | undefined, { is, position }: Bound): Condition {
  const [value, id] = [storedValue(position.value), storedText(position.id)]
  const byId = { _id: { [OPERATORS[is]]: id } } as Condition
  if (path === undefined) return byId
  const field = fieldOf(path)
  const isBelow = is === '<' || is === '<='
  const rank = TYPES.indexOf(typeOf(value))
  const beyond = isBelow ? TYPES.slice(0, rank) : TYPES.slice(rank + 1)
  return {
    $or: [
      { [field]: { $eq: value }, ...byId },
      ...(value === null ? [] : [{ [field]: { [isBelow ? '$lt' : '$gt']: value } }]),
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
