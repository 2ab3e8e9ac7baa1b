// Holds the channels by scope: one exists while it has subscribers.
import type { Scope } from '#bff/order-feed/change.ts'
import { type Channel, createChannel, type Subscriber } from '#bff/order-feed/channel.ts'
import { keyOf } from '#bff/order-feed/cursor.ts'
import type { Positions } from '#bff/order-feed/positions.ts'

export type ChannelRegistry<Order> = {
  find(scope: Scope): Channel<Order> | undefined
  /** Adds the subscriber to the scope's channel and returns the channel. A new one begins at `head`. */
  join(scope: Scope, subscriber: Subscriber<Order>, head: Positions): Channel<Order>
  leave(channel: Channel<Order>, subscriber: Subscriber<Order>): void
  all(): Iterable<Channel<Order>>
  count(): number
  /** Returns how many channels are about a customer. */
  customerCount(): number
}

export function createChannelRegistry<Order>(): ChannelRegistry<Order> {
  const channels = new Map<string, Channel<Order>>()
  let customers = 0
  return {
    find: scope => channels.get(keyOf(scope)),
    join(scope, subscriber, head) {
      const key = keyOf(scope)
      let channel = channels.get(key)
      if (!channel) {
        channel = createChannel<Order>(scope, head)
        channels.set(key, channel)
        if ('customer' in scope) customers += 1
      }
      channel.subscribers.add(subscriber)
      return channel
    },
    leave(channel, subscriber) {
      channel.subscribers.delete(subscriber)
      if (channel.subscribers.size > 0 || !channels.delete(keyOf(channel.scope))) return
      if ('customer' in channel.scope) customers -= 1
    },
    all: () => channels.values(),
    count: () => channels.size,
    customerCount: () => customers,
  }
}
