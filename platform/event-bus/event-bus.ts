// The event bus port: a log per topic that other services follow. Adapters: kafka/, postgres/. Free of any driver.

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
  /**
   * A group shares one checkpoint per topic: one process at a time gets the messages, in order, at least once. A new
   * group begins with the oldest message that is kept; from the return on, what it has yet to get is kept for it. Topics are delivered side by side, each one batch at a time; a
   * delivery that throws is made again until it succeeds.
   */
  subscribe(group: string, topics: readonly string[], deliver: Delivery): Promise<AsyncDisposable>
  /**
   * Every process that tails gets every message past `after` (past the topic's end when left out), in order, delivered
   * as for a group. Throws CallerError BAD_USER_INPUT if `after` fell out of retention.
   */
  tail(
    topics: readonly string[],
    deliver: Delivery,
    after?: Readonly<Record<string, number>>,
  ): Promise<AsyncDisposable>
  /**
   * Messages past `after`, at most `limit` (to 10,000). Throws CallerError BAD_USER_INPUT if `after` fell out of
   * retention; its `details.oldest` is the lowest `after` that can still be read from.
   */
  read(topic: string, after: number, limit: number): Promise<BusMessage[]>
  /** The position of the topic's newest message; 0 when there is none. */
  end(topic: string): Promise<number>
}
