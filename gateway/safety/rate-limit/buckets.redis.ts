// Keeps token buckets that processes share in Redis or Valkey: one script for each take, by the clock of the server.
import { hash } from 'node:crypto'
import type { Buckets, OpenBuckets } from '#gateway/safety/rate-limit/buckets.ts'
import { REFUSED_COST, takeResult } from '#gateway/safety/rate-limit/token-bucket.ts'
import { createRedisClient, withoutCommand } from '#platform/cache/remote-store.redis.ts'

/** The same as `takeTokens`, run atomically by the server. Returns whether the take is allowed, and the rest as a text. */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local capacity, per_ms, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local known = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(known[1]) or capacity, tonumber(known[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - at) * per_ms)
local wanted = math.min(math.max(0, cost), capacity)
local allowed = tokens >= wanted
if allowed then tokens = tokens - wanted else tokens = math.max(0, tokens - ${REFUSED_COST}) end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.3f', math.max(now, at)))
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / per_ms) + 1000)
return { allowed and 1 or 0, string.format('%.6f', tokens) }`
const TAKE_SHA = hash('sha1', TAKE, 'hex')

const PREFIX = 'waybill:limit:'

/** `urls` are those of CACHE_URL: one, or a cluster's nodes. Processes with the same policy share buckets. */
export function createRedisBuckets({
  policy,
  urls,
}: OpenBuckets & { readonly urls: readonly string[] }): Buckets {
  const retryStrategy = (attempt: number) => Math.min(100 * attempt, 2000)
  const client = createRedisClient(urls, { lazyConnect: false, retryStrategy })
  client.on('error', () => {}) // the takes that fail because of it report it
  const { capacity, perSecond } = policy
  const family = `${PREFIX}${capacity}:${perSecond}:`

  async function run(key: string, cost: number): Promise<unknown> {
    const given = [key, capacity, perSecond / 1000, cost]
    try {
      return await client.evalsha(TAKE_SHA, 1, ...given)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw withoutCommand(error)
      return client.eval(TAKE, 1, ...given)
    }
  }

  return {
    async take(key, cost) {
      const [allowed, left] = readReply(await run(family + hash('sha256', key, 'base64url'), cost))
      return takeResult(policy, { allowed, left, cost })
    },
    async [Symbol.asyncDispose]() {
      client.disconnect()
    },
  }
}

function readReply(reply: unknown): readonly [boolean, number] {
  const [allowed, left] = Array.isArray(reply) ? reply : []
  const tokens = Number(left)
  if (left === undefined || Number.isNaN(tokens))
    throw new Error('the reply of the rate limit script is malformed')
  return [allowed === 1, tokens]
}
