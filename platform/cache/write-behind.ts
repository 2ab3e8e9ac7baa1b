// Writes to tier 2, behind the requests that they come from: bounded, a few at a time. Free of any driver.
import { setImmediate as turn } from 'node:timers/promises'
import type { Guard } from '#platform/cache/circuit-breaker.ts'
import { encode } from '#platform/cache/encoding.ts'
import type { CacheMetrics } from '#platform/cache/metrics.ts'
import type { ToKeep } from '#platform/cache/remote-tier.ts'

type Waiting = ToKeep & { readonly bornAt: number }

export type WriteBehind = { keep(value: ToKeep): void }

export type WriteBehindOptions = {
  readonly guard: Guard
  readonly metrics: CacheMetrics
  readonly wallClock: () => number
  readonly addressOf: (key: string) => string
}

const MAX_WAITING = 1_000
const MAX_WRITERS = 4
/** Larger values stay in the process that loaded them. */
const MAX_BYTES = 1024 * 1024
/** After a write that failed or was refused: the store may be full. */
const REFUSAL_PAUSE_MS = 500

export function createWriteBehind({ guard, metrics, wallClock, addressOf }: WriteBehindOptions): WriteBehind {
  const waiting: Waiting[] = []
  let writers = 0
  let pausedUntil = 0

  function isOpen(): boolean {
    return guard.state() === 'up' && performance.now() >= pausedUntil
  }

  async function writeAll(): Promise<void> {
    await turn() // what was asked for goes first
    for (let next = waiting.shift(); next; next = waiting.shift()) await write(next)
    writers -= 1
  }

  async function write(next: Waiting): Promise<void> {
    try {
      if (!isOpen() || !next.isWanted()) return
      const bytes = encode(next)
      if (bytes.byteLength > MAX_BYTES) return
      const written = await guard.ask(tier =>
        tier.set(addressOf(next.key), bytes, Math.max(1, Math.round(next.lifeMs - next.age))),
      )
      if (!written) pausedUntil = performance.now() + REFUSAL_PAUSE_MS
    } catch {
      metrics.remoteError('unwritable') // nothing that can be encoded
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
