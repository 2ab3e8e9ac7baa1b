// Publishes a service's events on the bus, once its views show them. Free of any driver.
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import type { Consumer, EventStore } from '#platform/event-store/event-store.ts'

export type PublisherOptions = {
  readonly store: EventStore
  readonly bus: EventBus
  readonly topic: string
  /** The consumer that feeds the views: whoever hears of an event finds it in them. */
  readonly behind: Consumer
  /** Stream categories to publish; all when left out. */
  readonly categories?: readonly string[]
}

/** Under load, events gather this long and are published in one statement. */
const SPACING_MS = 10

/**
 * Starts the consumer `publisher`: every event in order, at least once, which the bus makes once. While the bus is
 * away the publisher waits for it.
 */
export function startPublisher(options: PublisherOptions): Promise<Consumer> {
  const { store, bus, topic, behind, categories } = options
  return store.consume({
    name: 'publisher',
    behind,
    spacingMs: SPACING_MS,
    ...(categories && { categories }),
    handle: events => bus.publish(topic, events),
  })
}
