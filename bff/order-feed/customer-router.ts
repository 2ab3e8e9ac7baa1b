// Hands heard events on to the customers whose orders they are about, in order, reading who that is where it is not known.
import type { ChangeBuilder } from '#bff/order-feed/change-builder.ts'
import { retryUntilAborted } from '#bff/order-feed/channel-publisher.ts'
import type { EventWindow } from '#bff/order-feed/event-window.ts'
import { advancePast, type EventEntry, equalPositions, type Positions } from '#bff/order-feed/positions.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type CustomerRouter = {
  /** How far events are handed on: everything up to here, to whom it may concern. */
  positions(): Positions
  /** To be called after messages were heard. `isWanted` false: no customer watches, so nothing needs to be known. */
  advance(isWanted: boolean): void
}

export type CustomerRouterOptions<Order> = {
  readonly window: EventWindow
  readonly changes: ChangeBuilder<Order>
  /**
   * `before`: how far everything had been handed on before this event. It is a place where this process has been, which
   * between two events of different topics it may not have been: it heard them in another order than they happened.
   */
  readonly offer: (entry: EventEntry, before: Positions) => void
  /** Events past `place()` can no longer be listed; it goes on from what is heard next. */
  readonly onLost: () => void
  /** Called when something may have been handed on. */
  readonly onAdvanced: () => void
  readonly logger: Logger
  readonly signal: AbortSignal
}

/** Events looked through at a time, so that what many of them need is read together. */
const STEP = 1_000

export function createCustomerRouter<Order>(options: CustomerRouterOptions<Order>): CustomerRouter {
  const { window, changes, offer, onLost, onAdvanced, logger, signal } = options
  let place: Positions = window.positions()
  let isLearning = false

  const listUpTo = (to: Positions) => window.list({ from: place, to, accept: () => true, limit: STEP })

  function handOn(entries: readonly EventEntry[], to: Positions): void {
    for (const entry of entries) offer(entry, place)
    place = entries.length < STEP ? to : advancePast(place, entries)
  }

  /** Hands on what it can at once; false when owners must be read first. */
  function handOnKnown(): boolean {
    while (window.holds(place)) {
      const to = window.positions()
      if (equalPositions(place, to)) return true
      const entries = listUpTo(to)
      if (changes.withoutOwner(entries).length > 0) return false
      handOn(entries, to)
    }
    return false
  }

  async function learn(): Promise<void> {
    if (await retryUntilAborted(() => window.backfill(place), { logger, signal })) {
      const entries = window.holds(place) ? listUpTo(window.positions()) : []
      await changes.learnOwners(changes.withoutOwner(entries))
    } else if (!signal.aborted) {
      onLost()
      place = window.positions()
    }
  }

  async function handOnAll(): Promise<void> {
    isLearning = true
    while (!signal.aborted && !handOnKnown()) {
      onAdvanced()
      await learn()
    }
    // At once, with nothing awaited since all was seen to be handed on: what was heard in between would be left lying.
    isLearning = false
    onAdvanced()
  }

  return {
    positions: () => place,
    advance(isWanted) {
      if (isLearning) return
      if (isWanted) void handOnAll()
      else place = window.positions()
    },
  }
}
