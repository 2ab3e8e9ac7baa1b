// The order feed: reads each change of an order once, tells all subscribers to it, and resumes from the bus.
import { LRUCache } from 'lru-cache'
import { type BusFollower, ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import { customerIdOf, orderIdOf } from '#bff/bus/message-ids.ts'
import type { Change, Scope, SharedStream } from '#bff/order-feed/change.ts'
import { createChangeBuilder, type OwnerCache } from '#bff/order-feed/change-builder.ts'
import {
  advanceHead,
  type CatchUp,
  type Channel,
  createSubscriber,
  moveTo,
  type Subscriber,
} from '#bff/order-feed/channel.ts'
import { type ChannelRegistry, createChannelRegistry } from '#bff/order-feed/channel-registry.ts'
import { decodeCursor, refusedCursor } from '#bff/order-feed/cursor.ts'
import { createEventRouter, type EventRouter } from '#bff/order-feed/event-router.ts'
import { createEventWindow, type EventWindow } from '#bff/order-feed/event-window.ts'
import { createOrderLoader, type Detail } from '#bff/order-feed/order-loader.ts'
import { type EventEntry, type Positions, positionsOf } from '#bff/order-feed/positions.ts'
import { close, createCatchUp, presentChange, streamOf } from '#bff/order-feed/subscription.ts'
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

/** Owners kept: some 10 MB at most. */
const MAX_OWNERS = 50_000

type State<Order> = OrderFeedOptions<Order> & {
  readonly channels: ChannelRegistry<Order>
  readonly owners: OwnerCache
  readonly window: EventWindow
  readonly router: EventRouter
  readonly catchUp: CatchUp<Order>
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
  const { bus, logger, read, ownerOf, limits = {} } = options
  const { window: capacity = 20_000, lookThrough = 20_000, longestPauseMs = 5_000 } = limits
  const channels = createChannelRegistry<Order>()
  const owners: OwnerCache = new LRUCache({ max: MAX_OWNERS })
  const window = createEventWindow({
    bus,
    entryOf: createEntryReader(owners),
    capacity,
    lookThrough,
    logger,
    signal,
  })
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
  const catchUp = createCatchUp(changes)
  const router = createEventRouter({ channels, window, loader, owners, changes, catchUp, signal })
  return { ...options, channels, owners, window, router, catchUp }
}

async function watch<Order>(
  state: State<Order>,
  { scope, after, audience, present }: WatchRequest<Order>,
): Promise<SharedStream<Change<Order>>> {
  const { follower, channels, window, router, catchUp } = state
  const resumeAt = after == null ? undefined : positionsOf(decodeCursor(scope, after))
  using opening = new DisposableStack()
  opening.use(await follower.hold())
  if (!window.isFollowing()) router.follow(positionsOf(follower.heard()))
  const subscriber = createSubscriber(present)
  const routed = router.routedUpTo(scope)
  const channel = channels.join(scope, subscriber, routed)
  advanceHead(channel, routed)
  const hold = opening.move()
  subscriber.onClose = () => {
    channels.leave(channel, subscriber)
    hold.dispose()
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
