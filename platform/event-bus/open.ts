// Opens the event bus adapter that a URL names; only that adapter's driver is loaded.
import { OperatorError } from '#platform/domain/errors.ts'
import { createBusHandle } from '#platform/event-bus/bus-handle.ts'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import type { StoreLogger } from '#platform/postgres/pool.ts'

type SharedBus = { readonly bus: Promise<EventBus>; users: number }

/** The buses on PostgreSQL that this process has open, by URL. */
const sharedBuses = new Map<string, SharedBus>()

/**
 * Opens `postgres://…` or `kafka://…`. A process has one bus for each URL of PostgreSQL: whoever opens it gets a handle,
 * and the bus, which logs to its first user's log, closes with the last of them. Throws OperatorError
 * EVENT_BUS_UNREACHABLE when nothing answers there, EVENT_BUS_URL_UNKNOWN for another kind of URL.
 */
export async function openEventBus(
  url: string,
  { logger }: { logger?: StoreLogger } = {},
): Promise<EventBus> {
  const protocol = URL.canParse(url) ? new URL(url).protocol : url.slice(0, url.indexOf(':') + 1)
  switch (protocol) {
    case 'postgres:':
    case 'postgresql:':
      return share(url, async () => {
        const { openPostgresEventBus } = await import('#platform/event-bus/postgres/event-bus.ts')
        return openPostgresEventBus({ url, ...(logger && { logger }) })
      })
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

async function share(url: string, open: () => Promise<EventBus>): Promise<EventBus> {
  const shared = sharedBuses.get(url) ?? { bus: open(), users: 0 }
  sharedBuses.set(url, shared)
  shared.users += 1
  const forget = () => {
    if (sharedBuses.get(url) === shared) sharedBuses.delete(url)
  }
  try {
    const bus = await shared.bus
    return createBusHandle(bus, async () => {
      shared.users -= 1
      if (shared.users > 0) return
      forget()
      await bus[Symbol.asyncDispose]()
    })
  } catch (error) {
    forget() // the next one tries again
    throw error
  }
}
