// A session with the MongoDB that a URL names, and what its server can do. Free of documents.
import { type Db, MongoClient } from 'mongodb'
import { OperatorError } from '#platform/domain/errors.ts'

export type MongodbServer = AsyncDisposable & {
  readonly db: Db
  /**
   * FerretDB 1 updates in two steps, a look and a write, and keeps a session of its own database for each document
   * that an `updateOne` found, until the command ends. It has no `rename` over a collection that is there.
   */
  readonly isFerretdb: boolean
}

const SELECTION_MS = 10_000

/**
 * The database that `url` names, `waybill` if it names none. What the URL says of read preference, write concern and
 * retries counts; writes wait for a majority when it says nothing. Throws OperatorError READ_MODELS_UNREACHABLE.
 */
export async function openMongodbServer(url: string): Promise<MongodbServer> {
  const timeout = /serverSelectionTimeoutMS=/i.test(url) ? {} : { serverSelectionTimeoutMS: SELECTION_MS }
  // A stream of news from a server that was killed may end in silence: it is asked instead, as often as the URL says.
  const monitoring = /serverMonitoringMode=/i.test(url) ? {} : { serverMonitoringMode: 'poll' as const }
  let client: MongoClient | undefined
  try {
    client = new MongoClient(url, { appName: 'waybill', ...timeout, ...monitoring })
    const { options } = client
    const db = client.db(
      /^[^/]+\/\/[^/]+\/[^?]/.test(url) ? undefined : 'waybill',
      options.writeConcern ? {} : { writeConcern: { w: 'majority' } },
    )
    const build = await db.command({ buildInfo: 1 })
    return { db, isFerretdb: 'ferretdbVersion' in build, [Symbol.asyncDispose]: closing(client) }
  } catch (cause) {
    await client?.close()
    const hosts = client ? client.options.hosts.join() : 'a connection string that cannot be parsed'
    const reason = cause instanceof Error ? cause.message : String(cause)
    const message = `the read models could not be opened at ${hosts}: ${reason}`
    throw new OperatorError('READ_MODELS_UNREACHABLE', message, cause)
  }
}

function closing(client: MongoClient): () => Promise<void> {
  return () => client.close()
}
