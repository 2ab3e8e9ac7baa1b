// Tests when a delivery looks for webhooks that are due: at what it expects, and ever more seldom when nothing is.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createWebhookDelivery } from '#platform/webhooks/delivery.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }))
afterEach(() => vi.useRealTimers())

/** `looks` has the seconds at which the table was looked at; `found` is what the next looks find. */
function startDelivery() {
  const looks: number[] = []
  const found: number[] = []
  const began = Date.now()
  const delivery = createWebhookDelivery({
    webhookSecret: 'a secret',
    now: () => new Date(),
    logger: recordingLogger().logger,
    connections: 1,
    task: 'testing',
    batch: 10,
    async sendDue() {
      looks.push(Math.round((Date.now() - began) / 1000))
      return found.shift() ?? 0
    },
  })
  delivery.start('http://127.0.0.1:1/webhooks/test')
  return { ...delivery, looks, found }
}
const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000)
const dueIn = (seconds: number) => new Date(Date.now() + seconds * 1000)

test('looks once a minute in the end when nothing is due, and soon again after something was', async () => {
  const delivery = startDelivery()
  await pass(310)
  expect(delivery.looks).toEqual([0, 4, 12, 28, 60, 120, 180, 240, 300])
  delivery.found.push(1)
  delivery.expect(dueIn(5))
  await pass(12)
  expect(delivery.looks.slice(9)).toEqual([315, 317, 321])
  await delivery.stop()
})

test('looks when each webhook is due that it was told of, in any order, and at once for one that is overdue', async () => {
  const delivery = startDelivery()
  await pass(70)
  const before = delivery.looks.length
  delivery.expect(dueIn(30))
  delivery.expect(dueIn(10))
  await pass(31)
  delivery.expect(dueIn(-1))
  await pass(1)
  expect(delivery.looks.slice(before)).toEqual([80, 100, 101])
  await delivery.stop()
})

test('goes on at once after a full batch, and soon after a failure', async () => {
  const delivery = startDelivery()
  await pass(1)
  delivery.found.push(10, 10, 3)
  delivery.expect(dueIn(0))
  await pass(1)
  expect(delivery.looks).toEqual([0, 1, 1, 1])
  await delivery.stop()
})
