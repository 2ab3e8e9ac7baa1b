// The cache: tier 1, tier 2 where there is one, and loads, held to the fences. Free of any driver.
import type { Cache, CacheResult, GetOptions, Lease, LoadResult } from '#platform/cache/cache.ts'
import { createFences } from '#platform/cache/fences.ts'
import { createEntry, createMemoryTier, type Entry } from '#platform/cache/memory-tier.ts'
import type { CacheMetrics } from '#platform/cache/metrics.ts'
import type { Claim, Kept, SharedTier } from '#platform/cache/remote-tier.ts'
import { createFlights, type Flight, type Landed } from '#platform/cache/single-flight.ts'
import {
  covers,
  coverTogether,
  mergePositions,
  NO_POSITIONS,
  type PositionVector,
} from '#platform/consistency/position-vector.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

export type TieredCacheOptions = {
  readonly name: string
  readonly maxBytes: number
  readonly logger: Logger
  /** Milliseconds, of `performance.now()`. */
  readonly now: () => number
  readonly metrics: CacheMetrics
  /** None when left out. The cache's to dispose of. */
  readonly tier2?: SharedTier
}

const NEGATIVE_TTL_MS = 5_000
const MAX_TAGS = 300
/** After a renewal that failed, a stale value is served so long before the next one. */
const RENEWAL_PAUSE_MS = 1_000
/** Of a time to live, at the most this part is taken away at random. */
const JITTER = 0.1

type Request<T> = {
  readonly key: string
  readonly load: () => Promise<LoadResult<T>>
  readonly options: GetOptions<T>
  readonly required: PositionVector
}

type Arrival<T> = {
  readonly value: T | undefined
  readonly at: PositionVector
  readonly tags: readonly string[]
  /** How long ago it was loaded. */
  readonly age: number
}

