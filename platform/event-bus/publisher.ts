// Publishes a service's events on the bus, once its views show them.
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import type { Consumer, EventStore } from '#platform/event-store/event-store.ts'

type PublisherOptions = {
  readonly store: EventStore
  readonly bus: EventBus
  readonly topic: string
  /** The consumer that updates the views: whoever gets a message finds the event in them. */
  readonly behind: Consumer
  /** Stream categories to publish; all by default. */
  readonly categories?: readonly string[]
}

/**
 * Starts the consumer `publisher`: it publishes every event in order, at least once, and the bus drops duplicates. While
 * the bus is away the publisher waits for it.
 */
export function startPublisher(options: PublisherOptions): Promise<Consumer> {
  const { store, bus, topic, behind, categories } = options
  return store.consume({
    name: 'publisher',
    behind,
    ...(categories && { categories }),
    handle: events => bus.publish(topic, events),
  })
}
