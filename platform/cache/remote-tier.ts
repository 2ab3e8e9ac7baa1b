// Tier 2: values that processes share, and claims that let one process at a time load a key.
import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type CircuitBreaker, OPERATION_TIMEOUT_MS } from '#platform/cache/circuit-breaker.ts'
import { decode } from '#platform/cache/encoding.ts'
import type { CacheMetrics } from '#platform/cache/metrics.ts'
import {
  type Claim,
  createWriteBehind,
  type RemoteValue,
  type RemoteWrite,
} from '#platform/cache/write-behind.ts'

type Lookup = {
  readonly key: string
  /** Lets one process load the key, while the others wait up to 250 ms for what it writes. */
  readonly exclusive: boolean
  /** Returns whether a value that was found may be served. */
  readonly accept: (found: RemoteValue) => boolean
}

/** Without `found`, the caller loads; with a `claim`, it then writes the value under it, or releases it. */
type LookupResult = { readonly found?: RemoteValue; readonly claim?: Claim }

export type RemoteTier = AsyncDisposable & {
  /** Waits 50 ms at the most for the store itself. */
  find(lookup: Lookup): Promise<LookupResult>
  /** Writes in the background, unless too much waits to be written. */
  keep(write: RemoteWrite): void
  state(): 'up' | 'away'
}

type RemoteTierOptions = {
  readonly name: string
  readonly breaker: CircuitBreaker
  readonly metrics: CacheMetrics
  /** Milliseconds since 1970. */
  readonly wallClock: () => number
}

/** How long the claim of a process that died delays the loads of others. */
const CLAIM_MS = 3_000
/** The pauses between two looks for what another process loads. */
const POLLS_MS = [4, 6, 10, 20, 30, 40, 40, 50] as const
const LONGEST_KEY = 200

export function createRemoteTier({ name, breaker, metrics, wallClock }: RemoteTierOptions): RemoteTier {
  const process = randomUUID()
  const writes = createWriteBehind({ breaker, metrics, wallClock, addressOf })
  let claims = 0

  /** A cluster hashes what stands in braces: a value and its claim lie on the same node. */
  function addressOf(key: string): string {
    const short = key.length <= LONGEST_KEY ? key : createHash('sha256').update(key).digest('base64url')
    return `waybill:{${name}:${short}}`
  }

  /** Returns undefined when the store did not answer. */
  async function read({ key, accept }: Lookup, timeoutMs?: number): Promise<LookupResult | undefined> {
    const response = await breaker.run(store => store.get(addressOf(key)), timeoutMs)
    if (!response) return undefined
    if (!response.value) return {}
    const stored = decode(response.value)
    if (!stored) metrics.remoteError('unreadable')
    const found = stored && { ...stored, age: Math.max(0, wallClock() - stored.bornAt) }
    return found && accept(found) ? { found } : {}
  }

  /** Returns undefined when the store did not answer. */
  async function claim(key: string, timeoutMs?: number): Promise<{ readonly claim?: Claim } | undefined> {
    const address = `${addressOf(key)}:claim`
    claims += 1
    const token = `${process}:${claims}`
    const response = await breaker.run(store => store.claim(address, token, CLAIM_MS), timeoutMs)
    const release = () => void breaker.run(store => store.releaseClaim(address, token))
    if (!response) {
      release() // it may be granted after the time-out
      return undefined
    }
    return response.value ? { claim: { release } } : {}
  }

  return {
    async find(lookup) {
      const startedAt = performance.now()
      const first = await read(lookup)
      if (!first || first.found || !lookup.exclusive) return first ?? {}
      let timeoutMs = Math.max(1, OPERATION_TIMEOUT_MS - (performance.now() - startedAt))
      for (const pause of POLLS_MS) {
        // The read is sent after the claim, so that it sees what another process wrote before it released its own.
        const [claimed, seen] = await Promise.all([claim(lookup.key, timeoutMs), read(lookup, timeoutMs)])
        if (claimed?.claim && !seen?.found) return claimed
        claimed?.claim?.release()
        if (!claimed || !seen || seen.found) return seen ?? {}
        await delay(pause)
        timeoutMs = OPERATION_TIMEOUT_MS
      }
      return {}
    },
    keep: writes.keep,
    state: breaker.state,
    [Symbol.asyncDispose]: () => breaker[Symbol.asyncDispose](),
  }
}
