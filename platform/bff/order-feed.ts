// Live orders: follows the bus, reads a changed order once, and hands it to everyone who watches it. Free of GraphQL.
import { AsyncLocalStorage } from 'node:async_hooks'
import { createNewestValue, type NewestValue } from '#platform/bff/newest-value.ts'
import { isId, siblingId } from '#platform/domain/ids.ts'
import type { BusMessage, EventBus } from '#platform/event-bus/event-bus.ts'
import type { Logger } from '#platform/telemetry/logger.ts'
import { inSpan } from '#platform/telemetry/tracing.ts'

/** How long the bus is followed after the last watcher has left. */
const LINGER_MS = 30_000

export const ORDER_TOPICS = ['orders', 'inventory', 'payment', 'shipping'] as const

/** Bus positions that a read must not be behind, by topic, which is the service's name. */
export type Positions = Readonly<Record<string, number>>

export type OrderFeed<Order> = AsyncDisposable & {
  /** The order after each change from now on. A slow reader gets the newest state and skips those between. */
  watch(orderId: string): Promise<AsyncIterableIterator<Order>>
  /** Orders that are watched now. */
  watched(): number
}

export type OrderFeedOptions<Order> = {
  readonly bus: EventBus
  /** Reads the order with all that happened up to `positions`; undefined when it is not there. */
  readonly read: (orderId: string, positions: Positions) => Promise<Order | undefined>
  readonly logger: Logger
}

type Watched<Order> = {
  readonly watchers: Set<NewestValue<Order>>
  /** Positions that were announced and not yet read; undefined when there are none. */
  announced: Record<string, number> | undefined
  traceparent: string | undefined
  reading: boolean
}

/** However many watch an order, a change costs one read; changes that come while it is under way cost one more together. */
export function openOrderFeed<Order>(options: OrderFeedOptions<Order>): OrderFeed<Order> {
  const orders = new Map<string, Watched<Order>>()
  let following: Promise<AsyncDisposable> | undefined
  // The bus outlasts the subscription that first needs it, whose span it must not go on under.
  const inOwnContext = AsyncLocalStorage.snapshot()
  let leaving: NodeJS.Timeout | undefined

  async function refresh(orderId: string, watched: Watched<Order>): Promise<void> {
    if (watched.reading) return
    watched.reading = true
    try {
      while (watched.announced) {
        const positions = watched.announced
        watched.announced = undefined
        await readAndPush(orderId, watched, positions)
      }
    } finally {
      watched.reading = false
    }
  }

  async function readAndPush(orderId: string, watched: Watched<Order>, positions: Positions): Promise<void> {
    try {
      await inSpan(
        'push order',
        { parent: watched.traceparent, kind: 'producer', attributes: { 'waybill.order.id': orderId } },
        async () => {
          const order = await options.read(orderId, positions)
          if (order !== undefined) for (const watcher of watched.watchers) watcher.put(order)
        },
      )
    } catch (error) {
      options.logger.warn(
        { err: error, orderId },
        'a watched order could not be read; the next change tries again',
      )
    }
  }

  /** The bus is followed only while somebody watches, and a little longer. */
  function follow(): Promise<AsyncDisposable> {
    clearTimeout(leaving)
    following ??= inOwnContext(() => options.bus.tail(ORDER_TOPICS, hear)).catch(error => {
      following = undefined
      throw error
    })
    return following
  }

  function leave(): void {
    clearTimeout(leaving)
    leaving = setTimeout(() => {
      if (orders.size === 0) void stopFollowing() // somebody who was in `follow` as the last one left has come since
    }, LINGER_MS).unref()
  }

  async function stopFollowing(): Promise<void> {
    clearTimeout(leaving)
    const tail = following
    following = undefined
    await (await tail?.catch(() => undefined))?.[Symbol.asyncDispose]()
  }

  async function hear(messages: readonly BusMessage[]): Promise<void> {
    for (const message of messages) {
      const orderId = orderOf(message)
      const watched = orderId && orders.get(orderId)
      if (!orderId || !watched) continue
      watched.announced = { ...watched.announced, [message.topic]: message.position }
      watched.traceparent = message.meta.traceparent
      void refresh(orderId, watched)
    }
  }

  async function watch(orderId: string): Promise<AsyncIterableIterator<Order>> {
    await follow()
    const watched = orders.get(orderId) ?? {
      watchers: new Set(),
      announced: undefined,
      traceparent: undefined,
      reading: false,
    }
    orders.set(orderId, watched)
    const watcher = createNewestValue<Order>(() => {
      watched.watchers.delete(watcher)
      if (watched.watchers.size === 0) orders.delete(orderId)
      if (orders.size === 0) leave()
    })
    watched.watchers.add(watcher)
    return watcher.values
  }

  return {
    watch,
    watched: () => orders.size,
    async [Symbol.asyncDispose]() {
      await stopFollowing()
      for (const { watchers } of orders.values()) for (const watcher of watchers) watcher.end()
    },
  }
}

/** The order that a message is about: its own stream, the order that its data names, or its payment's. */
export function orderOf(message: Pick<BusMessage, 'stream' | 'data'>): string | undefined {
  const { orderId } = message.data
  if (typeof orderId === 'string' && isId('order', orderId)) return orderId
  const id = message.stream.slice(message.stream.indexOf('-') + 1)
  if (isId('order', id)) return id
  return isId('payment', id) ? siblingId('order', id) : undefined
}
