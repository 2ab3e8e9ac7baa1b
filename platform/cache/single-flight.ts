// Runs one load of a key at a time in this process; requests meanwhile wait for its outcome if it can answer them.
import type { CacheResult } from '#platform/cache/cache.ts'
import type { Fences } from '#platform/cache/fences.ts'
import { covers, type PositionVector } from '#platform/consistency/position-vector.ts'

/** The outcome of a flight holds the loaded value, whether the cache keeps it or not. */
export type FlightOutcome<T> = {
  readonly result: CacheResult<T>
  readonly at: PositionVector
  readonly tags: readonly string[]
}

export type Flight<T = unknown> = {
  /** A moment of the fences: the outcome contains what changed before it. */
  readonly startedAt: number
  /** The outcome contains at least these positions, unless the load fails. */
  readonly promised: PositionVector
  readonly tags: readonly string[]
  readonly outcome: Promise<FlightOutcome<T>>
}

export type SingleFlight = {
  /** Returns the flight that a request which must see `required` may wait for now. */
  find(key: string, required: PositionVector): Flight | undefined
  /** Returns whether the outcome lacks nothing that had changed at `requestedAt`. */
  answers(flight: Flight, outcome: FlightOutcome<unknown>, requestedAt: number): boolean
  /** Replaces an older flight of the key, which goes on for those who wait for it. */
  start<T>(
    key: string,
    flight: Pick<Flight, 'promised' | 'tags'>,
    run: () => Promise<FlightOutcome<T>>,
  ): Flight<T>
  isInFlight(key: string): boolean
}

export function createSingleFlight(fences: Fences): SingleFlight {
  const flights = new Map<string, Flight>()
  return {
    find(key, required) {
      const flight = flights.get(key)
      if (!flight || !covers(flight.promised, required)) return undefined
      return fences.changedSince(flight.tags, flight.startedAt) ? undefined : flight
    },
    answers: (flight, { at, tags }, requestedAt) =>
      flight.startedAt >= requestedAt ||
      !fences.changedSince(tags, flight.startedAt) ||
      fences.admits(tags, at),
    start(key, { promised, tags }, run) {
      const runAndRemove = async () => {
        try {
          return await run()
        } finally {
          if (flights.get(key) === flight) flights.delete(key)
        }
      }
      const outcome = Promise.resolve().then(runAndRemove) // the flight is in the map before it ends
      const flight = { startedAt: fences.moment(), promised, tags, outcome }
      flights.set(key, flight)
      return flight
    },
    isInFlight: key => flights.has(key),
  }
}
