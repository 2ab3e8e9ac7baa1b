// The read-models port on MongoDB: a collection per collection and version. Free of events.
import { randomUUID } from 'node:crypto'
import {
  type AnyBulkWriteOperation,
  type Db,
  MongoBulkWriteError,
  MongoClient,
  MongoServerError,
} from 'mongodb'
import { OperatorError } from '#platform/domain/errors.ts'
import { asUnavailable } from '#platform/event-store/unavailable.ts'
import { createCursors } from '#platform/read-models/cursor.ts'
import { storedName } from '#platform/read-models/names.ts'
import {
  countFilter,
  fieldOf,
  findFilter,
  type StoredDocument,
  sortOf,
} from '#platform/read-models/query.mongodb.ts'
import type {
  Collection,
  CollectionDefinition,
  Document,
  GuardedWrite,
  Page,
  Query,
  ReadModels,
  Shadow,
} from '#platform/read-models/read-models.ts'
import { foldTerms } from '#platform/read-models/terms.ts'

const NAMESPACE_EXISTS = 48
const DUPLICATE_KEY = 11_000
/** A read that met the moment of a swap; the next try finds the new collection. */
const PLAN_KILLED = 175
const READ_ATTEMPTS = 3
const SHADOW_DAYS = 1

/** Opens the read models in the database that `url` names, `waybill` if it names none. Writes wait for a majority. */
export async function openMongodbReadModels({ url }: { readonly url: string }): Promise<ReadModels> {
  const client = new MongoClient(url, {
    appName: 'waybill',
    ignoreUndefined: true,
    serverSelectionTimeoutMS: 10_000,
    writeConcern: { w: 'majority' },
  })
  const db = client.db(new URL(url).pathname.length > 1 ? undefined : 'waybill')
  await db.command({ ping: 1 }).catch(async (cause: unknown) => {
    await client.close()
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `the read models could not be opened at ${new URL(url).host}: ${reason}`
    throw new OperatorError('READ_MODELS_UNREACHABLE', message, cause)
  })
  return {
    async collection(definition) {
      const name = storedName(definition)
      await createCollection(db, definition, name)
      return mongoCollection(db, definition, name)
    },
    shadow: definition => openShadow(db, definition),
    [Symbol.asyncDispose]: () => client.close(),
  }
}

async function createCollection<Doc extends Document>(
  db: Db,
  definition: CollectionDefinition<Doc>,
  name: string,
): Promise<void> {
  await db.createCollection(name).catch((error: unknown) => {
    if (!(error instanceof MongoServerError && error.code === NAMESPACE_EXISTS)) throw error
  })
  const keys = definition.indexes.map(paths =>
    Object.fromEntries([...paths.map(path => [fieldOf(path), 1] as const), ['_id', 1] as const]),
  )
  if (definition.terms) keys.push({ terms: 1 })
  if (keys.length > 0) await db.collection(name).createIndexes(keys.map(key => ({ key })))
}

/** Each rebuild has a shadow of its own, whose name says when it was begun, so that a dead one is dropped later. */
async function openShadow<Doc extends Document>(
  db: Db,
  definition: CollectionDefinition<Doc>,
): Promise<Shadow<Doc>> {
  const live = storedName(definition)
  await createCollection(db, definition, live)
  await dropDeadShadows(db, `${live}_shadow_`)
  const name = `${live}_shadow_${Date.now()}_${randomUUID().slice(0, 8)}`
  await createCollection(db, definition, name)
  return {
    collection: mongoCollection(db, definition, name),
    async swap() {
      await db.renameCollection(name, live, { dropTarget: true })
    },
    async drop() {
      await db.dropCollection(name)
    },
  }
}

async function dropDeadShadows(db: Db, prefix: string): Promise<void> {
  const oldest = Date.now() - SHADOW_DAYS * 86_400_000
  for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray())
    if (name.startsWith(prefix) && Number(name.slice(prefix.length).split('_')[0]) < oldest)
      await db.dropCollection(name)
}

