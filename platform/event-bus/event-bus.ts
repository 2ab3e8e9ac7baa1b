// The event bus port: a log per topic that other services follow. Adapters: event-bus.*.ts. Free of any driver.

import type { JsonObject } from '#platform/domain/json.ts'
import type { EventMeta, RecordedEvent } from '#platform/event-store/event-store.ts'

/** A topic is a service's name: orders, inventory, payment, shipping. Order holds per key, which is the stream. */
export type BusMessage = {
  readonly topic: string
  /** The event's position in its service's store: rises within a topic, and names the message for de-duplication. */
  readonly position: number
  readonly eventId: string
  readonly stream: string
  readonly version: number
  readonly type: string
  readonly data: JsonObject
  readonly meta: EventMeta
  readonly at: string
}

export type Delivery = (messages: readonly BusMessage[]) => Promise<void>

export interface EventBus extends AsyncDisposable {
  /** Publishes in order; a message that the topic already has is left alone. Called by one publisher at a time. */
  publish(topic: string, events: readonly RecordedEvent[]): Promise<void>
  /** A group shares one checkpoint per topic: one process at a time gets the messages, in order, at least once. */
  subscribe(group: string, topics: readonly string[], deliver: Delivery): Promise<AsyncDisposable>
  /** Every process that tails gets every message past `after` (past the topic's end when left out), in order. */
  tail(
    topics: readonly string[],
    deliver: Delivery,
    after?: Readonly<Record<string, number>>,
  ): Promise<AsyncDisposable>
  /** Messages past `after`, at most `limit` (to 10,000). Throws CallerError BAD_USER_INPUT if `after` fell out of retention. */
  read(topic: string, after: number, limit: number): Promise<BusMessage[]>
  /** The position of the topic's newest message; 0 when there is none. */
  end(topic: string): Promise<number>
}
