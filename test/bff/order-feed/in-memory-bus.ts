// A bus in memory and its follower, which tests of the order feed move on by hand.
import type { BusFollower } from '#bff/bus/bus-follower.ts'
import { ORDER_TOPICS } from '#bff/bus/bus-follower.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { newId, siblingId } from '#platform/domain/ids.ts'
import type { BusMessage, EventBus } from '#platform/event-bus/event-bus.ts'
import { retentionError } from '#platform/event-bus/validation.ts'

type Topic = (typeof ORDER_TOPICS)[number]
export type InMemoryBus = Pick<EventBus, 'read' | 'end'> & {
  readonly reads: string[]
  log(topic: Topic): readonly BusMessage[]
  newest(topic: Topic): number
  publish(topic: Topic, message: Partial<BusMessage>): BusMessage
  /** Deletes what is not past `position`. */
  trim(topic: Topic, position: number): void
  /** While set, reads throw it. */
  fault: Error | undefined
}

const T0 = Date.UTC(2026, 0, 1)

export function createInMemoryBus(): InMemoryBus {
  const logs = Object.fromEntries(ORDER_TOPICS.map(topic => [topic, [] as BusMessage[]]))
  const trimmed: Record<string, number> = {}
  const ends: Record<string, number> = {}
  let published = 0
  const log = (topic: string) => logs[topic] ?? []
  return {
    reads: [],
    fault: undefined,
    log,
    newest: topic => ends[topic] ?? 0,
    publish(topic, message) {
      published += 1
      const position = (ends[topic] ?? 0) + 1
      ends[topic] = position
      const full = {
        topic,
        position,
        eventId: `${topic}-${position}`,
        stream: 'stock-mug',
        version: position,
        type: 'SomethingHappened',
        data: {},
        meta: {},
        at: new Date(T0 + published).toISOString(),
        ...message,
      }
      log(topic).push(full)
      return full
    },
    trim(topic, position) {
      trimmed[topic] = position
      logs[topic] = log(topic).filter(message => message.position > position)
    },
    async read(topic, after, limit) {
      this.reads.push(topic)
      if (this.fault) throw this.fault
      const oldest = trimmed[topic] ?? 0
      if (after < oldest) throw retentionError(topic, after, oldest)
      await turn()
      return log(topic)
        .filter(({ position }) => position > after)
        .slice(0, limit)
    },
    end: async topic => ends[topic] ?? 0,
  }
}

type InMemoryFollower = BusFollower & {
  /** Hears the next messages of a topic, all when `count` is left out. */
  hear(topic: Topic, count?: number): void
  hearAll(): void
  /** Stops to hear, and begins again at the end of every topic. */
  skip(): void
  holders(): number
  /** The messages that listeners have received or are receiving. */
  told(): PositionVector
}

export function followInMemory(bus: InMemoryBus): InMemoryFollower {
  const heard: Record<string, number> = {}
  const listeners = new Set<(messages: readonly BusMessage[]) => void>()
  const beginners = new Set<(from: Readonly<Record<string, number>>) => void>()
  let from: Record<string, number> | undefined
  let holders = 0
  let told: PositionVector = {}
  const begin = () => {
    for (const topic of ORDER_TOPICS) heard[topic] = bus.newest(topic)
    from = { ...heard }
    told = from
    for (const listener of beginners) listener(from)
  }
  const follower: InMemoryFollower = {
    async hold() {
      if (!from) begin()
      holders += 1
      return {
        [Symbol.dispose]() {
          holders -= 1
        },
      }
    },
    touch: () => undefined,
    listen: listener => joined(listeners, listener),
    onFollow: listener => joined(beginners, listener),
    onGap: () => ({ [Symbol.dispose]: () => {} }),
    heard: () => heard,
    hear(topic, count = Number.POSITIVE_INFINITY) {
      const messages = bus
        .log(topic)
        .filter(({ position }) => position > (heard[topic] ?? 0))
        .slice(0, count)
      if (!from || messages.length === 0) return
      told = { ...heard, [topic]: messages.at(-1)?.position ?? 0 }
      for (const listener of listeners) listener(messages)
      heard[topic] = messages.at(-1)?.position ?? 0
    },
    hearAll() {
      for (const topic of ORDER_TOPICS) follower.hear(topic)
    },
    skip: begin,
    holders: () => holders,
    told: () => told,
    async [Symbol.asyncDispose]() {},
  }
  return follower
}

function joined<Listener>(listeners: Set<Listener>, listener: Listener): Disposable {
  listeners.add(listener)
  return { [Symbol.dispose]: () => void listeners.delete(listener) }
}

/** Lets everything that is ready run. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** `at` is what the state contains. */
export type TestOrder = {
  readonly id: string
  readonly customer: string
  readonly events: number
  readonly at?: PositionVector
}
export type Buyer = { readonly id: string; readonly customer: string }

export function buyer(customer: string): Buyer {
  return { id: newId('order'), customer }
}

/** An event of the order as the topic's service would record it; it names the customer only if `named`. */
export function publishAbout(
  bus: InMemoryBus,
  topic: Topic,
  { id, customer }: Buyer,
  named = false,
): BusMessage {
  const data = { ...(named && { customerId: customer }) }
  const meta = { actor: id }
  if (topic === 'orders') return bus.publish(topic, { stream: `order-${id}`, data, meta })
  if (topic === 'payment')
    return bus.publish(topic, { stream: `payment-${siblingId('payment', id)}`, data, meta })
  return bus.publish(topic, { data: { ...data, orderId: id }, meta })
}
