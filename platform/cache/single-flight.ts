// One load of a key at a time in this process: who asks meanwhile waits for it, if it can answer. Free of tiers.
import type { CacheResult } from '#platform/cache/cache.ts'
import type { Fences } from '#platform/cache/fences.ts'
import { covers, type PositionVector } from '#platform/consistency/position-vector.ts'

/** What came of a flight, kept or not. */
export type Landed<T> = {
  readonly cached: CacheResult<T>
  readonly at: PositionVector
  readonly tags: readonly string[]
}

export type Flight<T = unknown> = {
  /** As of the fences, when it began: what changed before it is in it. */
  readonly moment: number
  /** What it will contain at the least, if nothing fails. */
  readonly promised: PositionVector
  readonly tags: readonly string[]
  readonly landing: Promise<Landed<T>>
}

export type Flights = {
  /** A flight under way that somebody who asks now, and must see `required`, may wait for. */
  find(key: string, required: PositionVector): Flight | undefined
  /** Whether what came of `flight` answers somebody who asked at `asked`: nothing that had changed by then is missing. */
  answers(flight: Flight, landed: Landed<unknown>, asked: number): boolean
  /** Takes the place of an older flight of the key, which goes on for those who wait for it. */
  start<T>(key: string, flight: Omit<Flight, 'moment' | 'landing'>, fly: () => Promise<Landed<T>>): Flight<T>
  underWay(key: string): boolean
}

export function createFlights(fences: Fences): Flights {
  const flights = new Map<string, Flight>()
  return {
    find(key, required) {
      const flight = flights.get(key)
      if (!flight || !covers(flight.promised, required)) return undefined
      return fences.changedSince(flight.tags, flight.moment) ? undefined : flight
    },
    answers: (flight, landed, asked) =>
      flight.moment >= asked ||
      !fences.changedSince(landed.tags, flight.moment) ||
      fences.admits(landed.tags, landed.at),
    start(key, { promised, tags }, fly) {
      const land = async () => {
        try {
          return await fly()
        } finally {
          if (flights.get(key) === flight) flights.delete(key)
        }
      }
      const moment = fences.moment()
      const landing = Promise.resolve().then(land) // `flight` is there before anything lands
      const flight = { moment, promised, tags, landing }
      flights.set(key, flight)
      return flight
    },
    underWay: key => flights.has(key),
  }
}
