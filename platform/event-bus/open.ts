// Opens the event bus adapter that a URL names; only that adapter's driver is loaded.
import { OperatorError } from '#platform/domain/errors.ts'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'

/**
 * Opens `postgres://…` or `kafka://…`. Throws OperatorError EVENT_BUS_UNREACHABLE when nothing answers there, EVENT_BUS_URL_UNKNOWN
 * for another kind of URL.
 */
export async function openEventBus(
  url: string,
  { logger }: { logger?: StoreLogger } = {},
): Promise<EventBus> {
  const protocol = URL.canParse(url) ? new URL(url).protocol : url.slice(0, url.indexOf(':') + 1)
  switch (protocol) {
    case 'postgres:':
    case 'postgresql:': {
      const { openPostgresEventBus } = await import('#platform/event-bus/postgres/event-bus.ts')
      return openPostgresEventBus({ url, ...(logger && { logger }) })
    }
    case 'kafka:': {
      const { openKafkaEventBus } = await import('#platform/event-bus/kafka/event-bus.ts')
      return openKafkaEventBus({ url, ...(logger && { logger }) })
    }
    default:
      throw new OperatorError(
        'EVENT_BUS_URL_UNKNOWN',
        `the event bus runs on postgres:// or kafka://, not on "${protocol}//"`,
      )
  }
}
