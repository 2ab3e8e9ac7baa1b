// Keeps read models in MongoDB: one of its collections per collection and version.
import {
  type AnyBulkWriteOperation,
  type Collection as MongoCollection,
  MongoServerError,
  type UpdateFilter,
} from 'mongodb'
import { createKeyedQueue } from '#platform/event-store/keyed-queue.ts'
import { isEarlierName, storedName } from '#platform/read-models/collection-names.ts'
import {
  decodeKey,
  encodeDocument,
  mapKeys,
  storedText,
} from '#platform/read-models/mongodb/document-codec.ts'
import { countFilter, findFilter, type StoredDocument, sortOf } from '#platform/read-models/mongodb/query.ts'
import { type MongodbServer, openMongodbServer } from '#platform/read-models/mongodb/server.ts'
import { createCollection, createShadow } from '#platform/read-models/mongodb/shadow.ts'
import { findPage } from '#platform/read-models/page-cursor.ts'
import type {
  BatchWriter,
  Collection,
  CollectionDefinition,
  Document,
  GuardedWrite,
  ReadModels,
} from '#platform/read-models/read-models.ts'
import { foldTerms } from '#platform/read-models/search-terms.ts'
import { asUnavailable } from '#platform/resilience/outage.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

const DUPLICATE_KEY = 11_000
/** The error of a read during a swap; the next attempt finds the new collection. */
const PLAN_KILLED = 175
const READ_ATTEMPTS = 3
/** Each attempt after the first fails only on documents that were created since the one before. */
const WRITE_ATTEMPTS = 10

/** Runs the writes of a collection, one after another where the server needs it. */
type WriteQueue = <T>(name: string, work: () => Promise<T>) => Promise<T>

type MongodbOptions = { readonly url: string; readonly logger?: Pick<Logger, 'warn'> }

