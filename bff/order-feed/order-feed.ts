// The order feed: reads each change of an order once, tells all subscribers to it, and resumes from the bus.
import { LRUCache } from 'lru-cache'
import { type BusFollower, ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import { customerIdOf, orderIdOf } from '#bff/bus/message-ids.ts'
import type { Change, Scope, SharedStream } from '#bff/order-feed/change.ts'
import { type ChangeBuilder, createChangeBuilder } from '#bff/order-feed/change-builder.ts'
import {
  advanceHead,
  type BuiltChange,
  type CatchUp,
  type Channel,
  createSubscriber,
  moveTo,
  type Subscriber,
} from '#bff/order-feed/channel.ts'
import { retryUntilAborted } from '#bff/order-feed/channel-publisher.ts'
import { type ChannelRegistry, createChannelRegistry } from '#bff/order-feed/channel-registry.ts'
import { decodeCursor, keyOf, refusedCursor } from '#bff/order-feed/cursor.ts'
import { createEventRouter, type EventRouter } from '#bff/order-feed/event-router.ts'
import { createEventWindow, type EventWindow } from '#bff/order-feed/event-window.ts'
import { createOrderLoader, type Detail } from '#bff/order-feed/order-loader.ts'
import { createOwnerCache, type OwnerCache } from '#bff/order-feed/owner-cache.ts'
import { type EventEntry, type Positions, positionsOf } from '#bff/order-feed/positions.ts'
import {
  close,
  createCatchUp,
  type FindMissed,
  presentChange,
  streamOf,
} from '#bff/order-feed/subscription.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import type { BusMessage, EventBus } from '#platform/event-bus/event-bus.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type WatchRequest<Order> = {
  readonly scope: Scope
  /** The cursor of an earlier change or event: the stream begins with exactly what was missed since. */
  readonly after?: string | null | undefined
  /** See SharedStream. */
  readonly audience?: string | undefined
  /**
   * Reads the present state in the caller's name, and rejects when the caller may not see it. Always called for one
   * order; otherwise when there is no cursor or it is too old. Called again when the subscriber falls too far behind.
   */
  readonly present: () => Promise<readonly Order[]>
}

export type OrderFeed<Order> = AsyncDisposable & {
  /**
   * Without `after`, the stream begins with a change PRESENT. Then it yields changes CHANGED, with each event of the
   * scope exactly once, in order per service. A slow subscriber gets several events in one change, with the newest state;
   * one that missed more than can be listed gets RESTARTED. Subscribers that are level with each other get the same
   * change, by identity. Rejects with what `present` throws, and with CallerError BAD_USER_INPUT for a cursor that is
   * junk, of another scope, or of events that the bus does not have. `next` rejects, and the stream ends, when
   * `present` throws while the present state is read again.
   */
  watch(request: WatchRequest<Order>): Promise<SharedStream<Change<Order>>>
  /** Returns how many scopes are watched. */
  watched(): number
}

export type OrderFeedOptions<Order> = {
  readonly follower: BusFollower
  readonly bus: Pick<EventBus, 'read' | 'end'>
  /**
   * Reads an order on behalf of no caller, with everything that the follower has received and everything up to
   * `required`. Resolves to undefined when there is no such order.
   */
  readonly read: (orderId: string, required: PositionVector, detail: Detail) => Promise<Order | undefined>
  readonly ownerOf: (order: Order) => string
  readonly idOf: (order: Order) => string
  readonly logger: Logger
  readonly limits?: Partial<FeedLimits>
}

export type FeedLimits = {
  /** Events of orders kept in memory for each topic; 20,000 by default. */
  readonly window: number
  /** Positions of all topics together that are looked through for a subscriber that resumes; 20,000 by default. */
  readonly lookThrough: number
  /** The longest pause between attempts to read an order; 5,000 ms by default. */
  readonly longestPauseMs: number
}

/** Missed changes kept for other subscribers that missed the same. */
const MAX_MISSED_CHANGES = 64

type State<Order> = OrderFeedOptions<Order> & {
  readonly channels: ChannelRegistry<Order>
  readonly owners: OwnerCache
  readonly window: EventWindow
  readonly router: EventRouter<Order>
  readonly catchUp: CatchUp<Order>
  readonly hold: SharedHold
}

export function openOrderFeed<Order extends object>(options: OrderFeedOptions<Order>): OrderFeed<Order> {
  const closing = new AbortController()
  const { follower } = options
  const state = createState(options, closing.signal)
  const { channels, router } = state
  const subscriptions = new DisposableStack()
  subscriptions.use(follower.listen(router.route))
  subscriptions.use(follower.onFollow(from => router.follow(positionsOf(from))))
  return {
    watch: request => watch(state, request),
    watched: () => channels.count(),
    async [Symbol.asyncDispose]() {
      closing.abort()
      subscriptions.dispose()
      for (const { subscribers } of [...channels.all()])
        for (const subscriber of [...subscribers]) close(subscriber)
    },
  }
}

