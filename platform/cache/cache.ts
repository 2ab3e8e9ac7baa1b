// The cache port: shared views in two tiers, kept until an event says otherwise. Free of GraphQL, the bus and any driver.
import type { PositionVector } from '#platform/consistency/position-vector.ts'

/** What a load gives. `value` undefined is "not there", which is kept too, briefly. */
export type LoadResult<T> = {
  readonly value: T | undefined
  /** What the value surely contains past what had been heard when the load began. */
  readonly at?: PositionVector
  /** False hands the value to who waits for it and keeps it nowhere: a partial answer. */
  readonly keep?: boolean
}

export type GetOptions<T> = {
  /** Fresh for so long, less a random tenth, so that values that were loaded together do not expire together. */
  readonly ttlMs: number
  /**
   * After `ttlMs` a value that no change has touched is served for so long still, while one load renews it, and when
   * that load fails. As `ttlMs` when left out.
   */
  readonly staleMs?: number
  /** How long "not there" is kept; 5 s when left out. */
  readonly negativeTtlMs?: number
  /**
   * What the value depends on, at most 300. `always` holds for "not there" as well; `of` adds what only the value
   * tells, such as the items of a list.
   */
  readonly tags: { readonly always: readonly string[]; readonly of?: (value: T) => readonly string[] }
  /** What the caller must see: a value that may lack some of it is loaded again. */
  readonly required?: PositionVector
}

/** Proof of a value that was served: an answer made of it stands as long as it is current. Opaque to who holds it. */
export type Lease = {
  readonly at: PositionVector
  /** False from the moment that a change of its tags is heard. */
  readonly current: boolean
  /** Milliseconds of `performance.now()`: past it, the value is to be asked for again. */
  readonly freshUntil: number
}

export type CacheResult<T> = {
  readonly value: T | undefined
  /** Where it came from; `stale` is a value past its time, out of either tier. */
  readonly source: 'memory' | 'remote' | 'load' | 'stale'
  /** Undefined when the value is kept nowhere. */
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
   * Tier 1, then tier 2, then `load`: one load of a key at a time in this process and, with tier 2, across processes.
   * Throws what `load` throws, unless there is a stale value to serve. Tier 2 slow, full or away is never waited for
   * longer than 50 ms, and not at all while its breaker is open.
   */
  get<T>(key: string, load: () => Promise<LoadResult<T>>, options: GetOptions<T>): Promise<CacheResult<T>>
  /** Write-through of a value that surely contains everything up to `at`. An older value yields to it. */
  put<T>(key: string, value: T, options: GetOptions<T> & { readonly at: PositionVector }): void
  /** A change of these tags that is known of before the bus tells: after a command, with the command's position. */
  invalidate(tags: readonly string[], at: PositionVector): void
  /** The bus told: everything up to `position` of `topic` is heard, and it touched these tags. In order per topic. */
  applyEvent(topic: string, position: number, tags: readonly string[]): void
  /**
   * From now on `hear` tells every change past `from`. Until the first `follow`, and from `deafen` on, nothing is
   * kept and every `get` loads (one load of a key at a time still).
   */
  resume(from: PositionVector): void
  suspend(): void
  /** How far each topic has been heard. */
  observed(): PositionVector
  /** Whether what `lease` stands for may still be served to somebody who must see `required`. */
  isServable(lease: Lease, required: PositionVector): boolean
  /** For health: the state of tier 2. */
  remoteState(): 'none' | 'up' | 'away'
}
