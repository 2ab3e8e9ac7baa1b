// Tests the bus on a cluster of three brokers, of which one is killed at a time.
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { openEventBus } from '#platform/event-bus/open.ts'
import { isOurs, missing, namespacesOf, onKafka } from '#test/platform/event-bus/kafka/broker.ts'
import { events, inbox, range } from '#test/platform/event-bus/messages.ts'
import { kafkaJars, startKafka } from '#testbed/engines/kafka.ts'

describe.skipIf(missing || !isOurs)(onKafka, () => {
  test('whichever broker of three is killed, publishing goes on and readers get each message once, in order', async () => {
    await using cluster = await startKafka({ jars: kafkaJars() ?? '', brokers: 3 })
    const url = namespacesOf(cluster)()
    await using bus = await openEventBus(url)
    await using other = await openEventBus(url)
    const [tailed, grouped] = [inbox(), inbox()]
    await using _tail = await other.tail(['orders'], tailed.deliver)
    await using _group = await other.subscribe('cluster', ['orders'], grouped.deliver)
    let published = 0
    let isPublishing = true
    const publishing = (async () => {
      while (isPublishing)
        try {
          await bus.publish('orders', events(published + 1, published + 10))
          published += 10
          await delay(20)
        } catch (error) {
          expect(error).toMatchObject({ code: 'UNAVAILABLE' })
        }
    })()
    for (const broker of cluster.brokers) {
      const before = published
      await vi.waitFor(() => expect(published).toBeGreaterThan(before + 100), { timeout: 30_000 })
      await broker.kill()
      const after = published
      await vi.waitFor(() => expect(published).toBeGreaterThan(after + 100), { timeout: 60_000 })
      await broker.restart()
    }
    isPublishing = false
    await publishing
    await vi.waitFor(() => expect(tailed.positions.at(-1)).toBe(published), { timeout: 30_000 })
    await vi.waitFor(() => expect(grouped.positions.at(-1)).toBe(published), { timeout: 30_000 })
    expect(tailed.positions).toEqual(range(1, published))
    expect([...new Set(grouped.positions)]).toEqual(range(1, published))
    await using late = await openEventBus(url)
    expect((await late.read('orders', 0, 10_000)).map(({ position }) => position)).toEqual(
      range(1, Math.min(10_000, published)),
    )
    expect(await late.end('orders')).toBe(published)
  }, 300_000)
})