function createState<Order extends object>(
  options: OrderFeedOptions<Order>,
  signal: AbortSignal,
): State<Order> {
  const { follower, bus, logger, read, ownerOf, limits = {} } = options
  const { window: capacity = 20_000, lookThrough = 20_000, longestPauseMs = 5_000 } = limits
  const channels = createChannelRegistry<Order>()
  const owners = createOwnerCache()
  const window = createEventWindow({ bus, entryOf: createEntryReader(owners), capacity, lookThrough })
  const loader = createOrderLoader<Order>({
    read,
    observed: window.positions,
    detailOf: orderId => (channels.find({ order: orderId }) ? 'page' : 'summary'),
    onLoad: (orderId, order) => owners.set(orderId, ownerOf(order)),
    longestPauseMs,
    logger,
    signal,
  })
  const changes = createChangeBuilder<Order>({ window, loader, owners, signal })
  const catchUp = createCatchUp(shareMissed(changes, { logger, signal }))
  const router = createEventRouter({ channels, window, loader, owners, changes, catchUp, logger, signal })
  const hold = createSharedHold(follower, () => {
    if (!window.isFollowing()) router.follow(positionsOf(follower.heard()))
  })
  return { ...options, channels, owners, window, router, catchUp, hold }
}

async function watch<Order>(
  state: State<Order>,
  { scope, after, audience, present }: WatchRequest<Order>,
): Promise<SharedStream<Change<Order>>> {
  const { channels, router, catchUp, hold } = state
  const resumeAt = after == null ? undefined : positionsOf(decodeCursor(scope, after))
  await hold.take()
  const subscriber = createSubscriber(present)
  const routed = router.routedUpTo(scope)
  const channel = channels.join(scope, subscriber, routed)
  advanceHead(channel, routed)
  subscriber.onClose = () => {
    channels.leave(channel, subscriber)
    hold.leave()
  }
  try {
    await (resumeAt ? resume(state, channel, { subscriber, resumeAt }) : begin(state, channel, subscriber))
  } catch (error) {
    close(subscriber)
    throw error
  }
  return streamOf(subscriber, { channel, catchUp, audience })
}

/** The subscriber has joined the channel already, so whatever happens during these reads is kept for it. */
async function resume<Order>(
  { bus, window }: State<Order>,
  channel: Channel<Order>,
  { subscriber, resumeAt }: { readonly subscriber: Subscriber<Order>; readonly resumeAt: Positions },
): Promise<void> {
  await refuseUnknown(bus, resumeAt, window.positions())
  if ('order' in channel.scope) await subscriber.present()
  moveTo(channel, subscriber, resumeAt)
}

async function begin<Order>(
  { owners, idOf, ownerOf }: State<Order>,
  { scope, head }: Channel<Order>,
  subscriber: Subscriber<Order>,
): Promise<void> {
  subscriber.first = await presentChange('PRESENT', { scope, positions: head }, subscriber.present)
  for (const order of subscriber.first.orders) owners.set(idOf(order), ownerOf(order))
}

/** Positions that this process has not received may be known to another; positions past the bus's end are made up. */
async function refuseUnknown(
  bus: Pick<EventBus, 'end'>,
  positions: Positions,
  received: Positions,
): Promise<void> {
  for (const [index, topic] of ORDER_TOPICS.entries()) {
    const position = positions[index] ?? 0
    if (position > (received[index] ?? 0) && position > (await bus.end(topic)))
      throw refusedCursor('unknown', 'it is of events that are not known here')
  }
}

/** Returns a function that reads the order event in a message, and notes the owner if the message names it. */
function createEntryReader(owners: OwnerCache) {
  return (message: BusMessage, topic: number): EventEntry | undefined => {
    const orderId = orderIdOf(message)
    if (orderId === undefined) return undefined
    const customer = customerIdOf(message)
    if (customer !== undefined) owners.set(orderId, customer)
    const { position, eventId: id, type, at, meta } = message
    return { topic, position, id, type, orderId, at, traceparent: meta.traceparent }
  }
}

/** Gives subscribers that missed the same the same change. */
function shareMissed<Order>(
  changes: ChangeBuilder<Order>,
  retry: { readonly logger: Logger; readonly signal: AbortSignal },
): FindMissed<Order> {
  const missed = new LRUCache<string, Promise<BuiltChange<Order> | undefined>>({ max: MAX_MISSED_CHANGES })
  return (channel, from, to) => {
    const key = `${keyOf(channel.scope)} ${from} ${to}`
    const shared = missed.get(key)
    if (shared) return shared
    const building = retryUntilAborted(() => changes.build(channel, from, to), retry)
    missed.set(key, building)
    void building.then(built => {
      if (!built?.change) missed.delete(key)
    })
    return building
  }
}

type SharedHold = { take(): Promise<void>; leave(): void }

/** Keeps the bus followed while there are subscribers. Calls `onHeld` each time that one has the hold. */
function createSharedHold(follower: BusFollower, onHeld: () => void): SharedHold {
  let holders = 0
  let held: Promise<Disposable> | undefined
  return {
    async take() {
      holders += 1
      held ??= follower.hold()
      const mine = held
      try {
        await mine
        onHeld()
      } catch (error) {
        holders -= 1
        if (held === mine) held = undefined
        throw error
      }
    },
    leave() {
      holders -= 1
      if (holders > 0) return
      void held?.then(
        hold => hold[Symbol.dispose](),
        () => {}, // a hold that was never given needs no release
      )
      held = undefined
    },
  }
}
