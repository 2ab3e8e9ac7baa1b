// Routes events to the customers whose orders they are about, in order, and reads the owners that are not known yet.
import type { ChangeBuilder } from '#bff/order-feed/change-builder.ts'
import type { EventWindow } from '#bff/order-feed/event-window.ts'
import { advancePast, type EventEntry, equalPositions, type Positions } from '#bff/order-feed/positions.ts'

type CustomerRouter = {
  /** Returns how far events are routed. */
  positions(): Positions
  /** Routes the events that were received. */
  advance(): void
  /** Passes over the events that were received, because no customer watches. */
  skip(): void
}

type CustomerRouterOptions<Order> = {
  readonly window: EventWindow
  readonly changes: ChangeBuilder<Order>
  /**
   * Called with each event and how far events were routed before it. Those are positions at which this process has
   * been, which between two events of different topics it may not have been: it can receive them in another order than
   * they happened.
   */
  readonly onEvent: (entry: EventEntry, before: Positions) => void
  /** Called when events past `positions()` can no longer be listed; routing goes on with what is received next. */
  readonly onLost: () => void
  /** Called when events may have been routed. */
  readonly onAdvanced: () => void
  readonly signal: AbortSignal
}

/** Events looked through at a time, so that the owners that many of them need are read together. */
const STEP = 1_000

export function createCustomerRouter<Order>(options: CustomerRouterOptions<Order>): CustomerRouter {
  const { window, changes, onEvent, onLost, onAdvanced, signal } = options
  let positions: Positions = window.positions()
  let isRouting = false

  const listUpTo = (to: Positions) => window.list({ from: positions, to, accept: () => true, limit: STEP })

  function routeEntries(entries: readonly EventEntry[], to: Positions): void {
    for (const entry of entries) onEvent(entry, positions)
    positions = entries.length < STEP ? to : advancePast(positions, entries)
  }

  /** Routes what it can at once. Returns false when owners must be read first. */
  function routeKnown(): boolean {
    while (window.holds(positions)) {
      const to = window.positions()
      if (equalPositions(positions, to)) return true
      const entries = listUpTo(to)
      if (changes.withoutOwner(entries).length > 0) return false
      routeEntries(entries, to)
    }
    return false
  }

  async function learnOwners(): Promise<void> {
    if (await window.backfill(positions)) {
      const entries = window.holds(positions) ? listUpTo(window.positions()) : []
      await changes.learnOwners(changes.withoutOwner(entries))
    } else if (!signal.aborted) {
      onLost()
      positions = window.positions()
    }
  }

  async function routeAll(): Promise<void> {
    isRouting = true
    while (!signal.aborted && !routeKnown()) {
      onAdvanced()
      await learnOwners()
    }
    // This must run in the same turn as the last `routeKnown`, or events that are received in between would be left.
    isRouting = false
    onAdvanced()
  }

  return {
    positions: () => positions,
    advance() {
      if (!isRouting) void routeAll()
    },
    skip() {
      if (!isRouting) positions = window.positions()
    },
  }
}
