// The two-tier cache: looks a key up in memory, then in the remote tier, then loads it once, and keeps only what no change has touched.
import type { Cache, CacheResult, GetOptions, Lease, LoadResult } from '#platform/cache/cache.ts'
import { createFences, type Fences } from '#platform/cache/fences.ts'
import { createEntry, createMemoryTier, type Entry, type MemoryTier } from '#platform/cache/memory-tier.ts'
import type { CacheMetrics, UnkeptReason } from '#platform/cache/metrics.ts'
import type { RemoteTier } from '#platform/cache/remote-tier.ts'
import {
  createSingleFlight,
  type Flight,
  type FlightOutcome,
  type SingleFlight,
} from '#platform/cache/single-flight.ts'
import type { Claim, RemoteValue } from '#platform/cache/write-behind.ts'
import {
  covers,
  coverTogether,
  mergePositions,
  NO_POSITIONS,
  type PositionVector,
} from '#platform/consistency/position-vector.ts'
import type { Logger } from '#platform/telemetry/logger.ts'

type TieredCacheOptions = {
  readonly name: string
  readonly maxBytes: number
  readonly logger: Logger
  /** Milliseconds, as `performance.now()`. */
  readonly now: () => number
  readonly metrics: CacheMetrics
  /** The cache disposes of it. Without one, memory is the only tier. */
  readonly remote?: RemoteTier
}

const NEGATIVE_TTL_MS = 5_000
const MAX_TAGS = 300
/** How long a stale value is served after a failed renewal before the next renewal. */
const RENEWAL_PAUSE_MS = 1_000
/** The largest part of a time to live that is taken away at random. */
const JITTER = 0.1

/** The state of one cache, which the functions below share. */
type Self = TieredCacheOptions & {
  readonly fences: Fences
  readonly flights: SingleFlight
  readonly memory: MemoryTier
  /** How far each topic has been observed. */
  observed: PositionVector
  /** Values are kept while the cache is active: while every change is reported to it. */
  phase: 'new' | 'active' | 'suspended'
}

type Request<T> = {
  readonly key: string
  readonly load: () => Promise<LoadResult<T>>
  readonly options: GetOptions<T>
  readonly required: PositionVector
}

/** A value that comes from the remote tier, a load or a write. */
type NewValue<T> = RemoteValue & { readonly value: T | undefined }

export function createTieredCache(tieredOptions: TieredCacheOptions): Cache {
  const self = createSelf(tieredOptions)
  const { memory, metrics, remote } = self
  const measuring = setInterval(() => metrics.bytes.set(memory.bytes()), 1_000).unref()
  return {
    get<T>(key: string, load: () => Promise<LoadResult<T>>, options: GetOptions<T>) {
      const { required = NO_POSITIONS } = options
      const entry = memory.get(key)
      if (entry && isFresh(self, entry.lease, required)) {
        metrics.memoryHits.inc()
        return entry.hit as Promise<CacheResult<T>> // the key tells the type
      }
      return getPastMemory(self, { key, load, options, required }, entry)
    },
    put(key, value, options) {
      const written = { value, at: options.at, tags: tagsOf(options, value), age: 0 }
      shareWithOthers(self, written, { options, entry: keepInMemory(self, { key, options }, written) })
    },
    invalidate(tags, at) {
      if (self.phase !== 'new') invalidate(self, tags, at)
    },
    applyEvent(topic, position, tags) {
      if (self.phase === 'new') return
      const change = { [topic]: position }
      self.observed = mergePositions(self.observed, change)
      invalidate(self, tags, change)
    },
    resume: from => resume(self, from),
    suspend() {
      if (self.phase === 'active') self.phase = 'suspended'
      memory.clear()
    },
    observed: () => self.observed,
    isServable: (lease, required) => lease.current && isFresh(self, lease, required),
    remoteState: () => remote?.state() ?? 'none',
    async [Symbol.asyncDispose]() {
      clearInterval(measuring)
      self.phase = 'suspended'
      memory.clear()
      await remote?.[Symbol.asyncDispose]()
    },
  }
}

function createSelf(options: TieredCacheOptions): Self {
  const { maxBytes, metrics } = options
  const fences = createFences()
  return {
    ...options,
    fences,
    flights: createSingleFlight(fences),
    memory: createMemoryTier({ maxBytes, onEvict: () => metrics.evictions.inc() }),
    observed: NO_POSITIONS,
    phase: 'new',
  }
}

