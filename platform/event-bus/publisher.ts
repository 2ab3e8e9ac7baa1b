// Publishes a service's events on the bus, once its views show them.
import { createSoftPublishing, type PublishingOptions } from '#platform/event-bus/soft-publishing.ts'
import type { Consumer, ConsumerOptions } from '#platform/event-store/event-store.ts'

type PublisherOptions = PublishingOptions & {
  /** The consumer that updates the views: whoever gets a message finds the event in them. */
  readonly behind: Consumer
  /**
   * Publishes without waiting for the disk. Only for a bus on the database server of the store: a crash that takes messages
   * takes the checkpoints after them as well.
   */
  readonly soft?: boolean
}

/**
 * Starts the consumer `publisher`: it publishes every event in order, at least once, and the bus drops duplicates. While
 * the bus is away the publisher waits for it.
 */
export async function startPublisher(options: PublisherOptions): Promise<Consumer> {
  const { store, bus, topic, behind, categories, soft } = options
  const consumer: Omit<ConsumerOptions, 'handle'> = {
    name: 'publisher',
    behind,
    ...(categories && { categories }),
  }
  if (!soft)
    return store.consume({ ...consumer, handle: async events => void (await bus.publish(topic, events)) })
  const publishing = createSoftPublishing(options)
  const started = await store.consume({ ...consumer, onOwner: publishing.begin, handle: publishing.publish })
  return {
    ...started,
    async [Symbol.asyncDispose]() {
      await publishing[Symbol.asyncDispose]()
      await started[Symbol.asyncDispose]()
    },
  }
}
