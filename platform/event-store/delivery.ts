// Delivers events to a consumer's handler: retries, parks what keeps failing, and keeps each stream's order.

import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import { fullJitter } from '#platform/resilience/backoff.ts'
import { isOutage } from '#platform/resilience/outage.ts'

export type DeliveryFailure = { readonly error: string; readonly attempts: number }

/** Why an event is parked. `behind` is set when it only waits for an earlier one of its stream. */
export type ParkingReason = DeliveryFailure & { readonly behind?: number }

export type Delivery = {
  readonly handle: (events: readonly RecordedEvent[]) => Promise<void>
  /** Attempts at one event before it is parked. */
  readonly attempts: number
  /** Streams with parked events, and the first one's position. Later events of theirs are parked behind it. */
  readonly parked: Map<string, number>
  readonly park: (events: readonly RecordedEvent[], reason: ParkingReason) => Promise<void>
  /** True when the store itself cannot be reached: no event is to blame. */
  readonly isStoreAway: () => Promise<boolean>
  /** Waits; throws when the consumer is to stop. */
  readonly pause: (ms: number) => Promise<void>
  readonly onFailure: (error: unknown) => void
}

/** The most streams with parked events: a handler that fails for every event stops the consumer instead of parking the log. */
const MAX_PARKED_STREAMS = 1_000
const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 5_000

/** Resolves once every event is handled or parked. A batch that throws is delivered again, event by event. */
export async function deliverEvents(delivery: Delivery, events: readonly RecordedEvent[]): Promise<void> {
  const free = await parkFollowers(delivery, events)
  if (free.length === 0 || (await isHandled(delivery, free))) return
  for (const event of free) {
    const [unblocked] = await parkFollowers(delivery, [event])
    if (!unblocked) continue
    const failure = await deliverEvent(delivery, event)
    if (!failure) continue
    await delivery.park([event], failure)
    delivery.parked.set(event.stream, event.position)
  }
}

/** Resolves to undefined once the event is handled, to a failure when its attempts are used up. An outage uses up none. */
export async function deliverEvent(
  delivery: Delivery,
  event: RecordedEvent,
): Promise<DeliveryFailure | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      await handleAfterOutages(delivery, [event])
      return undefined
    } catch (error) {
      if (isStopping(error)) throw error
      delivery.onFailure(error)
      if (attempt >= delivery.attempts && delivery.parked.size < MAX_PARKED_STREAMS)
        return { error: describe(error), attempts: attempt }
      await delivery.pause(fullJitter(attempt, FIRST_RETRY_MS, LAST_RETRY_MS))
    }
  }
}

async function isHandled(delivery: Delivery, events: readonly RecordedEvent[]): Promise<boolean> {
  try {
    await handleAfterOutages(delivery, events)
    return true
  } catch (error) {
    if (isStopping(error)) throw error
    delivery.onFailure(error)
    return false
  }
}

/** Parks the events that follow a parked one of their stream, and returns the others. */
async function parkFollowers(
  delivery: Delivery,
  events: readonly RecordedEvent[],
): Promise<readonly RecordedEvent[]> {
  if (delivery.parked.size === 0) return events
  const followers = new Map<number, RecordedEvent[]>()
  const free: RecordedEvent[] = []
  for (const event of events) {
    const behind = delivery.parked.get(event.stream)
    if (behind === undefined) free.push(event)
    else followers.set(behind, [...(followers.get(behind) ?? []), event])
  }
  for (const [behind, parked] of followers)
    await delivery.park(parked, {
      behind,
      error: `waits for position ${behind}, which failed`,
      attempts: 0,
    })
  return free
}

/** Thrown when the consumer is to stop. It never counts as a failure of an event. */
export class ConsumerStopped extends Error {}

function isStopping(error: unknown): boolean {
  return error instanceof ConsumerStopped
}

/** Calls the handler until it fails for another reason than an outage of an engine. */
async function handleAfterOutages(delivery: Delivery, events: readonly RecordedEvent[]): Promise<void> {
  for (let outages = 0; ; outages++) {
    await delivery.pause(outages === 0 ? 0 : fullJitter(outages, FIRST_RETRY_MS, LAST_RETRY_MS))
    try {
      return await delivery.handle(events)
    } catch (error) {
      if (!isOutage(error) && !(await delivery.isStoreAway())) throw error
      delivery.onFailure(error)
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
