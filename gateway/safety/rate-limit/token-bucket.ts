// The token bucket algorithm: a bucket fills at a steady rate up to its capacity. The time comes with each call.

export type BucketPolicy = {
  /** The most tokens that a bucket holds; a new one is full. */
  readonly capacity: number
  readonly perSecond: number
}

/** `at` is the time of the last take, in milliseconds. */
export type Bucket = { readonly tokens: number; readonly at: number }

export type TakeResult = {
  readonly allowed: boolean
  /** The tokens that are left. */
  readonly remaining: number
  /** The time until there are as many tokens as were asked for; 0 when they were given. */
  readonly retryAfterMs: number
}

/** The cost of a refused attempt: a client that keeps asking for too much gets less. */
export const REFUSED_COST = 1

/** A cost above the capacity takes all of a full bucket: the operation may run, but not often. */
function chargedTokens({ capacity }: BucketPolicy, cost: number): number {
  return Math.min(Math.max(0, cost), capacity)
}

export function takeTokens(
  policy: BucketPolicy,
  bucket: Bucket | undefined,
  asked: { readonly cost: number; readonly now: number },
): { readonly bucket: Bucket; readonly taken: TakeResult } {
  const { tokens, at } = fill(policy, bucket, asked.now)
  const wanted = chargedTokens(policy, asked.cost)
  const allowed = tokens >= wanted
  const left = allowed ? tokens - wanted : Math.max(0, tokens - REFUSED_COST)
  return { bucket: { tokens: left, at }, taken: takeResult(policy, { allowed, left, cost: asked.cost }) }
}

export function takeResult(
  policy: BucketPolicy,
  { allowed, left, cost }: { readonly allowed: boolean; readonly left: number; readonly cost: number },
): TakeResult {
  return {
    allowed,
    remaining: left,
    retryAfterMs: allowed ? 0 : untilMs(policy, chargedTokens(policy, cost) - left),
  }
}

/** Returns how long the bucket takes to gain so many tokens. */
export function untilMs({ perSecond }: BucketPolicy, tokens: number): number {
  return Math.max(0, (tokens / perSecond) * 1000)
}

/** A clock that goes back neither adds nor removes tokens. */
function fill({ capacity, perSecond }: BucketPolicy, bucket: Bucket | undefined, now: number): Bucket {
  if (!bucket) return { tokens: capacity, at: now }
  const gained = (Math.max(0, now - bucket.at) * perSecond) / 1000
  return { tokens: Math.min(capacity, bucket.tokens + gained), at: Math.max(now, bucket.at) }
}
