// The read-models port on MongoDB: a collection per collection and version. Free of events.
import { randomUUID } from 'node:crypto'
import {
  type AnyBulkWriteOperation,
  type Db,
  MongoClient,
  type Collection as MongoCollection,
  MongoServerError,
} from 'mongodb'
import { OperatorError } from '#platform/domain/errors.ts'
import { asUnavailable } from '#platform/event-store/unavailable.ts'
import { createCursors } from '#platform/read-models/cursor.ts'
import { decodeKey, encodeDocument, withKeys } from '#platform/read-models/keys.mongodb.ts'
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
/** Each try after the first meets only documents that were made since the one before. */
const WRITE_ATTEMPTS = 10
const SHADOW_DAYS = 1

const SELECTION_MS = 10_000

/** Opens the read models in the database that `url` names, `waybill` if it names none. Writes wait for a majority. */
export async function openMongodbReadModels({ url }: { readonly url: string }): Promise<ReadModels> {
  const client = await connect(url)
  const db = client.db(/^[^/]+\/\/[^/]+\/[^?]/.test(url) ? undefined : 'waybill')
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

async function connect(url: string): Promise<MongoClient> {
  const timeout = url.includes('serverSelectionTimeoutMS=') ? {} : { serverSelectionTimeoutMS: SELECTION_MS }
  let client: MongoClient | undefined
  try {
    client = new MongoClient(url, { appName: 'waybill', writeConcern: { w: 'majority' }, ...timeout })
    await client.db('admin').command({ ping: 1 })
    return client
  } catch (cause) {
    await client?.close()
    const hosts = client ? client.options.hosts.join() : 'a connection string that cannot be parsed'
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `the read models could not be opened at ${hosts}: ${reason}`
    throw new OperatorError('READ_MODELS_UNREACHABLE', message, cause)
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
  const present = new Set((await db.collection(name).indexes()).map(index => index.name))
  const missing = indexesOf(definition).filter(index => !present.has(index.name))
  if (missing.length > 0) await db.collection(name).createIndexes(missing)
}

function indexesOf<Doc extends Document>(
  definition: CollectionDefinition<Doc>,
): { name: string; key: Record<string, 1> }[] {
  const lists = definition.indexes.map(paths => [...paths.map(fieldOf), '_id'])
  if (definition.terms) lists.push(['terms'])
  return lists.map(fields => ({
    name: fields.join(),
    key: Object.fromEntries(fields.map(field => [field, 1] as const)),
  }))
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
    async ids(after, limit) {
      const options = { projection: { _id: 1 as const }, sort: { _id: 1 as const }, limit }
      const past = { _id: { $gt: after }, doc: { $ne: null } }
      return (await attempt(() => stored.find(past, options).toArray())).map(row => row._id)
    },
    async load(ids) {
      return new Map(
        (await read(ids)).map(row => [row._id, { doc: documentOf<Doc>(row), position: row.position }]),
      )
    },
    async write(writes) {
      if (writes.length > 0) await attempt(() => writeGuarded(stored, definition, writes))
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
  return withKeys(row?.doc ?? null, decodeKey) as Doc | null
}

/**
 * An upsert whose guard fails tries to insert, and meets the document that is there. That may also have been written
 * at the same moment with an older position, so that all is tried again, with plain updates of what is there: the
 * guards make it harmless.
 */
async function writeGuarded<Doc extends Document>(
  stored: MongoCollection<StoredDocument>,
  definition: CollectionDefinition<Doc>,
  writes: readonly GuardedWrite<Doc>[],
): Promise<void> {
  let present: ReadonlySet<string> = new Set()
  for (let count = 1; ; count++) {
    try {
      const updates = writes.map(write => guardedUpdate(definition, write, !present.has(write.id)))
      await stored.bulkWrite(updates, { ordered: false })
      return
    } catch (error) {
      if (!(error instanceof MongoServerError && error.code === DUPLICATE_KEY) || count >= WRITE_ATTEMPTS)
        throw error
      const ids = { _id: { $in: writes.map(write => write.id) } }
      const found = await stored.find(ids, { projection: { _id: 1 } }).toArray()
      present = new Set(found.map(row => row._id))
    }
  }
}

function guardedUpdate<Doc extends Document>(
  definition: CollectionDefinition<Doc>,
  { id, doc, position }: GuardedWrite<Doc>,
  upsert: boolean,
): AnyBulkWriteOperation<StoredDocument> {
  const terms = doc === null ? [] : foldTerms(definition.terms?.(doc) ?? [])
  const update = { $set: { doc: encodeDocument(doc), position, terms } }
  return { updateOne: { filter: { _id: id, position: { $lt: position } }, update, upsert } }
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
