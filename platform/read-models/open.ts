// Opens the read models adapter that a URL names; only that adapter's driver is loaded.
import { OperatorError } from '#platform/domain/errors.ts'
import { isSameServer } from '#platform/postgres/same-server.ts'
import type { ReadModels } from '#platform/read-models/read-models.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type OpenOptions = {
  /** Gets a warning when a driver has to be reconnected. */
  readonly logger?: Pick<Logger, 'warn'>
  /**
   * The event store whose events fill the views. On the same PostgreSQL server as they, a crash that takes commits of the
   * views takes the checkpoints after them as well, so that such commits need not be on disk.
   */
  readonly eventStoreUrl?: string
}

/**
 * Opens `postgres://…` or `mongodb://…`. Throws OperatorError READ_MODELS_UNREACHABLE when nothing answers there,
 * READ_MODELS_URL_UNKNOWN for another kind of URL.
 */
export async function openReadModels(url: string, options: OpenOptions = {}): Promise<ReadModels> {
  const { logger, eventStoreUrl } = options
  const protocol = URL.canParse(url) ? new URL(url).protocol : url.slice(0, url.indexOf(':') + 1)
  switch (protocol) {
    case 'postgres:':
    case 'postgresql:': {
      const { openPostgresReadModels } = await import('#platform/read-models/postgres/read-models.ts')
      const soft = eventStoreUrl !== undefined && (await isSameServer(eventStoreUrl, url))
      return openPostgresReadModels({ url, soft })
    }
    case 'mongodb:':
    case 'mongodb+srv:': {
      const { openMongodbReadModels } = await import('#platform/read-models/mongodb/read-models.ts')
      return openMongodbReadModels({ url, ...(logger && { logger }) })
    }
    default:
      throw new OperatorError(
        'READ_MODELS_URL_UNKNOWN',
        `read models are kept in postgres:// or mongodb://, not in "${protocol}//"`,
      )
  }
}
