// What a message of the bus sets going: who watches its order is told, once the order's new state is read. Free of the bus.

import type { Changes } from '#bff/order-feed/change-builder.ts'
import { needsOf } from '#bff/order-feed/change-builder.ts'
import { type CatchUp, type Channel, forget, offer, settle } from '#bff/order-feed/channel.ts'
import { createPump } from '#bff/order-feed/channel-publisher.ts'
import type { Channels } from '#bff/order-feed/channel-registry.ts'
import { createCustomerRouting } from '#bff/order-feed/customer-router.ts'
import type { Window } from '#bff/order-feed/event-window.ts'
import type { OrderStates } from '#bff/order-feed/order-loader.ts'
import { NOBODY, type Owners } from '#bff/order-feed/owner-cache.ts'
import type { Entry, Place } from '#bff/order-feed/positions.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type Hearing<Order> = {
  hear(messages: readonly BusMessage[]): void
  /** Messages past `from` will be heard from now on; what lies between is looked up. */
  follow(from: Place): void
  /** How far the channel's scope is known: where a new one begins. */
  heard(scope: Channel<Order>['scope']): Place
}

export type HearingOptions<Order> = {
  readonly channels: Channels<Order>
  readonly window: Window
  readonly states: OrderStates<Order>
  readonly owners: Owners
  readonly changes: Changes<Order>
  readonly catchUp: CatchUp<Order>
  readonly logger: Logger
  readonly signal: AbortSignal
}

export function createHearing<Order>(options: HearingOptions<Order>): Hearing<Order> {
  const { channels, window, states, owners, changes, catchUp, logger, signal } = options
  /** Channels that have something to tell since the last flush, and what. */
  const due = new Set<Channel<Order>>()
  let offered: Entry[] = []

  const routing = createCustomerRouting({
    window,
    changes,
    offer(entry, before) {
      const customer = owners.of(entry.orderId) ?? NOBODY
      offerTo(channels.of({ customer }), entry, before)
    },
    onLost() {
      for (const channel of channels.all()) if ('customer' in channel.scope) lookUp(channel, routing.place())
    },
    onAdvanced: flush,
    logger,
    signal,
  })
  const heard = (scope: Channel<Order>['scope']) => ('customer' in scope ? routing.place() : window.place())
  const pump = createPump<Order>({ changes, heard: ({ scope }) => heard(scope), catchUp, logger, signal })

  function offerTo(channel: Channel<Order> | undefined, entry: Entry, before: Place): void {
    if (!channel) return
    offer(channel, entry, before)
    due.add(channel)
    offered.push(entry)
  }

  /** Reads begin at once, also for a channel that is still busy with what came before. */
  function flush(): void {
    for (const [orderId, need] of needsOf(offered, 'summary')) states.want(orderId, need)
    offered = []
    for (const channel of due) void pump(channel)
    due.clear()
  }

  /** The channel may have missed something past `known`. */
  function lookUp(channel: Channel<Order>, known: Place): void {
    settle(channel, known)
    forget(channel)
    channel.isDue = true
    due.add(channel)
  }

  return {
    heard,
    hear(messages) {
      for (const message of messages) {
        const before = window.place()
        const entry = window.add(message)
        if (!entry || channels.count() === 0) continue
        offerTo(channels.of({ order: entry.orderId }), entry, before)
        offerTo(channels.of({ all: true }), entry, before)
      }
      routing.advance(channels.customers() > 0)
      flush()
    },
    follow(from) {
      const known = window.place()
      if (!window.follow(from)) return
      for (const channel of channels.all()) if (!('customer' in channel.scope)) lookUp(channel, known)
      routing.advance(channels.customers() > 0)
      flush()
    },
  }
}
