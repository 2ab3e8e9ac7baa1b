import { expect, test } from 'vitest'
import { createPatience } from '#tools/import/retry-delay.ts'

test('patience is over once nothing has come for its time', () => {
  let now = 0
  const patience = createPatience(100, () => now)
  now = 100
  expect(patience.isOver()).toBe(false)
  now = 101
  expect(patience.isOver()).toBe(true)
})

test('whatever comes gives its whole time anew', () => {
  let now = 0
  const patience = createPatience(100, () => now)
  for (now = 90; now <= 900; now += 90) {
    expect(patience.isOver(), `after ${now}`).toBe(false)
    patience.renew()
  }
  now = 1_001
  expect(patience.isOver()).toBe(true)
})
