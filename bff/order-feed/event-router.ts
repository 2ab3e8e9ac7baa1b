// What a message of the bus sets going: who watches its order is told, once the order's new state is read. Free of the bus.

import type { ChangeBuilder } from '#bff/order-feed/change-builder.ts'
import { loadRequestsFor } from '#bff/order-feed/change-builder.ts'
import { advanceHead, type CatchUp, type Channel, discardRecent, enqueue } from '#bff/order-feed/channel.ts'
import { createChannelPublisher } from '#bff/order-feed/channel-publisher.ts'
import type { ChannelRegistry } from '#bff/order-feed/channel-registry.ts'
import { createCustomerRouter } from '#bff/order-feed/customer-router.ts'
import type { EventWindow } from '#bff/order-feed/event-window.ts'
import type { OrderLoader } from '#bff/order-feed/order-loader.ts'
import { NO_OWNER, type OwnerCache } from '#bff/order-feed/owner-cache.ts'
import type { EventEntry, Positions } from '#bff/order-feed/positions.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type EventRouter<Order> = {
  route(messages: readonly BusMessage[]): void
  /** Messages past `from` will be heard from now on; what lies between is looked up. */
  follow(from: Positions): void
  /** How far the channel's scope is known: where a new one begins. */
  routedUpTo(scope: Channel<Order>['scope']): Positions
}

export type EventRouterOptions<Order> = {
  readonly channels: ChannelRegistry<Order>
  readonly window: EventWindow
  readonly states: OrderLoader<Order>
  readonly owners: OwnerCache
  readonly changes: ChangeBuilder<Order>
  readonly catchUp: CatchUp<Order>
  readonly logger: Logger
  readonly signal: AbortSignal
}

export function createEventRouter<Order>(options: EventRouterOptions<Order>): EventRouter<Order> {
  const { channels, window, states, owners, changes, catchUp, logger, signal } = options
  /** Channels that have something to tell since the last flush, and what. */
  const due = new Set<Channel<Order>>()
  let offered: EventEntry[] = []

  const routing = createCustomerRouter({
    window,
    changes,
    offer(entry, before) {
      const customer = owners.get(entry.orderId) ?? NO_OWNER
      offerTo(channels.find({ customer }), entry, before)
    },
    onLost() {
      for (const channel of channels.all())
        if ('customer' in channel.scope) lookUp(channel, routing.positions())
    },
    onAdvanced: flush,
    logger,
    signal,
  })
  const heard = (scope: Channel<Order>['scope']) =>
    'customer' in scope ? routing.positions() : window.positions()
  const pump = createChannelPublisher<Order>({
    changes,
    heard: ({ scope }) => heard(scope),
    catchUp,
    logger,
    signal,
  })

  function offerTo(channel: Channel<Order> | undefined, entry: EventEntry, before: Positions): void {
    if (!channel) return
    enqueue(channel, entry, before)
    due.add(channel)
    offered.push(entry)
  }

  /** Reads begin at once, also for a channel that is still busy with what came before. */
  function flush(): void {
    for (const [orderId, need] of loadRequestsFor(offered, 'summary')) states.preload(orderId, need)
    offered = []
    for (const channel of due) void pump(channel)
    due.clear()
  }

  /** The channel may have missed something past `known`. */
  function lookUp(channel: Channel<Order>, known: Positions): void {
    advanceHead(channel, known)
    discardRecent(channel)
    channel.hasPending = true
    due.add(channel)
  }

  return {
    routedUpTo: heard,
    route(messages) {
      for (const message of messages) {
        const before = window.positions()
        const entry = window.add(message)
        if (!entry || channels.count() === 0) continue
        offerTo(channels.find({ order: entry.orderId }), entry, before)
        offerTo(channels.find({ all: true }), entry, before)
      }
      routing.advance(channels.customerCount() > 0)
      flush()
    },
    follow(from) {
      const known = window.positions()
      if (!window.follow(from)) return
      for (const channel of channels.all()) if (!('customer' in channel.scope)) lookUp(channel, known)
      routing.advance(channels.customerCount() > 0)
      flush()
    },
  }
}