export function createTieredCache(tieredOptions: TieredCacheOptions): Cache {
  const { name, maxBytes, logger, now, metrics, tier2 } = tieredOptions
  const fences = createFences()
  const flights = createFlights(fences)
  const memory = createMemoryTier({ maxBytes, onEvict: () => metrics.evictions.inc() })
  const measuring = setInterval(() => metrics.bytes.set(memory.bytes()), 1_000).unref()
  let heard = NO_POSITIONS
  let state: 'new' | 'following' | 'deaf' = 'new'

  /** A value that lacks no change of its tags contains all that was heard, too. */
  function shows(at: PositionVector, required: PositionVector): boolean {
    return coverTogether(at, heard, required)
  }

  function landedShows({ at, tags }: Landed<unknown>, required: PositionVector): boolean {
    return fences.admits(tags, at) ? shows(at, required) : covers(at, required)
  }

  async function obtain<T>(request: Request<T>, entry: Entry | undefined): Promise<CacheResult<T>> {
    if (entry && now() < entry.staleUntil && shows(entry.lease.at, request.required)) {
      renew(request, entry)
      metrics.stale.inc()
      return entry.stale as CacheResult<T> // the key tells the type
    }
    const { cached } = await landed(request)
    count(cached)
    return cached
  }

  /** Waits for a flight that is under way, or starts one. */
  async function landed<T>(request: Request<T>): Promise<Landed<T>> {
    const asked = fences.moment()
    for (;;) {
      const flight = flights.find(request.key, request.required) as Flight<T> | undefined // the key tells the type
      if (!flight) return depart(request, false).landing
      const outcome = await flight.landing
      if (flights.answers(flight, outcome, asked) && landedShows(outcome, request.required)) return outcome
      if (flight.moment >= asked) return depart(request, false).landing // a later one would lack as much
    }
  }

  function depart<T>(request: Request<T>, renewal: boolean): Flight<T> {
    const { key, required, options } = request
    const flight = { promised: mergePositions(heard, required), tags: options.tags.always }
    return flights.start(key, flight, () => fly(request, renewal)) as Flight<T>
  }

  async function fly<T>(request: Request<T>, renewal: boolean): Promise<Landed<T>> {
    if (!tier2 || state !== 'following') return load(request)
    const { key, required, options } = request
    /** A renewal has no use for what has gone stale already. */
    const judge = (kept: Kept): boolean =>
      isCurrent(kept) &&
      shows(kept.at, required) &&
      kept.age < (renewal ? ttlOf(options, kept.value) : lifeOf(options, kept.value))
    const exclusive = covers(heard, required) // else what another process loads may lack what is required
    const { kept, claim } = await tier2.find({ key, exclusive, judge })
    return kept ? arriveFromTier2(request, kept) : load(request, claim)
  }

  function isCurrent({ tags, at }: Kept): boolean {
    const admitted = fences.admits(tags, at)
    if (!admitted) metrics.fenced.inc()
    return admitted
  }

  function arriveFromTier2<T>(request: Request<T>, kept: Kept): Landed<T> {
    const arrival = { ...kept, value: kept.value as T | undefined } // the key tells the type
    const entry = keep(request.key, arrival, request.options)
    const stale = kept.age >= ttlOf(request.options, kept.value)
    if (stale && entry) setImmediate(() => renew(request, entry)) // once this flight has landed
    const cached: CacheResult<T> = {
      value: arrival.value,
      source: stale ? 'stale' : 'remote',
      lease: entry?.lease,
    }
    return { cached, at: kept.at, tags: kept.tags }
  }

  async function load<T>({ key, load, options }: Request<T>, claim?: Claim): Promise<Landed<T>> {
    const heardBefore = heard
    const began = now()
    try {
      const { value, at, keep: whole = true } = await load()
      metrics.loaded('ok', now() - began)
      const arrival = {
        value,
        at: at ? mergePositions(heardBefore, at) : heardBefore,
        tags: tagsOf(options, value),
        age: 0,
      }
      const entry = whole ? keep(key, arrival, options) : undefined
      share(arrival, entry, options, claim)
      return { cached: { value, source: 'load', lease: entry?.lease }, at: arrival.at, tags: arrival.tags }
    } catch (error) {
      claim?.release()
      metrics.loaded('failed', now() - began)
      throw error
    }
  }

  /** Hands what was kept here on to other processes. */
  function share<T>(
    { value, at, tags, age }: Arrival<T>,
    entry: Entry<T> | undefined,
    options: GetOptions<T>,
    claim?: Claim,
  ): void {
    if (!tier2 || !entry) {
      claim?.release()
      return
    }
    const { key, lease } = entry
    const lifeMs = lifeOf(options, value)
    tier2.keep({ key, value, at, tags, age, lifeMs, isWanted: () => lease.current, claim })
  }

  /** Undefined when it must not be kept, or cannot. */
  function keep<T>(key: string, arrival: Arrival<T>, options: GetOptions<T>): Entry<T> | undefined {
    const { value, at, tags, age } = arrival
    if (state !== 'following') return undefined
    if (tags.length > MAX_TAGS) return unkept('tags')
    if (!fences.admits(tags, at)) return unkept('changed')
    const before = memory.get(key)
    if (before && now() < before.staleUntil && !covers(at, before.lease.at)) return undefined
    const freshFor = ttlOf(options, value) * (1 - JITTER * Math.random())
    const entry = createEntry({
      key,
      value,
      at,
      tags,
      freshUntil: now() + freshFor - age,
      staleUntil: now() + lifeOf(options, value) - age,
    })
    return memory.set(entry, value) ? entry : unkept('size')
  }

  function unkept(reason: 'changed' | 'tags' | 'size'): undefined {
    metrics.unkept(reason)
    return undefined
  }

  function renew<T>(request: Request<T>, entry: Entry): void {
    if (flights.underWay(request.key) || now() < entry.renewAfter) return
    depart(request, true).landing.catch(error => {
      entry.renewAfter = now() + RENEWAL_PAUSE_MS
      logger.warn({ err: error, cache: name }, 'a cached value could not be renewed; the stale one is served')
    })
  }

  function count({ source }: CacheResult<unknown>): void {
    if (source === 'remote') metrics.remoteHits.inc()
    else if (source === 'stale') metrics.stale.inc()
    else metrics.misses.inc()
  }

  function change(tags: readonly string[], at: PositionVector): void {
    let dropped = 0
    for (const tag of tags) {
      fences.raise(tag, at)
      dropped += memory.drop(tag, at)
    }
    if (dropped > 0) metrics.dropped.inc(dropped)
  }

  return {
    get<T>(key: string, load: () => Promise<LoadResult<T>>, options: GetOptions<T>) {
      const { required = NO_POSITIONS } = options
      const entry = memory.get(key)
      if (entry && now() < entry.lease.freshUntil && shows(entry.lease.at, required)) {
        metrics.memoryHits.inc()
        return entry.hit as Promise<CacheResult<T>> // the key tells the type
      }
      return obtain({ key, load, options, required }, entry)
    },
    put(key, value, options) {
      const { at } = options
      const arrival = { value, at, tags: tagsOf(options, value), age: 0 }
      share(arrival, keep(key, arrival, options), options)
    },
    invalidate(tags, at) {
      if (state !== 'new') change(tags, at)
    },
    applyEvent(topic, position, tags) {
      if (state === 'new') return
      heard = mergePositions(heard, { [topic]: position })
      change(tags, { [topic]: position })
    },
    resume(from) {
      const heardAll = state !== 'new' && covers(heard, from)
      heard = mergePositions(heard, from)
      if (!heardAll) fences.restart(heard)
      state = 'following'
    },
    suspend() {
      if (state === 'following') state = 'deaf'
      memory.clear()
    },
    observed: () => heard,
    isServable: (lease: Lease, required) =>
      lease.current && now() < lease.freshUntil && shows(lease.at, required),
    remoteState: () => tier2?.state() ?? 'none',
    async [Symbol.asyncDispose]() {
      clearInterval(measuring)
      state = 'deaf'
      memory.clear()
      await tier2?.[Symbol.asyncDispose]()
    },
  }
}

function tagsOf<T>({ tags: { always, of } }: GetOptions<T>, value: T | undefined): readonly string[] {
  if (value === undefined || !of) return always
  return [...new Set([...always, ...of(value)])]
}

function ttlOf({ ttlMs, negativeTtlMs = NEGATIVE_TTL_MS }: GetOptions<never>, value: unknown): number {
  return value === undefined ? negativeTtlMs : ttlMs
}

/** Fresh and stale. "Not there" does not go stale: it ends. */
function lifeOf(options: GetOptions<never>, value: unknown): number {
  return value === undefined ? ttlOf(options, value) : options.ttlMs + (options.staleMs ?? options.ttlMs)
}
