// The cache port: values in two tiers, kept until they expire or an event invalidates their tags.
import type { PositionVector } from '#platform/consistency/position-vector.ts'

/** The result of a load. An undefined `value` means "not there", which is kept too, briefly. */
export type LoadResult<T> = {
  readonly value: T | undefined
  /** Positions that the value surely contains, past those observed when the load began. */
  readonly at?: PositionVector
  /** False serves the value and keeps it nowhere, for a partial one. */
  readonly keep?: boolean
}

export type GetOptions<T> = {
  /** How long the value is fresh, less up to a random tenth, so that values loaded together do not expire together. */
  readonly ttlMs: number
  /**
   * How long after `ttlMs` a value that no change has touched is still served, while one load renews it, and when that
   * load fails. `ttlMs` by default.
   */
  readonly staleMs?: number
  /** How long "not there" is kept; 5 s by default. */
  readonly negativeTtlMs?: number
  /**
   * The tags of what the value depends on, at most 300. `always` holds for "not there" as well; `of` adds the tags that
   * follow from the value, such as those of a list's items.
   */
  readonly tags: { readonly always: readonly string[]; readonly of?: (value: T) => readonly string[] }
  /** Positions that the caller must see: a value that may lack some of them is loaded again. */
  readonly required?: PositionVector
}

/** The lease of a served value: a response made of the value may be reused while the lease is current. Opaque to its holder. */
export type Lease = {
  readonly at: PositionVector
  /** Becomes false when a change of its tags is applied. */
  readonly current: boolean
  /** Milliseconds of `performance.now()`; afterwards the cache is to be asked again. */
  readonly freshUntil: number
}

export type CacheResult<T> = {
  readonly value: T | undefined
  /** Where the value came from; `stale` is an expired value out of either tier. */
  readonly source: 'memory' | 'remote' | 'load' | 'stale'
  /** Undefined when the value was not kept. */
  readonly lease: Lease | undefined
}

/**
 * Positions of the bus's topics are the fence of this cache: every value carries the vector that it was loaded at, every
 * change its position, and a value is current only if it contains each change of its tags. So a load that began before a
 * change never counts after it, in whichever process or tier its value is kept, and no clock takes part.
 *
 * Values are plain data (JSON and byte arrays), shared between callers and frozen by agreement: never change one.
 * They are shared by everybody who may see them: who gets one is authorised on the value, never on its key.
 */
export interface Cache extends AsyncDisposable {
  /**
   * Looks in tier 1, then in tier 2, then calls `load`, once at a time for a key in this process and, with tier 2, across
   * processes.
   * Throws what `load` throws, unless there is a stale value to serve. A tier 2 that is slow, full or unreachable delays
   * the call by 50 ms at the most, and not at all while its circuit breaker is open.
   */
  get<T>(key: string, load: () => Promise<LoadResult<T>>, options: GetOptions<T>): Promise<CacheResult<T>>
  /** Writes a value that surely contains everything up to `at`. It replaces an older one. */
  put<T>(key: string, value: T, options: GetOptions<T> & { readonly at: PositionVector }): void
  /** Applies a change of these tags before its event arrives: after a command, with the command's position. */
  invalidate(tags: readonly string[], at: PositionVector): void
  /** Applies an event that changes these tags: everything up to `position` of `topic` is then observed. In order per topic. */
  applyEvent(topic: string, position: number, tags: readonly string[]): void
  /**
   * Promises that `applyEvent` is called for every change past `from` from now on. Before the first `resume`, and after
   * `suspend`, nothing is kept and every `get` loads, still once at a time for a key.
   */
  resume(from: PositionVector): void
  suspend(): void
  /** Returns how far each topic has been observed. */
  observed(): PositionVector
  /** Returns whether the value of `lease` may still be served to a caller that must see `required`. */
  isServable(lease: Lease, required: PositionVector): boolean
  /** Returns the state of tier 2, for health. */
  remoteState(): 'none' | 'up' | 'away'
}
