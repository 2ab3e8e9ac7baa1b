// The types that subscribers to orders see: changes, the events behind them, and cursors to resume from.

/** Something that happened to an order, in any service. */
export type OrderEvent = {
  /** Resumes a subscription of the same scope after this event. */
  readonly cursor: string
  readonly id: string
  readonly type: string
  readonly service: string
  readonly orderId: string
  readonly at: string
}

/**
 * PRESENT is the state at the start, without events. CHANGED holds new `events`, each once and in order per service, and
 * the state of every order that they are about, as it was after the last of them or newer. RESTARTED is the present
 * state again, because the events after the cursor can no longer be listed.
 */
export type Change<Order> = {
  readonly kind: 'PRESENT' | 'CHANGED' | 'RESTARTED'
  readonly cursor: string
  readonly events: readonly OrderEvent[]
  readonly orders: readonly Order[]
}

/** A subscription is about one order, all orders of a customer, or all orders. A cursor is valid for its own scope. */
export type Scope = { readonly order: string } | { readonly customer: string } | { readonly all: true }

/**
 * A stream whose items may be executed once for all readers: readers of equal `audience` that get the same item, by
 * identity, see the same result of the same selection in the same language. It is undefined when results depend on who
 * reads them.
 */
export type SharedStream<Item> = AsyncIterableIterator<Item> & { readonly audience?: string | undefined }
