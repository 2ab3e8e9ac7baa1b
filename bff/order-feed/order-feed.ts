// The order feed: changes of orders, read once each, told to all who watch, resumed from the bus. Free of GraphQL.
import { LRUCache } from 'lru-cache'
import type { BusFollower } from '#bff/bus/bus-follower.ts'
import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import { customerIdOf, orderIdOf } from '#bff/bus/message-ids.ts'
import type { Change, Scope, SharedStream } from '#bff/order-feed/change.ts'
import { type BuiltChange, type ChangeBuilder, createChangeBuilder } from '#bff/order-feed/change-builder.ts'
import {
  advanceHead,
  type Channel,
  createSubscriber,
  moveTo,
  type Subscriber,
} from '#bff/order-feed/channel.ts'
import { retryUntilAborted } from '#bff/order-feed/channel-publisher.ts'
import { createChannelRegistry } from '#bff/order-feed/channel-registry.ts'
import { decodeCursor, keyOf, refusedCursor } from '#bff/order-feed/cursor.ts'
import { createEventRouter } from '#bff/order-feed/event-router.ts'
import { createEventWindow } from '#bff/order-feed/event-window.ts'
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

export type WatchRequest<Order> = {
  readonly scope: Scope
  /** The cursor of an earlier change or event: begins with exactly what was missed since. */
  readonly after?: string | null | undefined
  /** See SharedStream. */
  readonly audience?: string | undefined
  /**
   * Reads the present state in the caller's name, and throws when the caller may not have it. Called for one order
   * always; else without a cursor, or when it is too old. Called again when somebody falls too far behind.
   */
  readonly present: () => Promise<readonly Order[]>
}

export type OrderFeed<Order> = AsyncDisposable & {
  /**
   * Without `after`, a change PRESENT first; then CHANGED, each event of the scope exactly once, in order per service.
   * Who is slow gets several events in one change, with the newest state; who missed more than can be listed gets
   * RESTARTED. All who are level with each other get the same change, by identity. Throws CallerError BAD_USER_INPUT
   * for a cursor that is junk, of another scope, or of events that the bus does not have, and what `present` throws; so
   * does `next` where the present state has to be read again, and ends.
   */
  watch(request: WatchRequest<Order>): Promise<SharedStream<Change<Order>>>
  /** Scopes that are watched now. */
  watched(): number
}

export type OrderFeedOptions<Order> = {
  readonly follower: BusFollower
  readonly bus: Pick<EventBus, 'read' | 'end'>
  /**
   * Reads the order, in nobody's name, with all that the follower has heard by now and all up to `positions`; undefined
   * when it is not there.
   */
  readonly read: (orderId: string, positions: PositionVector, detail: Detail) => Promise<Order | undefined>
  readonly ownerOf: (order: Order) => string
  readonly idOf: (order: Order) => string
  readonly logger: Logger
  readonly limits?: Partial<FeedLimits>
}

export type FeedLimits = {
  /** Events of orders kept in memory, of each topic; 20,000 when left out. */
  readonly window: number
  /** How many positions, of all topics together, are looked through for who resumes; 20,000 when left out. */
  readonly lookThrough: number
  /** Between attempts to read an order; 5,000 ms when left out. */
  readonly longestPauseMs: number
}

/** Lists of missed events, with the states behind them, that are kept for others who have missed the same. */
const KEPT_CATCH_UPS = 64

