// Maps keywords in the delivery instructions to scenarios of the sandbox carrier.
import type { CarrierNotice } from './carrier.ts'

type Step = CarrierNotice['status']

/** Each journey lists its notices in order. */
const JOURNEYS = {
  normal: ['DISPATCHED', 'IN_TRANSIT', 'OUT_FOR_DELIVERY', 'DELIVERED'],
  lose: ['DISPATCHED', 'IN_TRANSIT', 'LOST'],
  stop: ['DISPATCHED'],
} as const satisfies Record<string, readonly Step[]>
export type Journey = keyof typeof JOURNEYS

export const STEP_TEXTS: Readonly<Record<Step, string>> = {
  DISPATCHED: 'Collected by the carrier',
  IN_TRANSIT: 'On its way to the delivery depot',
  OUT_FOR_DELIVERY: 'Out for delivery',
  DELIVERED: 'Delivered',
  LOST: 'Lost by the carrier',
}

export type Scenario = {
  readonly journey: Journey
  readonly pace: 'steps' | 'at-once'
  /** True when the parcel waits for a request to collect it. */
  readonly held: boolean
  readonly booking: 'taken' | 'refused' | 'down' | 'answer-lost-once'
}

/**
 * SANDBOX_REFUSE refuses the booking; SANDBOX_DOWN never responds; SANDBOX_FAIL_ONCE books, but its first response is
 * lost; SANDBOX_HOLD is never collected of itself; SANDBOX_STOP_AFTER_DISPATCH stops there; SANDBOX_LOSE is lost
 * after in transit; SANDBOX_FAST takes all steps at once. Without any of them a parcel takes one step at a time.
 */
export function scenarioOf(instructions: string | null): Scenario {
  const says = (word: string): boolean => instructions?.includes(word) ?? false
  return {
    journey: says('SANDBOX_STOP_AFTER_DISPATCH') ? 'stop' : says('SANDBOX_LOSE') ? 'lose' : 'normal',
    pace: says('SANDBOX_FAST') ? 'at-once' : 'steps',
    held: says('SANDBOX_HOLD'),
    booking: bookingOf(says),
  }
}

function bookingOf(says: (word: string) => boolean): Scenario['booking'] {
  if (says('SANDBOX_DOWN')) return 'down'
  if (says('SANDBOX_REFUSE')) return 'refused'
  return says('SANDBOX_FAIL_ONCE') ? 'answer-lost-once' : 'taken'
}

/** Returns the step at `index` of a journey, or undefined past its end. */
export function stepAt(journey: Journey, index: number): Step | undefined {
  return JOURNEYS[journey][index]
}