/** Opens the read models in the database that `url` names, as `openMongodbServer` does. */
export async function openMongodbReadModels({ url, logger }: MongodbOptions): Promise<ReadModels> {
  const server = await openMongodbServer(url, logger)
  const writeQueue = createWriteQueue(server)
  const open = <Doc extends Document>(definition: CollectionDefinition<Doc>, name: string) =>
    mongoCollection({ server, writeQueue, definition, name })
  return {
    async collection(definition) {
      const name = storedName(definition)
      await createCollection(server.db, definition, name)
      return open(definition, name)
    },
    async shadow(definition) {
      const { name, ...rest } = await createShadow(server, definition)
      return { ...rest, collection: open(definition, name) }
    },
    analyze: async () => {}, // it plans by trying
    async dropEarlier(definition, before) {
      for (const { name } of await server.db.listCollections({}, { nameOnly: true }).toArray()) {
        if (!isEarlierName(definition, name)) continue
        await before(name)
        await server.db.dropCollection(name)
      }
    },
    writer: async () => openWriter(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

/** Every write is durable, so that a lost connection loses none. */
function openWriter(): BatchWriter {
  return {
    load: wanted => Promise.all(wanted.map(({ collection, ids }) => collection.load(ids))),
    async write(batch) {
      let isComplete = true
      for (const { collection, writes } of batch) if (!(await collection.write(writes))) isComplete = false
      return isComplete
    },
    async [Symbol.asyncDispose]() {},
  }
}

/** FerretDB's guards fail for concurrent writes, so this process's batches are written one after another there. */
function createWriteQueue({ isFerretdb }: MongodbServer): WriteQueue {
  if (!isFerretdb) return (_, work) => work()
  const queue = createKeyedQueue()
  return (name, work) => queue.run([name], work)
}

type OpenCollection<Doc extends Document> = {
  readonly server: MongodbServer
  readonly writeQueue: WriteQueue
  readonly definition: CollectionDefinition<Doc>
  readonly name: string
}

function mongoCollection<Doc extends Document>(target: OpenCollection<Doc>): Collection<Doc> {
  const { server, writeQueue, definition, name } = target
  const stored = server.db.collection<StoredDocument>(name)
  /** The next write depends on it, and other members than the primary may not have it yet. */
  const latest = server.db.collection<StoredDocument>(name, { readPreference: 'primary' })
  const read = async (ids: readonly string[], from = stored) => {
    const [first, ...others] = ids.map(storedText)
    if (first === undefined) return []
    return withAttempts(() =>
      from.find({ _id: others.length === 0 ? first : { $in: [first, ...others] } }).toArray(),
    )
  }
  return {
    async get(id) {
      const [found] = await read([id])
      return documentOf<Doc>(found) ?? undefined
    },
    async getMany(ids) {
      const found = (await read(ids)).filter(({ doc }) => doc !== null)
      return new Map(found.map(row => [row._id, documentOf<Doc>(row) as Doc]))
    },
    find: query =>
      findPage(definition.name, query, async scan => {
        const options = { sort: sortOf(scan), limit: scan.limit, batchSize: scan.limit + 1 }
        const rows = await withAttempts(() => stored.find(findFilter(scan), options).toArray())
        return rows.flatMap(row => {
          const doc = documentOf<Doc>(row)
          return doc === null ? [] : [{ id: row._id, doc }]
        })
      }),
    count: (where = [], atMost) =>
      withAttempts(() =>
        stored.countDocuments(countFilter(where), atMost === undefined ? {} : { limit: atMost }),
      ),
    async load(ids) {
      return new Map(
        (await read(ids, latest)).map(row => [
          row._id,
          { doc: documentOf<Doc>(row), position: row.position },
        ]),
      )
    },
    async write(writes) {
      if (writes.length === 0) return true
      const guarded = () => writeGuarded(latest, { ...target, writes })
      return (await writeQueue(name, () => withAttempts(guarded))) === writes.length
    },
  }
}

/** A stored document is a Doc: BSON returns the strings, numbers, booleans, arrays and objects that were written. */
function documentOf<Doc extends Document>(row: StoredDocument | undefined): Doc | null {
  return mapKeys(row?.doc ?? null, decodeKey) as Doc | null
}

/**
 * An upsert whose guard fails tries to insert, and fails on the document that exists. That may also have been written
 * at the same moment with an older position, so all writes are repeated, with plain updates of what exists: the guards
 * make that harmless. Returns how many counted, without those that an earlier attempt had written.
 */
async function writeGuarded<Doc extends Document>(
  stored: MongoCollection<StoredDocument>,
  { server, definition, writes }: OpenCollection<Doc> & { readonly writes: readonly GuardedWrite<Doc>[] },
): Promise<number> {
  let present: ReadonlySet<string> = new Set()
  for (let count = 1; ; count++) {
    try {
      const updates = writes.map(write =>
        guardedUpdate(server, { ...updateOf(definition, write), upsert: !present.has(storedText(write.id)) }),
      )
      const { matchedCount, upsertedCount } = await stored.bulkWrite(updates, { ordered: false })
      return matchedCount + upsertedCount
    } catch (error) {
      if (!(error instanceof MongoServerError && error.code === DUPLICATE_KEY) || count >= WRITE_ATTEMPTS)
        throw error
      const ids = { _id: { $in: writes.map(write => storedText(write.id)) } }
      const found = await stored.find(ids, { projection: { _id: 1 } }).toArray()
      present = new Set(found.map(row => row._id))
    }
  }
}

type GuardedUpdate = {
  readonly filter: { readonly _id: string; readonly position: { readonly $lt: number } }
  readonly update: UpdateFilter<StoredDocument>
  readonly upsert: boolean
}

function updateOf<Doc extends Document>(
  definition: CollectionDefinition<Doc>,
  { id, doc, position }: GuardedWrite<Doc>,
): Omit<GuardedUpdate, 'upsert'> {
  const terms = doc === null ? [] : foldTerms(definition.terms?.(doc) ?? [])
  const update = { $set: { doc: encodeDocument(doc), position, terms } }
  return { filter: { _id: storedText(id), position: { $lt: position } }, update }
}

/** Updates at most one document either way: `updateOne` is what the driver repeats when the connection is lost. */
function guardedUpdate(
  { isFerretdb }: MongodbServer,
  update: GuardedUpdate,
): AnyBulkWriteOperation<StoredDocument> {
  return isFerretdb ? { updateMany: update } : { updateOne: update }
}

/** Retries a read or write that met a swap. Throws CallerError UNAVAILABLE while MongoDB is away. */
async function withAttempts<T>(work: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count++) {
    try {
      return await work()
    } catch (cause) {
      const isSwapped = cause instanceof MongoServerError && cause.code === PLAN_KILLED
      if (!isSwapped || count >= READ_ATTEMPTS) throw asUnavailable('read models', unwrap(cause))
    }
  }
}

/** Returns the error that ended a bulk write, such as a lost connection: the driver wraps it in its own. */
function unwrap(cause: unknown): unknown {
  const inner: unknown = cause instanceof MongoServerError ? cause.errorResponse : undefined
  return inner instanceof Error ? inner : cause
}
