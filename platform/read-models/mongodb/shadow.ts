// Creates collections in MongoDB, and shadows that replace live ones.
import { randomUUID } from 'node:crypto'
import { type Document as BsonDocument, type Db, MongoServerError } from 'mongodb'
import { storedName } from '#platform/read-models/collection-names.ts'
import { fieldOf, type StoredDocument } from '#platform/read-models/mongodb/query.ts'
import type { MongodbServer } from '#platform/read-models/mongodb/server.ts'
import type { CollectionDefinition, Document } from '#platform/read-models/read-models.ts'
import { isOutage } from '#platform/resilience/outage.ts'

const NAMESPACE_EXISTS = 48
const CREATE_ATTEMPTS = 5
const SHADOW_DAYS = 1
const COPY_BATCH = 50

/** Every step may be repeated, so all are after a lost connection. */
export async function createCollection<Doc extends Document>(
  db: Db,
  definition: CollectionDefinition<Doc>,
  name: string,
): Promise<void> {
  for (let count = 1; ; count++) {
    try {
      return await createMissing(db, definition, name)
    } catch (error) {
      if (!isOutage(error) || count >= CREATE_ATTEMPTS) throw error
    }
  }
}

async function createMissing<Doc extends Document>(
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
  const { indexes, moving = [], sparse = [] } = definition
  const lists = [...indexes, ...[...moving, ...sparse].map(path => [path])].map(paths => [
    ...paths.map(fieldOf),
    '_id',
  ])
  if (definition.terms) lists.push(['terms'])
  return lists.map(fields => ({
    name: fields.join(),
    key: Object.fromEntries(fields.map(field => [field, 1] as const)),
  }))
}

type ShadowCollection = { readonly name: string; swap(): Promise<void>; drop(): Promise<void> }

/** Each rebuild has a shadow of its own, named by its start time, so that a dead one is dropped later. */
export async function createShadow<Doc extends Document>(
  { db, isFerretdb }: MongodbServer,
  definition: CollectionDefinition<Doc>,
): Promise<ShadowCollection> {
  const live = storedName(definition)
  await createCollection(db, definition, live)
  await dropDeadShadows(db, `${live}_shadow_`)
  const name = `${live}_shadow_${Date.now()}_${randomUUID().slice(0, 8)}`
  await createCollection(db, definition, name)
  return {
    name,
    async swap() {
      if (isFerretdb) await copyOver(db, name, live)
      else await db.renameCollection(name, live, { dropTarget: true })
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

/**
 * Replaces a rename over a collection: copies the shadow's documents over the live ones, and deletes those that are not
 * in the shadow. Readers see each document old or new, never none; but for a while some are new and some old.
 */
async function copyOver(db: Db, from: string, to: string): Promise<void> {
  const live = db.collection<StoredDocument>(to)
  const shadow = db.collection<StoredDocument>(from)
  const kept = new Set<string>()
  for await (const rows of inBatches(shadow.find())) {
    const updates = rows.map(({ _id, ...row }) => ({ filter: { _id }, update: { $set: row }, upsert: true }))
    await live.bulkWrite(updates.map(updateMany => ({ updateMany })))
    for (const { _id } of rows) kept.add(_id)
  }
  for await (const rows of inBatches(live.find({}, { projection: { _id: 1 } }))) {
    const gone = rows.map(row => row._id).filter(id => !kept.has(id))
    if (gone.length > 0) await live.deleteMany({ _id: { $in: gone } })
  }
  await db.dropCollection(from)
}

async function* inBatches<Row extends BsonDocument>(rows: AsyncIterable<Row>): AsyncGenerator<Row[]> {
  let batch: Row[] = []
  for await (const row of rows) {
    batch.push(row)
    if (batch.length < COPY_BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
