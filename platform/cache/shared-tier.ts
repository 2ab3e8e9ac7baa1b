// Tier 2 as the cache sees it: values that processes share, and one load of a key among them. Free of any driver.
import type { Vector } from '#platform/cache/cache.ts'

/** A value as another process kept it. */
export type Kept = {
  readonly value: unknown
  readonly at: Vector
  readonly tags: readonly string[]
  /** Milliseconds since it was loaded. */
  readonly age: number
}

export type Wanted = {
  readonly key: string
  /** One process loads it, and the others wait for what it keeps. */
  readonly exclusive: boolean
  /** Whether a value that was found may be served. */
  readonly judge: (kept: Kept) => boolean
}

/** Without `kept`, the caller loads, and says when it has. */
export type Found = { readonly kept: Kept | undefined; release(): void }

export type SharedTier = AsyncDisposable & {
  find(wanted: Wanted): Promise<Found>
  /** In the background, unless there is too much to write; not when it is no longer wanted by then. */
  keep(
    value: Kept & { readonly key: string; readonly lifeMs: number; readonly isWanted: () => boolean },
  ): void
  state(): 'up' | 'away'
}
