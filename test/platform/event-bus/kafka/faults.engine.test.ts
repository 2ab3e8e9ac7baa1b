// Tests the bus while Kafka is killed, paused and restarted, and while members of groups die.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import { openKafkaEventBus } from '#platform/event-bus/kafka/event-bus.ts'
import { openEventBus } from '#platform/event-bus/open.ts'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import { type KillableProcess, startKillable } from '#test/fixtures/killable-process.ts'
import {
  type Broker,
  faultsOf,
  isOurs,
  missing,
  onKafka,
  startBroker,
} from '#test/platform/event-bus/kafka/broker.ts'
import { events, inbox, range } from '#test/platform/event-bus/messages.ts'
import { kafkaJars, startKafka } from '#testbed/engines/kafka.ts'

/** A limit for tests that hang. */
const PATIENT = { timeout: 100_000 }

describe.skipIf(missing || !isOurs)(onKafka, () => {
  let broker: Broker
  beforeAll(async () => {
    broker = await startBroker()
  })
  afterAll(() => broker[Symbol.asyncDispose]())

  /** Retries until the bus has taken them, as a service's publisher does. */
  async function publishSurely(bus: EventBus, topic: string, batch: readonly RecordedEvent[]): Promise<void> {
    for (;;)
      try {
        return void (await bus.publish(topic, batch))
      } catch (error) {
        expect(error).toMatchObject({ code: 'UNAVAILABLE' })
        await delay(50)
      }
  }

  /** What is left when positions that were had already are dropped, as consumers do. */
  function asSeen(positions: readonly number[]): number[] {
    const seen: number[] = []
    for (const position of positions) if (position > (seen.at(-1) ?? 0)) seen.push(position)
    return seen
  }

  type Line = { readonly from: number; readonly positions: number[] }

  /** Starts a process that subscribes; `onLine` gets what is delivered to it. It is killed when the test ends. */
  function startSubscriber(
    url: string,
    { group, topic }: { readonly group: string; readonly topic: string },
    onLine: (line: Line) => void,
  ): KillableProcess {
    const script = new URL('../subscriber.ts', import.meta.url)
    const subscriber = startKillable(script, [url, group, topic], text =>
      onLine({ from: subscriber.child.pid ?? 0, positions: text.split(' ').map(Number) }),
    )
    onTestFinished(subscriber.kill)
    return subscriber
  }

  test('a group of three processes loses nothing and keeps order while its owners are killed in turn', async () => {
    const url = broker.fresh()
    await using bus = await openEventBus(url)
    const lines: Line[] = []
    const members = new Map<number, KillableProcess>()
    for (let index = 0; index < 3; index++) {
      const member = startSubscriber(url, { group: 'heirs', topic: 'orders' }, line => lines.push(line))
      members.set(member.child.pid ?? 0, member)
    }
    let published = 0
    let isPublishing = true
    const publishing = (async () => {
      for (; isPublishing; published += 5) {
        await publishSurely(bus, 'orders', events(published + 1, published + 5))
        await delay(10)
      }
    })()
    for (let killed = 0; killed < 2; killed++) {
      const before = lines.length
      await vi.waitFor(() => expect(lines.length).toBeGreaterThan(before + 5), PATIENT)
      await members.get(lines.at(-1)?.from ?? 0)?.kill()
    }
    const before = lines.length
    await vi.waitFor(() => expect(lines.length).toBeGreaterThan(before + 5), PATIENT)
    isPublishing = false
    await publishing
    await vi.waitFor(() => expect(lines.at(-1)?.positions.at(-1)).toBe(published), PATIENT)
    for (const member of members.values()) await member.kill()

    expect(asSeen(lines.flatMap(({ positions }) => positions))).toEqual(range(1, published))
    expect(new Set(lines.map(({ from }) => from)).size).toBe(3)
    for (const pid of members.keys()) {
      const own = lines.filter(({ from }) => from === pid).flatMap(({ positions }) => positions)
      expect(own).toEqual(asSeen(own)) // nobody gets anything twice
    }
  })

  test('a process that is paused for longer than its session loses its topic, and no message is lost', async () => {
    const url = broker.fresh()
    await using bus = await openEventBus(url)
    const lines: Line[] = []
    const sleeper = startSubscriber(url, { group: 'still', topic: 'orders' }, line => lines.push(line))
    await publishSurely(bus, 'orders', events(1, 5))
    await vi.waitFor(() => expect(lines.at(-1)?.positions.at(-1)).toBe(5), PATIENT)
    sleeper.child.kill('SIGSTOP')
    const box = inbox()
    await using _heir = await bus.subscribe('still', ['orders'], box.deliver)
    await publishSurely(bus, 'orders', events(6, 10))
    await vi.waitFor(() => expect(box.positions.at(-1)).toBe(10), PATIENT)
    sleeper.child.kill('SIGCONT')
    await publishSurely(bus, 'orders', events(11, 15))
    await vi.waitFor(() => expect(box.positions.at(-1)).toBe(15), PATIENT)
    expect(asSeen(box.positions)).toEqual(range(6, 15))
  })

  test('subscribers and publishers recover after the broker is killed, with each message once and in order', async () => {
    const url = broker.fresh()
    await using bus = await openEventBus(url)
    await using other = await openEventBus(url)
    const [tailed, grouped] = [inbox(), inbox()]
    await using _tail = await other.tail(['orders', 'payment'], tailed.deliver)
    await using _group = await other.subscribe('cut', ['orders'], grouped.deliver)
    await publishSurely(bus, 'orders', events(1, 10))
    await tailed.received(10)
    for (let round = 1; round <= 2; round++) {
      await faultsOf(broker).kill()
      await expect(bus.publish('orders', events(round * 100, round * 100 + 1))).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      })
      await expect(bus.end('orders')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      await expect(other.read('orders', 0, 10)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
      const published = publishSurely(bus, 'orders', events(round * 100, round * 100 + 99))
      await faultsOf(broker).restart()
      await published
    }
    await vi.waitFor(() => expect(tailed.positions.at(-1)).toBe(299), PATIENT)
    await vi.waitFor(() => expect(grouped.positions.at(-1)).toBe(299), PATIENT)
    expect(tailed.positions).toEqual([...range(1, 10), ...range(100, 299)])
    expect(grouped.positions).toEqual([...range(1, 10), ...range(100, 299)])
    expect(await bus.end('orders')).toBe(299)
  }, 180_000)

  test('a paused broker counts as an outage, which ends when it continues', async () => {
    const url = broker.fresh()
    await using bus = await openEventBus(url)
    const [tailed, grouped] = [inbox(), inbox()]
    await using _tail = await bus.tail(['orders'], tailed.deliver)
    await using _group = await bus.subscribe('frozen', ['orders'], grouped.deliver)
    await publishSurely(bus, 'orders', events(1, 10))
    await grouped.received(10)
    faultsOf(broker).pause()
    const published = publishSurely(bus, 'orders', events(11, 60))
    await expect(bus.end('orders')).rejects.toMatchObject({ code: 'UNAVAILABLE' }) // after 10 s: the session ran out
    faultsOf(broker).resume()
    await published
    await vi.waitFor(() => expect(tailed.positions.at(-1)).toBe(60), PATIENT)
    await vi.waitFor(() => expect(grouped.positions.at(-1)).toBe(60), PATIENT)
    expect(tailed.positions).toEqual(range(1, 60))
    expect(grouped.positions).toEqual(range(1, 60)) // not even what its session ran out over
  }, 180_000)

  test('opening the bus waits for a broker that starts later', async () => {
    const url = broker.fresh()
    await faultsOf(broker).kill()
    const waits = Promise.withResolvers<void>()
    const logger = { info() {}, error() {}, warn: () => waits.resolve() }
    const opening = openKafkaEventBus({ url, logger })
    await waits.promise
    await faultsOf(broker).restart()
    await using bus = await opening
    await bus.publish('orders', events(1, 2))
    expect(await bus.end('orders')).toBe(2)
  }, 180_000)

  test.skipIf(!kafkaJars())(
    'a wrong password is refused at once, and is in no message',
    async () => {
      const jars = kafkaJars() ?? ''
      await using guarded = await startKafka({ jars, user: { name: 'waybill', password: 'right-secret' } })
      {
        await using bus = await openEventBus(guarded.url)
        await bus.publish('orders', events(1, 2))
        expect(await bus.end('orders')).toBe(2)
      }
      const wrong = guarded.url.replace('right', 'wrong')
      const error: unknown = await openEventBus(wrong).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code: 'EVENT_BUS_UNREACHABLE' })
      expect(String(error)).toMatch(/\(EVENT_BUS_URL\) refuses the user and password/)
      expect(String(error)).not.toContain('secret')
      const nobody = openKafkaEventBus({ url: guarded.url.replace(/\/\/.*@/, '//'), startTimeoutMs: 500 })
      await expect(nobody).rejects.toMatchObject({ code: 'EVENT_BUS_UNREACHABLE' })
    },
    180_000,
  )
})
