// Opens the read models adapter that a URL names; only that adapter's driver is loaded.
import { OperatorError } from '#platform/domain/errors.ts'
import type { ReadModels } from '#platform/read-models/read-models.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

/**
 * Opens `postgres://…` or `mongodb://…`. Throws OperatorError READ_MODELS_UNREACHABLE when nothing answers there,
 * READ_MODELS_URL_UNKNOWN for another kind of URL. `logger` gets a warning when a driver has to be reconnected.
 */
export async function openReadModels(url: string, logger?: Pick<Logger, 'warn'>): Promise<ReadModels> {
  const protocol = URL.canParse(url) ? new URL(url).protocol : url.slice(0, url.indexOf(':') + 1)
  switch (protocol) {
    case 'postgres:':
    case 'postgresql:': {
      const { openPostgresReadModels } = await import('#platform/read-models/postgres/read-models.ts')
      return openPostgresReadModels({ url })
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
