import { expect, test } from 'vitest'
import { createIdleTimeout } from '#tools/import/validation.ts'

test('the timeout expires when nothing has arrived for its duration', () => {
  let now = 0
  const patience = createIdleTimeout(100, () => now)
  now = 100
  expect(patience.hasExpired()).toBe(false)
  now = 101
  expect(patience.hasExpired()).toBe(true)
})

test('every arrival restarts the timeout', () => {
  let now = 0
  const patience = createIdleTimeout(100, () => now)
  for (now = 90; now <= 900; now += 90) {
    expect(patience.hasExpired(), `after ${now}`).toBe(false)
    patience.renew()
  }
  now = 1_001
  expect(patience.hasExpired()).toBe(true)
})
