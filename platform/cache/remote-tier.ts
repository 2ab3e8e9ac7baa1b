// Tier 2 as the cache sees it: values that processes share, and one load of a key among them. Free of any driver.
import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Guard, PATIENCE_MS } from '#platform/cache/circuit-breaker.ts'
import { decode } from '#platform/cache/encoding.ts'
import type { CacheMetrics } from '#platform/cache/metrics.ts'
import { createWriteBehind } from '#platform/cache/write-behind.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'

/** A value as some process kept it. */
export type Kept = {
  readonly value: unknown
  readonly at: PositionVector
  readonly tags: readonly string[]
  /** Milliseconds since it was loaded. */
  readonly age: number
}

export type Wanted = {
  readonly key: string
  /** One process loads it, and the others wait a little for what it keeps. */
  readonly exclusive: boolean
  /** Whether a value that was found may be served. */
  readonly judge: (kept: Kept) => boolean
}

/** The right to load a key while other processes wait for what comes of it. Ends by itself after a while. */
export type Claim = { release(): void }

/** Without `kept`, the caller loads; with a `claim`, it then keeps what it loaded under it, or releases it. */
export type Found = { readonly kept?: Kept; readonly claim?: Claim }

export type ToKeep = Kept & {
  readonly key: string
  readonly lifeMs: number
  /** Asked once more before it is written: it may have changed since. */
  readonly isWanted: () => boolean
  /** Released once it is written, or is not going to be. */
  readonly claim?: Claim | undefined
}

export type SharedTier = AsyncDisposable & {
  /** Tier 2 itself is waited for 50 ms at the most; another process's load 250 ms. */
  find(wanted: Wanted): Promise<Found>
  /** In the background, and not if there is too much to write. */
  keep(value: ToKeep): void
  state(): 'up' | 'away'
}

export type SharedTierOptions = {
  readonly name: string
  readonly guard: Guard
  readonly metrics: CacheMetrics
  /** Milliseconds since 1970. */
  readonly wallClock: () => number
}

/** A process that dies with a claim keeps others waiting, a little for each value that they want, for so long. */
const CLAIM_MS = 3_000
/** Between two looks for what another process loads. */
const POLLS_MS = [4, 6, 10, 20, 30, 40, 40, 50] as const
const LONGEST_KEY = 200

export function createSharedTier({ name, guard, metrics, wallClock }: SharedTierOptions): SharedTier {
  const process = randomUUID()
  const writes = createWriteBehind({ guard, metrics, wallClock, addressOf })
  let claims = 0

  /** What stands in braces decides where in a cluster it lies: a value beside its claim. */
  function addressOf(key: string): string {
    const short = key.length <= LONGEST_KEY ? key : createHash('sha256').update(key).digest('base64url')
    return `waybill:{${name}:${short}}`
  }

  async function read(key: string, judge: Wanted['judge'], patienceMs?: number): Promise<Found | undefined> {
    const answer = await guard.ask(tier => tier.get(addressOf(key)), patienceMs)
    if (!answer) return undefined
    if (!answer.value) return {}
    const stored = decode(answer.value)
    if (!stored) metrics.remoteError('unreadable')
    const kept = stored && { ...stored, age: Math.max(0, wallClock() - stored.bornAt) }
    return kept && judge(kept) ? { kept } : {}
  }

  /** Undefined when tier 2 cannot tell. */
  async function claim(key: string, patienceMs?: number): Promise<{ readonly claim?: Claim } | undefined> {
    const address = `${addressOf(key)}:claim`
    claims += 1
    const token = `${process}:${claims}`
    const answer = await guard.ask(tier => tier.claim(address, token, CLAIM_MS), patienceMs)
    const release = () => void guard.ask(tier => tier.giveBack(address, token))
    if (!answer) {
      release() // it may be granted too late to be heard of
      return undefined
    }
    return answer.value ? { claim: { release } } : {}
  }

  return {
    async find({ key, exclusive, judge }) {
      const began = performance.now()
      const found = await read(key, judge)
      if (!found || found.kept || !exclusive) return found ?? {}
      let patience = Math.max(1, PATIENCE_MS - (performance.now() - began))
      for (const pause of POLLS_MS) {
        // The look comes after the claim: what another process wrote before it gave up its own is seen.
        const [claimed, seen] = await Promise.all([claim(key, patience), read(key, judge, patience)])
        if (claimed?.claim && !seen?.kept) return claimed
        claimed?.claim?.release()
        if (!claimed || !seen || seen.kept) return seen ?? {}
        await delay(pause)
        patience = PATIENCE_MS
      }
      return {}
    },
    keep: writes.keep,
    state: guard.state,
    [Symbol.asyncDispose]: () => guard[Symbol.asyncDispose](),
  }
}
