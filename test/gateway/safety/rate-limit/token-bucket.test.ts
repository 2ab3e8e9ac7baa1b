import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Bucket, takeTokens } from '#gateway/safety/rate-limit/token-bucket.ts'

const policies = fc.record({
  capacity: fc.integer({ min: 1, max: 50 }),
  perSecond: fc.integer({ min: 1, max: 20 }),
})
const asks = fc.array(fc.record({ afterMs: fc.nat(3000), cost: fc.nat(60) }), { maxLength: 40 })

type Ask = { readonly afterMs: number; readonly cost: number }

function play(policy: { capacity: number; perSecond: number }, asked: readonly Ask[]) {
  let bucket: Bucket | undefined
  let now = 0
  return asked.map(({ afterMs, cost }) => {
    now += afterMs
    const step = takeTokens(policy, bucket, { cost, now })
    bucket = step.bucket
    return { now, cost, ...step.taken, bucket: step.bucket }
  })
}

describe('a token bucket', () => {
  test('never grants more than its capacity and what flows in meanwhile', () => {
    fc.assert(
      fc.property(policies, asks, (policy, asked) => {
        const steps = play(policy, asked)
        const given = steps
          .filter(({ allowed }) => allowed)
          .reduce((sum, { cost }) => sum + Math.min(cost, policy.capacity), 0)
        const [first, last] = [steps.at(0), steps.at(-1)]
        const seconds = first && last ? (last.now - first.now) / 1000 : 0
        expect(given).toBeLessThanOrEqual(policy.capacity + seconds * policy.perSecond + 1e-6)
      }),
    )
  })

  test('holds between zero tokens and its capacity', () => {
    fc.assert(
      fc.property(policies, asks, (policy, asked) => {
        for (const { remaining } of play(policy, asked)) {
          expect(remaining).toBeGreaterThanOrEqual(0)
          expect(remaining).toBeLessThanOrEqual(policy.capacity)
        }
      }),
    )
  })

  test('grants a refused take after the wait that it reports', () => {
    fc.assert(
      fc.property(policies, asks, (policy, asked) => {
        const refused = play(policy, asked).find(({ allowed }) => !allowed)
        if (!refused) return
        const now = refused.now + Math.ceil(refused.retryAfterMs)
        expect(takeTokens(policy, refused.bucket, { cost: refused.cost, now }).taken.allowed).toBe(true)
      }),
    )
  })

  test('is neither filled nor emptied by a clock that goes back', () => {
    const policy = { capacity: 10, perSecond: 1 }
    const { bucket } = takeTokens(policy, undefined, { cost: 4, now: 5000 })
    expect(takeTokens(policy, bucket, { cost: 0, now: 1000 })).toMatchObject({
      bucket: { tokens: 6, at: 5000 },
      taken: { remaining: 6 },
    })
  })
})
