import { describe, expect, test } from 'vitest'
import { createInstanceHealth } from '#platform/discovery/instance-health.ts'

function started(checked: boolean) {
  const changes: boolean[] = []
  const health = createInstanceHealth({ failures: 3, awayMs: 1000, checked }, isUp => changes.push(isUp))
  return { health, changes }
}

describe('an instance without checks', () => {
  test('is marked down after consecutive failures, not after as many in total', () => {
    const { health, changes } = started(false)
    health.failed(0)
    health.failed(0)
    health.succeeded()
    health.failed(0)
    health.failed(0)
    expect(health.isUp()).toBe(true)
    health.failed(0)
    expect(health.isUp()).toBe(false)
    expect(changes).toEqual([false])
  })

  test('is probed by one query at a time after its pause, and comes back when that succeeds', () => {
    const { health, changes } = started(false)
    for (let failure = 0; failure < 3; failure++) health.failed(0)
    expect(health.mayProbe(999)).toBe(false)
    expect(health.mayProbe(1000)).toBe(true)
    expect(health.mayProbe(1000)).toBe(false)
    health.failed(1500)
    expect(health.mayProbe(2499)).toBe(false)
    expect(health.mayProbe(2500)).toBe(true)
    health.succeeded()
    expect(health.isUp()).toBe(true)
    expect(changes).toEqual([false, true])
    health.failed(3000)
    expect(health.isUp()).toBe(true)
  })
})

describe('an instance with checks', () => {
  test('comes back through a check and nothing else', () => {
    const { health } = started(true)
    for (let failure = 0; failure < 3; failure++) health.failed(0)
    expect(health.mayProbe(5000)).toBe(false)
    health.succeeded()
    expect(health.isUp()).toBe(false)
    health.checked(true, 6000)
    expect(health.isUp()).toBe(true)
  })

  test('is marked down when consecutive checks fail, though its requests succeed', () => {
    const { health } = started(true)
    for (let check = 0; check < 3; check++) {
      expect(health.isUp()).toBe(true)
      health.succeeded()
      health.checked(false, check)
    }
    expect(health.isUp()).toBe(false)
  })
})