function isFresh(self: Self, { at, freshUntil }: Lease, required: PositionVector): boolean {
  return self.now() < freshUntil && reflects(self, at, required)
}

/** A value that lacks no change of its tags reflects everything observed, too. */
function reflects({ observed }: Self, at: PositionVector, required: PositionVector): boolean {
  return coverTogether(at, observed, required)
}

/** Serves the stale entry while it is renewed, or what a flight brings. */
async function getPastMemory<T>(self: Self, request: Request<T>, entry?: Entry): Promise<CacheResult<T>> {
  const { metrics } = self
  if (entry && self.now() < entry.staleUntil && reflects(self, entry.lease.at, request.required)) {
    renew(self, request, entry)
    metrics.stale.inc()
    return entry.stale as CacheResult<T> // the key tells the type
  }
  const { result } = await joinFlight(self, request)
  if (result.source === 'remote') metrics.remoteHits.inc()
  else if (result.source === 'stale') metrics.stale.inc()
  else metrics.misses.inc()
  return result
}

/** Waits for the flight of the key, or starts one where there is none that can answer this request. */
async function joinFlight<T>(self: Self, request: Request<T>): Promise<FlightOutcome<T>> {
  const { fences, flights } = self
  const requestedAt = fences.moment()
  for (;;) {
    const flight = flights.find(request.key, request.required) as Flight<T> | undefined // the key tells the type
    if (!flight) return startFlight(self, request, 'stale').outcome
    const outcome = await flight.outcome
    if (flights.answers(flight, outcome, requestedAt) && outcomeReflects(self, outcome, request.required))
      return outcome
    if (flight.startedAt >= requestedAt) return startFlight(self, request, 'stale').outcome // a later one would lack as much
  }
}

function outcomeReflects(
  self: Self,
  { at, tags }: FlightOutcome<unknown>,
  required: PositionVector,
): boolean {
  return self.fences.admits(tags, at) ? reflects(self, at, required) : covers(at, required)
}

/** `usable` is the least that a value of the remote tier must be: a renewal has no use for a stale one. */
function startFlight<T>(self: Self, request: Request<T>, usable: 'fresh' | 'stale'): Flight<T> {
  const { key, required, options } = request
  const flight = { promised: mergePositions(self.observed, required), tags: options.tags.always }
  return self.flights.start(key, flight, () => readOrLoad(self, request, usable)) as Flight<T>
}

async function readOrLoad<T>(
  self: Self,
  request: Request<T>,
  usable: 'fresh' | 'stale',
): Promise<FlightOutcome<T>> {
  if (!self.remote || self.phase !== 'active') return load(self, request)
  const { key, required, options } = request
  const maxAge = usable === 'fresh' ? ttlOf : lifeOf
  const accept = (found: RemoteValue) =>
    isAdmitted(self, found) && reflects(self, found.at, required) && found.age < maxAge(options, found.value)
  const exclusive = covers(self.observed, required) // else what another process loads may lack what is required
  const { found, claim } = await self.remote.find({ key, exclusive, accept })
  return found ? takeFromRemote(self, request, found) : load(self, request, claim)
}

function isAdmitted({ fences, metrics }: Self, { tags, at }: RemoteValue): boolean {
  const admitted = fences.admits(tags, at)
  if (!admitted) metrics.fenced.inc()
  return admitted
}

function takeFromRemote<T>(self: Self, request: Request<T>, found: RemoteValue): FlightOutcome<T> {
  const value = found.value as T | undefined // the key tells the type
  const entry = keepInMemory(self, request, { ...found, value })
  const isStale = found.age >= ttlOf(request.options, value)
  if (isStale && entry) setImmediate(() => renew(self, request, entry)) // once this flight has ended
  const result: CacheResult<T> = { value, source: isStale ? 'stale' : 'remote', lease: entry?.lease }
  return { result, at: found.at, tags: found.tags }
}

