import { expect, test } from 'vitest'
import { type Adjustment, createPolicy, type PolicyOptions } from '#platform/resilience/policy.ts'

const ONE = { idempotent: false }
const fault = async () => {
  throw new Error('fault')
}

/** A policy whose adjustment is what `now` says. */
function adjustable(options: Partial<PolicyOptions> = {}) {
  const now: { adjustment: Adjustment | undefined } = { adjustment: undefined }
  const policy = createPolicy({
    name: 'adjusted',
    timeoutMs: 60_000,
    retries: 0,
    concurrency: 2,
    queue: 0,
    breaker: { minimumPerSecond: 0.01, windowMs: 1000, halfOpenAfterMs: 60_000 },
    adjusted: () => now.adjustment,
    ...options,
  })
  return { policy, now }
}

const hang = () => new Promise<never>(() => {})

test('a changed time limit holds for the next call, and is restored when the setting is removed', async () => {
  const { policy, now } = adjustable({ timeoutMs: 30, breaker: { minimumPerSecond: 1_000_000 } })
  now.adjustment = { timeoutMs: 10 }
  await expect(policy.run(hang, ONE)).rejects.toThrow('within 10 ms')
  now.adjustment = undefined
  await expect(policy.run(hang, ONE)).rejects.toThrow('within 30 ms')
})

test('calls in flight go on and still count', async () => {
  const { policy, now } = adjustable()
  const ends: ((value: string) => void)[] = []
  const held = () => new Promise<string>(resolve => ends.push(resolve))
  const calls = [policy.run(held, ONE), policy.run(held, ONE)]
  now.adjustment = { timeoutMs: 10 }
  await expect(policy.run(held, ONE)).rejects.toMatchObject({ details: { reason: 'OVERLOADED' } })
  await new Promise(resolve => setTimeout(resolve, 30))
  for (const end of ends) end('done')
  expect(await Promise.all(calls)).toEqual(['done', 'done'])
})

test('a breaker starts anew when its options change, and otherwise keeps its state', async () => {
  const { policy, now } = adjustable()
  for (let time = 0; time < 3; time++) await expect(policy.run(fault, ONE)).rejects.toThrow()
  expect(policy.health()).toBe('open')
  now.adjustment = { timeoutMs: 500 }
  expect(policy.health()).toBe('open')
  now.adjustment = { breaker: { minimumPerSecond: 1_000_000 } }
  expect(policy.health()).toBe('closed')
  for (let time = 0; time < 3; time++) await expect(policy.run(fault, ONE)).rejects.toThrow('fault')
  expect(policy.health()).toBe('closed')
})
