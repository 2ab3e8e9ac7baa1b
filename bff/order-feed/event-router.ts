// Routes messages of the bus to the channels of their orders, and publishes them once the orders' new states are read.
import type { Scope } from '#bff/order-feed/change.ts'
import {
  type ChangeBuilder,
  loadRequestsFor,
  NO_OWNER,
  type OwnerCache,
} from '#bff/order-feed/change-builder.ts'
import {
  advanceHead,
  type CatchUp,
  type Channel,
  discardRecent,
  enqueue,
  keepRecent,
  publish,
  restart,
} from '#bff/order-feed/channel.ts'
import type { ChannelRegistry } from '#bff/order-feed/channel-registry.ts'
import { createCustomerRouter } from '#bff/order-feed/customer-router.ts'
import type { EventWindow } from '#bff/order-feed/event-window.ts'
import type { OrderLoader } from '#bff/order-feed/order-loader.ts'
import { covers, type EventEntry, type Positions } from '#bff/order-feed/positions.ts'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'

const ALL: Scope = { all: true }

export type EventRouter = {
  route(messages: readonly BusMessage[]): void
  /** Announces that messages past `from` are routed from now on; events in between are looked up. */
  follow(from: Positions): void
  /** Returns how far the scope's events are routed, which is where a new channel begins. */
  routedUpTo(scope: Scope): Positions
}

type EventRouterOptions<Order> = {
  readonly channels: ChannelRegistry<Order>
  readonly window: EventWindow
  readonly loader: OrderLoader<Order>
  readonly owners: OwnerCache
  readonly changes: ChangeBuilder<Order>
  readonly catchUp: CatchUp<Order>
  readonly signal: AbortSignal
}

type State<Order> = EventRouterOptions<Order> & {
  readonly customers: ReturnType<typeof createCustomerRouter>
  /** The channels that have events since the last flush. */
  readonly due: Set<Channel<Order>>
  /** Those events. */
  routed: EventEntry[]
}

export function createEventRouter<Order>(options: EventRouterOptions<Order>): EventRouter {
  const { channels, window, owners, changes, signal } = options
  const customers = createCustomerRouter({
    window,
    changes,
    onEvent(entry, before) {
      const customer = owners.get(entry.orderId) ?? NO_OWNER
      announce(state, channels.find({ customer }), { entry, before })
    },
    onLost() {
      for (const channel of channels.all())
        if ('customer' in channel.scope) lookUpEvents(state, channel, customers.positions())
    },
    onAdvanced: () => flush(state),
    signal,
  })
  const state: State<Order> = { ...options, customers, due: new Set(), routed: [] }
  return {
    routedUpTo: scope => routedUpTo(state, scope),
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
    const received = { entry, before }
    announce(state, channels.find({ order: entry.orderId }), received)
    announce(state, channels.find(ALL), received)
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

/** Adds an event to the channel that it is about, if somebody watches. */
function announce<Order>(
  { due, routed }: State<Order>,
  channel: Channel<Order> | undefined,
  { entry, before }: { readonly entry: EventEntry; readonly before: Positions },
): void {
  if (!channel) return
  enqueue(channel, entry, before)
  due.add(channel)
  routed.push(entry)
}

/** Begins to load the orders at once, also for a channel that is still busy with earlier events. */
function flush<Order>(state: State<Order>): void {
  const { due, loader } = state
  for (const [orderId, request] of loadRequestsFor(state.routed, 'summary')) loader.preload(orderId, request)
  state.routed = []
  for (const channel of due) void publishAll(state, channel)
  due.clear()
}

/** Has the channel look up events past `known` in the window, because it may have missed some. */
function lookUpEvents<Order>({ due }: State<Order>, channel: Channel<Order>, known: Positions): void {
  advanceHead(channel, known)
  discardRecent(channel)
  channel.hasPending = true
  due.add(channel)
}

function routedUpTo<Order>({ customers, window }: State<Order>, scope: Scope): Positions {
  return 'customer' in scope ? customers.positions() : window.positions()
}

/** Publishes what is pending, unless that is going on already: the events received so far become one change, then the next. */
async function publishAll<Order>(state: State<Order>, channel: Channel<Order>): Promise<void> {
  if (channel.isPublishing) return
  channel.isPublishing = true
  while (channel.hasPending && channel.subscribers.size > 0 && !state.signal.aborted)
    await publishPending(state, channel)
  channel.isPublishing = false
}

async function publishPending<Order>(state: State<Order>, channel: Channel<Order>): Promise<void> {
  const { changes, catchUp, signal } = state
  channel.hasPending = false
  const to = routedUpTo(state, channel.scope)
  const built = await changes.build(channel, channel.head, to)
  if (signal.aborted) return
  if (built) {
    publish(channel, built, catchUp)
    channel.hasPending ||= !covers(built.to, to)
  } else {
    discardRecent(channel)
    restart(channel, to, catchUp)
  }
  keepRecent(channel)
}