async function load<T>(self: Self, request: Request<T>, claim?: Claim): Promise<FlightOutcome<T>> {
  const { metrics, now, observed: observedBefore } = self
  const { options } = request
  const startedAt = now()
  try {
    const { value, at: reached, keep = true } = await request.load()
    metrics.loaded('ok', now() - startedAt)
    const at = reached ? mergePositions(observedBefore, reached) : observedBefore
    const loaded = { value, at, tags: tagsOf(options, value), age: 0 }
    const entry = keep ? keepInMemory(self, request, loaded) : undefined
    shareWithOthers(self, loaded, { options, entry, claim })
    return { result: { value, source: 'load', lease: entry?.lease }, at, tags: loaded.tags }
  } catch (error) {
    claim?.release()
    metrics.loaded('failed', now() - startedAt)
    throw error
  }
}

/** Returns undefined when the value may not be kept, or is too large. */
function keepInMemory<T>(
  self: Self,
  { key, options }: Pick<Request<T>, 'key' | 'options'>,
  { value, at, tags, age }: NewValue<T>,
): Entry<T> | undefined {
  const { memory, now } = self
  if (self.phase !== 'active') return undefined
  if (tags.length > MAX_TAGS) return unkept(self, 'tags')
  if (!self.fences.admits(tags, at)) return unkept(self, 'changed')
  const before = memory.get(key)
  if (before && now() < before.staleUntil && !covers(at, before.lease.at)) return undefined
  const freshFor = ttlOf(options, value) * (1 - JITTER * Math.random())
  const freshUntil = now() + freshFor - age
  const staleUntil = now() + lifeOf(options, value) - age
  const entry = createEntry({ key, value, at, tags, freshUntil, staleUntil })
  return memory.set(entry, value) ? entry : unkept(self, 'size')
}

function unkept({ metrics }: Self, reason: UnkeptReason): undefined {
  metrics.unkept(reason)
  return undefined
}

type Sharing<T> = {
  readonly options: GetOptions<T>
  /** The value's entry in memory: what is not kept here is not shared. */
  readonly entry: Entry<T> | undefined
  readonly claim?: Claim | undefined
}

/** Writes the value to the remote tier, in the background. */
function shareWithOthers<T>(
  { remote }: Self,
  { value, at, tags, age }: NewValue<T>,
  { options, entry, claim }: Sharing<T>,
): void {
  if (!remote || !entry) {
    claim?.release()
    return
  }
  const { key, lease } = entry
  const lifeMs = lifeOf(options, value)
  remote.keep({ key, value, at, tags, age, lifeMs, isWanted: () => lease.current, claim })
}

function renew<T>(self: Self, request: Request<T>, entry: Entry): void {
  const { flights, now, logger, name } = self
  if (flights.isInFlight(request.key) || now() < entry.renewAfter) return
  startFlight(self, request, 'fresh').outcome.catch(error => {
    entry.renewAfter = now() + RENEWAL_PAUSE_MS
    logger.warn(
      { err: error, cache: name },
      `renewal of a cached value failed, serving the stale one and retrying after ${RENEWAL_PAUSE_MS} ms`,
    )
  })
}

function invalidate({ fences, memory, metrics }: Self, tags: readonly string[], at: PositionVector): void {
  let dropped = 0
  for (const tag of tags) {
    fences.raise(tag, at)
    dropped += memory.drop(tag, at)
  }
  if (dropped > 0) metrics.dropped.inc(dropped)
}

/** Where changes before `from` may have been missed, nothing is trusted that does not contain them. */
function resume(self: Self, from: PositionVector): void {
  const missedNothing = self.phase !== 'new' && covers(self.observed, from)
  self.observed = mergePositions(self.observed, from)
  if (!missedNothing) self.fences.restart(self.observed)
  self.phase = 'active'
}

function tagsOf<T>({ tags: { always, of } }: GetOptions<T>, value: T | undefined): readonly string[] {
  if (value === undefined || !of) return always
  return [...new Set([...always, ...of(value)])]
}

function ttlOf({ ttlMs, negativeTtlMs = NEGATIVE_TTL_MS }: GetOptions<never>, value: unknown): number {
  return value === undefined ? negativeTtlMs : ttlMs
}

/** Returns how long the value is fresh or stale. "Not there" is never served stale. */
function lifeOf(options: GetOptions<never>, value: unknown): number {
  return value === undefined ? ttlOf(options, value) : options.ttlMs + (options.staleMs ?? options.ttlMs)
}
