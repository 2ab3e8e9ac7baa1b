// Declares the event bus port: one log per topic. Its adapters are in kafka/ and postgres/.
import type { JsonObject } from '#platform/domain/json.ts'
import type { EventMeta, RecordedEvent } from '#platform/event-store/event-store.ts'

/** A topic has a service's name: orders, inventory, payment, shipping. Messages of one stream stay in order. */
export type BusMessage = {
  readonly topic: string
  /** The event's position in its service's store. It rises within a topic, and identifies the message for de-duplication. */
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

export type SoftPublication = {
  /**
   * The publisher's last message, 0 if there is none: when a crash has taken it, nothing is published, so that the topic
   * stays without gaps.
   */
  readonly after: number
}

export interface EventBus extends AsyncDisposable {
  /**
   * Publishes in order; a message that the topic has already is skipped. One publisher may call it at a time. Messages are
   * on disk when it resolves. Those of a `soft` publication need not be: a crash of the bus may take them, and then all
   * messages after them as well. Resolves to false when nothing was published because it has taken what `soft` names.
   */
  publish(topic: string, events: readonly RecordedEvent[], soft?: SoftPublication): Promise<boolean>
  /**
   * Shares one checkpoint per topic in a group: one process at a time gets the messages, in order, at least once. A new
   * group begins with the oldest message that is kept; from the return on, messages are kept until it has them. Topics
   * are delivered concurrently, each one batch at a time; a delivery that throws is repeated until it succeeds.
   */
  subscribe(group: string, topics: readonly string[], deliver: Delivery): Promise<AsyncDisposable>
  /**
   * Delivers every message past `after` (past the topic's end by default) to every process that tails, in order, as for
   * a group. Throws CallerError BAD_USER_INPUT if `after` fell out of retention.
   */
  tail(
    topics: readonly string[],
    deliver: Delivery,
    after?: Readonly<Record<string, number>>,
  ): Promise<AsyncDisposable>
  /**
   * Returns messages past `after`, at most `limit` (up to 10,000). Throws CallerError BAD_USER_INPUT if `after` fell out of
   * retention; its `details.oldest` is the lowest `after` that can still be read from.
   */
  read(topic: string, after: number, limit: number): Promise<BusMessage[]>
  /** Returns the position of the topic's newest message; 0 when there is none. */
  end(topic: string): Promise<number>
}
