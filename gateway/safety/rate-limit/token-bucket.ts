// A token bucket: fills at a steady rate up to its capacity, and is charged by what is done. Pure; time comes with each call.

export type BucketPolicy = {
  /** Tokens that it holds at most; a new one is full. */
  readonly capacity: number
  readonly perSecond: number
}

/** `at` in milliseconds. */
export type Bucket = { readonly tokens: number; readonly at: number }

export type Taken = {
  readonly allowed: boolean
  /** Tokens that are left. */
  readonly remaining: number
  /** Until there are as many as were asked for; 0 when they were given. */
  readonly retryAfterMs: number
}

/** What an attempt costs that is turned away: who keeps asking for too much gets less. */
export const TURNED_AWAY = 1

/** What costs more than the bucket holds takes all of a full one: it may be had, but not often. */
export function wantedOf({ capacity }: BucketPolicy, cost: number): number {
  return Math.min(Math.max(0, cost), capacity)
}

export function takeTokens(
  policy: BucketPolicy,
  bucket: Bucket | undefined,
  asked: { readonly cost: number; readonly now: number },
): { readonly bucket: Bucket; readonly taken: Taken } {
  const { tokens, at } = fill(policy, bucket, asked.now)
  const wanted = wantedOf(policy, asked.cost)
  const allowed = tokens >= wanted
  const left = allowed ? tokens - wanted : Math.max(0, tokens - TURNED_AWAY)
  return { bucket: { tokens: left, at }, taken: takenOf(policy, { allowed, left, cost: asked.cost }) }
}

export function takenOf(
  policy: BucketPolicy,
  { allowed, left, cost }: { readonly allowed: boolean; readonly left: number; readonly cost: number },
): Taken {
  return {
    allowed,
    remaining: left,
    retryAfterMs: allowed ? 0 : untilMs(policy, wantedOf(policy, cost) - left),
  }
}

/** How long the bucket takes to gain so many tokens. */
export function untilMs({ perSecond }: BucketPolicy, tokens: number): number {
  return Math.max(0, (tokens / perSecond) * 1000)
}

/** A clock that goes back adds nothing, and takes nothing away. */
function fill({ capacity, perSecond }: BucketPolicy, bucket: Bucket | undefined, now: number): Bucket {
  if (!bucket) return { tokens: capacity, at: now }
  const gained = (Math.max(0, now - bucket.at) * perSecond) / 1000
  return { tokens: Math.min(capacity, bucket.tokens + gained), at: Math.max(now, bucket.at) }
}