function mongoCollection<Doc extends Document>(
  db: Db,
  definition: CollectionDefinition<Doc>,
  name: string,
): Collection<Doc> {
  const stored = db.collection<StoredDocument>(name)
  const read = async (ids: readonly string[]) =>
    ids.length === 0 ? [] : attempt(() => stored.find({ _id: { $in: [...ids] } }).toArray())
  return {
    async get(id) {
      const [found] = await read([id])
      return documentOf<Doc>(found) ?? undefined
    },
    async getMany(ids) {
      const found = (await read(ids)).filter(({ doc }) => doc !== null)
      return new Map(found.map(row => [row._id, documentOf<Doc>(row) as Doc]))
    },
    async find(query) {
      const cursors = createCursors(definition.name, query)
      const filter = findFilter(query, cursors.place)
      const options = { sort: sortOf(query), limit: query.limit + 1, batchSize: query.limit + 2 }
      const rows = await attempt(() => stored.find(filter, options).toArray())
      return pageOf<Doc>(rows, query, cursors.encode)
    },
    count: (where = []) => attempt(() => stored.countDocuments(countFilter(where))),
    async load(ids) {
      return new Map(
        (await read(ids)).map(row => [row._id, { doc: documentOf<Doc>(row), position: row.position }]),
      )
    },
    async write(writes) {
      if (writes.length > 0) await attempt(() => writeGuarded(db, name, definition, writes))
    },
  }
}

function pageOf<Doc extends Document>(
  rows: readonly StoredDocument[],
  { limit }: Query,
  encode: (doc: Document, id: string) => string,
): Page<Doc> {
  const items = rows.slice(0, limit).flatMap(row => {
    const doc = documentOf<Doc>(row)
    return doc === null ? [] : [{ id: row._id, doc, cursor: encode(doc, row._id) }]
  })
  return { items, hasNext: rows.length > limit }
}

/** What `write` stored is a Doc: BSON gives back the strings, numbers, booleans, arrays and objects that it got. */
function documentOf<Doc extends Document>(row: StoredDocument | undefined): Doc | null {
  return (row?.doc ?? null) as Doc | null
}

/**
 * An upsert whose guard fails tries to insert, and meets the document that is there. That may also have been written
 * at the same moment with an older position, so that those are tried again as plain updates.
 */
async function writeGuarded<Doc extends Document>(
  db: Db,
  name: string,
  definition: CollectionDefinition<Doc>,
  writes: readonly GuardedWrite<Doc>[],
): Promise<void> {
  const stored = db.collection<StoredDocument>(name)
  const upserts = writes.map(write => guardedUpdate(definition, write, true))
  try {
    await stored.bulkWrite(upserts, { ordered: false })
  } catch (error) {
    const met = existing(error)
    if (!met) throw error
    const updates = met
      .flatMap(index => writes[index] ?? [])
      .map(write => guardedUpdate(definition, write, false))
    await stored.bulkWrite(updates, { ordered: false })
  }
}

function guardedUpdate<Doc extends Document>(
  definition: CollectionDefinition<Doc>,
  { id, doc, position }: GuardedWrite<Doc>,
  upsert: boolean,
): AnyBulkWriteOperation<StoredDocument> {
  const terms = doc === null ? [] : foldTerms(definition.terms?.(doc) ?? [])
  const update = { $set: { doc, position, terms } }
  return { updateOne: { filter: { _id: id, position: { $lt: position } }, update, upsert } }
}

/** The indexes of the writes that met an existing document, if that is all that went wrong. */
function existing(error: unknown): number[] | undefined {
  if (!(error instanceof MongoBulkWriteError)) return undefined
  const errors = [error.writeErrors].flat()
  return errors.every(({ code }) => code === DUPLICATE_KEY) ? errors.map(({ index }) => index) : undefined
}

async function attempt<T>(work: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await work()
    } catch (cause) {
      const isSwapped = cause instanceof MongoServerError && cause.code === PLAN_KILLED
      if (!isSwapped || count >= READ_ATTEMPTS) throw asUnavailable('read models', cause)
    }
  }
}