export function openOrderFeed<Order extends object>(options: OrderFeedOptions<Order>): OrderFeed<Order> {
  const { follower, bus, logger, limits = {} } = options
  const { window: capacity = 20_000, lookThrough = 20_000, longestPauseMs = 5_000 } = limits
  const closing = new AbortController()
  const { signal } = closing
  const channels = createChannelRegistry<Order>()
  const owners = createOwnerCache()
  const window = createEventWindow({ bus, entryOf: entryMaker(owners), capacity, lookThrough })
  const states = createOrderLoader<Order>({
    read: options.read,
    heard: window.positions,
    detailOf: orderId => (channels.find({ order: orderId }) ? 'page' : 'summary'),
    onRead: (orderId, order) => owners.set(orderId, options.ownerOf(order)),
    longestPauseMs,
    logger,
    signal,
  })
  const changes = createChangeBuilder<Order>({ window, states, owners, signal })
  const catchUp = createCatchUp(shared(changes, { logger, signal }))
  const hearing = createEventRouter({ channels, window, states, owners, changes, catchUp, logger, signal })
  const listening = new DisposableStack()
  listening.use(follower.listen(hearing.route))
  listening.use(follower.onFollow(from => hearing.follow(positionsOf(from))))
  const held = createHold(follower, () => {
    if (!window.isFollowing()) hearing.follow(positionsOf(follower.heard()))
  })

  async function watch({
    scope,
    after,
    audience,
    present,
  }: WatchRequest<Order>): Promise<SharedStream<Change<Order>>> {
    const wanted = after == null ? undefined : positionsOf(decodeCursor(scope, after))
    await held.take()
    const subscriber = createSubscriber(present)
    const heard = hearing.routedUpTo(scope)
    const channel = channels.join(scope, subscriber, heard)
    advanceHead(channel, heard)
    subscriber.onClose = () => {
      channels.leave(channel, subscriber)
      held.leave()
    }
    try {
      await begin(channel, subscriber, wanted)
    } catch (error) {
      close(subscriber)
      throw error
    }
    return streamOf(subscriber, { channel, catchUp, audience })
  }

  /** The subscriber has joined already: whatever happens during these reads is kept for it. */
  async function begin(
    channel: Channel<Order>,
    subscriber: Subscriber<Order>,
    wanted: Positions | undefined,
  ): Promise<void> {
    if (wanted) {
      await refuseUnknown(bus, wanted, window.positions())
      if ('order' in channel.scope) await subscriber.present()
      return moveTo(channel, subscriber, wanted)
    }
    subscriber.first = await presentChange('PRESENT', channel, channel.head, subscriber.present)
    for (const order of subscriber.first.orders) owners.set(options.idOf(order), options.ownerOf(order))
  }

  return {
    watch,
    watched: () => channels.count(),
    async [Symbol.asyncDispose]() {
      closing.abort()
      listening.dispose()
      for (const { subscribers } of [...channels.all()])
        for (const subscriber of [...subscribers]) close(subscriber)
    },
  }
}

/** Notes the owner that a message names on the way. */
function entryMaker(owners: OwnerCache): (message: BusMessage, topic: number) => EventEntry | undefined {
  return (message, topic) => {
    const orderId = orderIdOf(message)
    if (orderId === undefined) return undefined
    const customer = customerIdOf(message)
    if (customer !== undefined) owners.set(orderId, customer)
    const { position, eventId: id, type, at, meta } = message
    return { topic, position, id, type, orderId, at, traceparent: meta.traceparent }
  }
}

/** Those who have missed the same get the same change. */
function shared<Order>(
  changes: ChangeBuilder<Order>,
  patience: { readonly logger: Logger; readonly signal: AbortSignal },
): FindMissed<Order> {
  const kept = new LRUCache<string, Promise<BuiltChange<Order> | undefined>>({ max: KEPT_CATCH_UPS })
  return (channel, from, to) => {
    const key = `${keyOf(channel.scope)} ${from} ${to}`
    const known = kept.get(key)
    if (known) return known
    const made = retryUntilAborted(() => changes.build(channel, from, to), patience)
    kept.set(key, made)
    void made.then(found => {
      if (!found?.change) kept.delete(key)
    })
    return made
  }
}

/** Positions past what this process heard may have been heard by another; past the bus's end they are made up. */
async function refuseUnknown(bus: Pick<EventBus, 'end'>, place: Positions, heard: Positions): Promise<void> {
  for (const [index, topic] of ORDER_TOPICS.entries()) {
    const position = place[index] ?? 0
    if (position > (heard[index] ?? 0) && position > (await bus.end(topic)))
      throw refusedCursor('unknown', 'it is of events that are not known here')
  }
}

/** Keeps the bus followed while anybody watches. `onHeld` is called once it is. */
function createHold(follower: BusFollower, onHeld: () => void) {
  let holders = 0
  let held: Promise<Disposable> | undefined
  return {
    async take(): Promise<void> {
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
    leave(): void {
      holders -= 1
      if (holders > 0) return
      void held?.then(
        hold => hold[Symbol.dispose](),
        () => {},
      )
      held = undefined
    },
  }
}
