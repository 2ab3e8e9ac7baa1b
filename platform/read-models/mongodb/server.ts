// Connects to the MongoDB that a URL names, and detects what its server can do.
import { type Db, MongoClient, type MongoClientOptions } from 'mongodb'
import { OperatorError } from '#platform/domain/errors.ts'
import { startWatchdog } from '#platform/read-models/mongodb/connection-watchdog.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type MongodbServer = AsyncDisposable & {
  readonly db: Db
  /**
   * FerretDB 1 updates in two steps, a read and a write, and keeps a session of its own database for each document
   * that an `updateOne` found, until the command ends. It cannot rename over a collection that exists.
   */
  readonly isFerretdb: boolean
}

const SELECTION_MS = 10_000
/** The longest that a server may take to answer a connection attempt or a heartbeat. */
const CONNECT_MS = 10_000

/**
 * Opens the database that `url` names, `waybill` by default. The URL's read preference, write concern and retries apply;
 * without a write concern, writes wait for a majority. Throws OperatorError READ_MODELS_UNREACHABLE.
 */
export async function openMongodbServer(url: string, logger?: Pick<Logger, 'warn'>): Promise<MongodbServer> {
  const timeout = {
    ...(!/serverSelectionTimeoutMS=/i.test(url) && { serverSelectionTimeoutMS: SELECTION_MS }),
    ...(!/connectTimeoutMS=/i.test(url) && { connectTimeoutMS: CONNECT_MS }),
  }
  const client = openClient(url, { appName: 'waybill', ...timeout })
  await using open = new AsyncDisposableStack()
  open.defer(() => client.close())
  open.use(
    startWatchdog(client, address =>
      logger?.warn({ address }, 'no heartbeat from a server of READ_MODELS_URL, reconnecting'),
    ),
  )
  try {
    const { options } = client
    const db = client.db(
      /^[^/]+\/\/[^/]+\/[^?]/.test(url) ? undefined : 'waybill',
      options.writeConcern ? {} : { writeConcern: { w: 'majority' } },
    )
    const build = await db.command({ buildInfo: 1 })
    const running = open.move()
    return {
      db,
      isFerretdb: 'ferretdbVersion' in build,
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    }
  } catch (cause) {
    throw unreachable(client.options.hosts.join(), cause)
  }
}

function openClient(url: string, options: MongoClientOptions): MongoClient {
  try {
    return new MongoClient(url, options)
  } catch (cause) {
    throw unreachable('a connection string that cannot be parsed', cause)
  }
}

function unreachable(where: string, cause: unknown): OperatorError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const message = `the read models could not be opened at ${where}: ${reason}`
  return new OperatorError('READ_MODELS_UNREACHABLE', message, cause)
}
