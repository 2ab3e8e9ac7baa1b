// Routes messages of the bus to the channels of their orders, and publishes them once the orders' new states are read.

import { type ChangeBuilder, loadRequestsFor } from '#bff/order-feed/change-builder.ts'
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
  /** Announces that messages past `from` are routed from now on; events in between are looked up. */
  follow(from: Positions): void
  /** Returns how far the scope's events are routed, which is where a new channel begins. */
  routedUpTo(scope: Channel<Order>['scope']): Positions
}

type EventRouterOptions<Order> = {
  readonly channels: ChannelRegistry<Order>
  readonly window: EventWindow
  readonly loader: OrderLoader<Order>
  readonly owners: OwnerCache
  readonly changes: ChangeBuilder<Order>
  readonly catchUp: CatchUp<Order>
  readonly logger: Logger
  readonly signal: AbortSignal
}

type State<Order> = Pick<EventRouterOptions<Order>, 'channels' | 'window' | 'loader'> & {
  readonly customers: ReturnType<typeof createCustomerRouter>
  readonly publish: (channel: Channel<Order>) => Promise<void>
  /** The channels that have events since the last flush. */
  readonly due: Set<Channel<Order>>
  /** Those events. */
  routed: EventEntry[]
}

export function createEventRouter<Order>(options: EventRouterOptions<Order>): EventRouter<Order> {
  const { channels, window, loader, owners, changes, catchUp, logger, signal } = options
  const customers = createCustomerRouter({
    window,
    changes,
    onEvent(entry, before) {
      const channel = channels.find({ customer: owners.get(entry.orderId) ?? NO_OWNER })
      if (!channel) return
      enqueue(channel, entry, before)
      markDue(state, channel, entry)
    },
    onLost() {
      for (const channel of channels.all())
        if ('customer' in channel.scope) lookUpEvents(state, channel, customers.positions())
    },
    onAdvanced: () => flush(state),
    logger,
    signal,
  })
  const routedUpTo = (scope: Channel<Order>['scope']) =>
    'customer' in scope ? customers.positions() : window.positions()
  const knownUpTo = ({ scope }: Channel<Order>) => routedUpTo(scope)
  const publish = createChannelPublisher<Order>({ changes, knownUpTo, catchUp, logger, signal })
  const state: State<Order> = { channels, window, loader, customers, publish, due: new Set(), routed: [] }
  return {
    routedUpTo,
    route: messages => route(state, messages),
    follow: from => follow(state, from),
  }
}

function route<Order>(state: State<Order>, messages: readonly BusMessage[]): void {
  const { channels, window } = state
  for (const message of messages) {
    const before = window.positions()
    const entry = window.add(message)
    if (!entry || channels.count() === 0) continue
    const ofOrder = channels.find({ order: entry.orderId })
    if (ofOrder) enqueue(ofOrder, entry, before)
    if (ofOrder) markDue(state, ofOrder, entry)
    const ofAll = channels.find({ all: true })
    if (ofAll) enqueue(ofAll, entry, before)
    if (ofAll) markDue(state, ofAll, entry)
  }
  advanceCustomers(state)
  flush(state)
}

function follow<Order>(state: State<Order>, from: Positions): void {
  const { channels, window } = state
  const known = window.positions()
  if (!window.follow(from)) return
  for (const channel of channels.all())
    if (!('customer' in channel.scope)) lookUpEvents(state, channel, known)
  advanceCustomers(state)
  flush(state)
}

function advanceCustomers<Order>({ channels, customers }: State<Order>): void {
  if (channels.customerCount() > 0) customers.advance()
  else customers.skip()
}

function markDue<Order>({ due, routed }: State<Order>, channel: Channel<Order>, entry: EventEntry): void {
  due.add(channel)
  routed.push(entry)
}

/** Begins to load the orders at once, also for a channel that is still busy with earlier events. */
function flush<Order>(state: State<Order>): void {
  const { due, loader, publish } = state
  for (const [orderId, request] of loadRequestsFor(state.routed, 'summary')) loader.preload(orderId, request)
  state.routed = []
  for (const channel of due) void publish(channel)
  due.clear()
}

/** Has the channel look up events past `known` in the window, because it may have missed some. */
function lookUpEvents<Order>({ due }: State<Order>, channel: Channel<Order>, known: Positions): void {
  advanceHead(channel, known)
  discardRecent(channel)
  channel.hasPending = true
  due.add(channel)
}
