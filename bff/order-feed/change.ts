// What a subscriber to orders gets: changes, each with the events behind it and a cursor to go on from. Types only.

/** Something that happened to an order, in whichever service. */
export type OrderEvent = {
  /** To go on behind this event, in the scope of the subscription. */
  readonly cursor: string
  readonly id: string
  readonly type: string
  readonly service: string
  readonly orderId: string
  readonly at: string
}

/**
 * PRESENT: the state at the start, without events. CHANGED: `events`, each once and in order, and the state of each
 * order that they are about, as it is after the last of them or newer. RESTARTED: the cursor fell out of what can be
 * listed; the present state instead.
 */
export type Change<Order> = {
  readonly kind: 'PRESENT' | 'CHANGED' | 'RESTARTED'
  readonly cursor: string
  readonly events: readonly OrderEvent[]
  readonly orders: readonly Order[]
}

/** What a subscription is about: one order, all of a customer's, or all. A cursor holds for its own scope only. */
export type Scope = { readonly order: string } | { readonly customer: string } | { readonly all: true }

/**
 * A stream whose items may be turned into answers once for all its readers: readers with equal `audience` that get the
 * same object as an item (by identity) see the same answer to the same selection in the same language. Undefined when
 * an answer depends on who reads it.
 */
export type SharedStream<Item> = AsyncIterableIterator<Item> & { readonly audience?: string | undefined }
