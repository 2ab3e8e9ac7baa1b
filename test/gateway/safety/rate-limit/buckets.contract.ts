// Tests the behaviour that every store of token buckets must have.
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Buckets } from '#gateway/safety/rate-limit/buckets.ts'
import type { BucketPolicy } from '#gateway/safety/rate-limit/token-bucket.ts'

/** Resolves once a take succeeds: until they are connected, takes fail. */
export async function untilUp(buckets: Buckets): Promise<void> {
  await expect.poll(() => isUp(buckets)).toBe('up')
}

export function isUp(buckets: Buckets, key = 'probe'): Promise<string> {
  return Promise.resolve(buckets.take(key, 0)).then(() => 'up', String)
}

/** Returns the buckets under keys of their own, which are full. */
export function withOwnKeys(buckets: Buckets): Buckets {
  const own = randomUUID()
  return { ...buckets, take: (key, cost) => buckets.take(own + key, cost) }
}

/** Defines the tests; `open` returns full buckets. */
export function bucketsContract(open: (policy: BucketPolicy) => Promise<Buckets>): void {
  test('a new bucket is full, and a take reports what is left', async () => {
    await using buckets = await open({ capacity: 10, perSecond: 0.001 })
    expect(await buckets.take('ann', 4)).toEqual({
      allowed: true,
      remaining: expect.closeTo(6, 1),
      retryAfterMs: 0,
    })
  })

  test('a take gets at most what is left, and a refused take costs one token', async () => {
    await using buckets = await open({ capacity: 10, perSecond: 0.001 })
    await buckets.take('ann', 8)
    const refused = await buckets.take('ann', 5)
    expect(refused).toMatchObject({ allowed: false, remaining: expect.closeTo(1, 1) })
    expect(refused.retryAfterMs).toBeCloseTo(4_000_000, -5)
    expect(await buckets.take('ann', 1)).toMatchObject({ allowed: true })
    expect(await buckets.take('ann', 1)).toMatchObject({ allowed: false, remaining: expect.closeTo(0, 1) })
  })

  test('each key has a bucket of its own', async () => {
    await using buckets = await open({ capacity: 1, perSecond: 0.001 })
    expect(await buckets.take('ann', 1)).toMatchObject({ allowed: true })
    expect(await buckets.take('bob', 1)).toMatchObject({ allowed: true })
    expect(await buckets.take('ann', 1)).toMatchObject({ allowed: false })
  })

  test('a take of more than the capacity empties a full bucket', async () => {
    await using buckets = await open({ capacity: 5, perSecond: 0.001 })
    expect(await buckets.take('ann', 500)).toMatchObject({ allowed: true, remaining: 0 })
    expect(await buckets.take('ann', 500)).toMatchObject({ allowed: false })
  })

  test('tokens come back as time goes by', async () => {
    await using buckets = await open({ capacity: 2, perSecond: 50 })
    let taken = await buckets.take('ann', 2)
    // A busy machine is slow enough to fill it meanwhile.
    for (let tries = 0; taken.allowed && tries < 1_000; tries++) taken = await buckets.take('ann', 2)
    expect(taken.allowed).toBe(false)
    await delay(taken.retryAfterMs + 5)
    expect(await buckets.take('ann', 2)).toMatchObject({ allowed: true })
  })

  test('concurrent takes are allowed as long as there are tokens', async () => {
    await using buckets = await open({ capacity: 20, perSecond: 0.001 })
    const taken = await Promise.all(Array.from({ length: 50 }, async () => buckets.take('ann', 1)))
    expect(taken.filter(({ allowed }) => allowed)).toHaveLength(20)
  })
}
