// Gives each user of an open event bus a handle of its own, whose subscriptions end with it.
import type { EventBus } from '#platform/event-bus/event-bus.ts'

/** Closing the handle ends its subscriptions, waits for the deliveries that they are in, and then calls `close`. */
export function createBusHandle(
  bus: Omit<EventBus, typeof Symbol.asyncDispose>,
  close: () => Promise<void>,
): EventBus {
  const subscriptions = new Set<AsyncDisposable>()
  let closing: Promise<void> | undefined

  /** One that was opened while the handle closed ends at once. */
  async function keep(subscription: AsyncDisposable): Promise<AsyncDisposable> {
    const kept = {
      async [Symbol.asyncDispose]() {
        await subscription[Symbol.asyncDispose]()
        subscriptions.delete(kept)
      },
    }
    if (closing) await subscription[Symbol.asyncDispose]()
    else subscriptions.add(kept)
    return kept
  }

  async function closeOnce(): Promise<void> {
    await Promise.all([...subscriptions].map(subscription => subscription[Symbol.asyncDispose]()))
    await close()
  }

  return {
    publish: bus.publish,
    read: bus.read,
    end: bus.end,
    subscribe: async (...subscription) => keep(await bus.subscribe(...subscription)),
    tail: async (...subscription) => keep(await bus.tail(...subscription)),
    [Symbol.asyncDispose]() {
      closing ??= closeOnce()
      return closing
    },
  }
}
