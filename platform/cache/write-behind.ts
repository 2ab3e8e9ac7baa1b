// Writes values to tier 2 behind the requests that produced them: a bounded queue, a few writes at a time.
import { setImmediate as turn } from 'node:timers/promises'
import type { CircuitBreaker } from '#platform/cache/circuit-breaker.ts'
import { encode } from '#platform/cache/encoding.ts'
import type { CacheMetrics } from '#platform/cache/metrics.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'

/** A value as some process wrote it. */
export type RemoteValue = {
  readonly value: unknown
  readonly at: PositionVector
  readonly tags: readonly string[]
  /** Milliseconds since it was loaded. */
  readonly age: number
}

/** The right to load a key while other processes wait for the value. It expires by itself. */
export type Claim = { release(): void }

export type RemoteWrite = RemoteValue & {
  readonly key: string
  readonly lifeMs: number
  /** Called before the write: the value may have changed since. */
  readonly isWanted: () => boolean
  /** Released once the value is written, or is not going to be. */
  readonly claim?: Claim | undefined
}

type WriteBehindOptions = {
  readonly breaker: CircuitBreaker
  readonly metrics: CacheMetrics
  readonly wallClock: () => number
  readonly addressOf: (key: string) => string
}

const MAX_WAITING = 1_000
const MAX_WRITERS = 4
/** Larger values stay in the process that loaded them. */
const MAX_BYTES = 1024 * 1024
/** The pause after a write that failed or was refused: the store may be full. */
const REFUSAL_PAUSE_MS = 500

export function createWriteBehind(options: WriteBehindOptions): { keep(write: RemoteWrite): void } {
  const { breaker, metrics, wallClock, addressOf } = options
  const waiting: (RemoteWrite & { readonly bornAt: number })[] = []
  let writers = 0
  let pausedUntil = 0

  function isOpen(): boolean {
    return breaker.state() === 'up' && performance.now() >= pausedUntil
  }

  async function writeAll(): Promise<void> {
    await turn() // reads that were asked for go first
    for (let next = waiting.shift(); next; next = waiting.shift()) await write(next)
    writers -= 1
  }

  async function write(next: (typeof waiting)[number]): Promise<void> {
    try {
      if (!isOpen() || !next.isWanted()) return
      const bytes = encode(next)
      if (bytes.byteLength > MAX_BYTES) return
      const ttlMs = Math.max(1, Math.round(next.lifeMs - next.age))
      const written = await breaker.run(store => store.set(addressOf(next.key), bytes, ttlMs))
      if (!written) pausedUntil = performance.now() + REFUSAL_PAUSE_MS
    } catch {
      metrics.remoteError('unwritable') // the value cannot be encoded
    } finally {
      next.claim?.release()
    }
  }

  return {
    keep(value) {
      if (!isOpen()) return value.claim?.release()
      if (waiting.length >= MAX_WAITING) {
        metrics.remoteError('overflow')
        return value.claim?.release()
      }
      waiting.push({ ...value, bornAt: Math.round(wallClock() - value.age) })
      if (writers >= MAX_WRITERS) return
      writers += 1
      void writeAll()
    },
  }
}
