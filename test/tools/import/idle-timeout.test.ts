import { expect, test } from 'vitest'
import { createIdleTimeout } from '#tools/import/idle-timeout.ts'

test('patience is over once nothing has come for its time', () => {
  let now = 0
  const patience = createIdleTimeout(100, () => now)
  now = 100
  expect(patience.hasExpired()).toBe(false)
  now = 101
  expect(patience.hasExpired()).toBe(true)
})

test('whatever comes gives its whole time anew', () => {
  let now = 0
  const patience = createIdleTimeout(100, () => now)
  for (now = 90; now <= 900; now += 90) {
    expect(patience.hasExpired(), `after ${now}`).toBe(false)
    patience.renew()
  }
  now = 1_001
  expect(patience.hasExpired()).toBe(true)
})
