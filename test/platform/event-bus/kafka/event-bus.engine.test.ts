import { Producer } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openKafkaEventBus } from '#platform/event-bus/kafka/event-bus.ts'
import { partitionOf } from '#platform/event-bus/kafka/producer.ts'
import { encodeRecord } from '#platform/event-bus/kafka/record-codec.ts'
import { openEventBus } from '#platform/event-bus/open.ts'
import { parseKafkaUrl } from '#platform/event-bus/url.ts'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import { eventBusContract } from '#test/platform/event-bus/event-bus.contract.ts'
import { type Broker, missing, onKafka, startBroker } from '#test/platform/event-bus/kafka/broker.ts'
import { events, inbox, range } from '#test/platform/event-bus/messages.ts'

const PATIENT = { timeout: 20_000, interval: 50 }

describe.skipIf(missing)(onKafka, () => {
  let broker: Broker
  let url: string
  beforeAll(async () => {
    broker = await startBroker()
    url = broker.fresh()
  })
  afterAll(() => broker[Symbol.asyncDispose]())

  eventBusContract('Kafka', () => openEventBus(url))

  test('old messages are deleted, and a read of them is refused with the oldest position that is kept', async () => {
    const own = broker.fresh()
    await using bus = await openEventBus(own)
    const tailing = inbox()
    await using _tail = await bus.tail(['aged'], tailing.deliver)
    await bus.publish('aged', events(1, 30))
    await tailing.received(30)
    // The last message of each partition is kept, so that the topic's end stays known.
    const oldest = 29
    const refusal = { code: 'BAD_USER_INPUT', details: { oldest } }
    {
      await using _trimming = await openKafkaEventBus({ url: own, retentionMs: 100, trimEveryMs: 50 })
      await vi.waitFor(() => expect(bus.read('aged', 0, 5)).rejects.toMatchObject(refusal), PATIENT)
    }
    await expect(bus.tail(['aged'], tailing.deliver, { aged: 0 })).rejects.toMatchObject(refusal)
    await bus.publish('aged', events(31, 40))
    expect((await bus.read('aged', oldest, 100)).map(({ position }) => position)).toEqual(
      range(oldest + 1, 40),
    )
    expect(await bus.end('aged')).toBe(40)
    expect(await tailing.received(40)).toEqual(range(1, 40))
    const late = inbox()
    await using _group = await bus.subscribe('late', ['aged'], late.deliver)
    expect(await late.received(11)).toEqual(range(30, 40))
  })

  test('messages that a group has yet to get are kept past the retention time', async () => {
    await using bus = await openKafkaEventBus({ url: broker.fresh(), retentionMs: 300, trimEveryMs: 50 })
    const gate = Promise.withResolvers<void>()
    const box = inbox()
    await using _group = await bus.subscribe('stuck', ['kept'], async batch => {
      await gate.promise
      await box.deliver(batch)
    })
    await bus.publish('kept', events(1, 10))
    await bus.publish('other', events(1, 10))
    await vi.waitFor(
      () => expect(bus.read('other', 0, 1)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' }),
      PATIENT,
    )
    expect((await bus.read('kept', 0, 100)).map(({ position }) => position)).toEqual(range(1, 10))
    gate.resolve()
    expect(await box.received(10)).toEqual(range(1, 10))
    await vi.waitFor(
      () => expect(bus.read('kept', 0, 1)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' }),
      PATIENT,
    )
  })

  test('a batch that a publisher left unfinished is hidden from its first gap on, until it is finished', async () => {
    const own = broker.fresh()
    await using bus = await openEventBus(own)
    await bus.publish('torn', events(1, 10))
    const sent = events(11, 20).filter(event => event.stream !== 'order-ord_1')
    await publishPartly(own, 'torn', sent)
    expect(await bus.end('torn')).toBe(12) // 13 is of the stream that is missing
    expect((await bus.read('torn', 8, 100)).map(({ position }) => position)).toEqual(range(9, 12))
    await using other = await openEventBus(own)
    const [late, early] = [inbox(), inbox()]
    await using _late = await other.tail(['torn'], late.deliver)
    await using _early = await other.tail(['torn'], early.deliver, { torn: 3 })
    await other.publish('torn', events(11, 25))
    expect(await late.received(13)).toEqual(range(13, 25))
    expect(await early.received(22)).toEqual(range(4, 25))
    expect((await bus.read('torn', 0, 100)).map(({ position }) => position)).toEqual(range(1, 25))
    expect(await bus.end('torn')).toBe(25)
  })

  /** Publishes the events of a batch that a publisher sent before it died. */
  async function publishPartly(own: string, topic: string, sent: readonly RecordedEvent[]): Promise<void> {
    const { namespace, brokers, partitions } = parseKafkaUrl(own)
    const lasts = new Map(events(1, 10).map(event => [partitionOf(event.stream, partitions), event.position]))
    const messages = sent.map(event => {
      const partition = partitionOf(event.stream, partitions)
      const links = { before: event.position - 1, beforeHere: lasts.get(partition) ?? 0 }
      lasts.set(partition, event.position)
      return encodeRecord(event, { topic: `${namespace}.${topic}`, partition }, links)
    })
    const producer = new Producer({ clientId: 'torn', bootstrapBrokers: [...brokers], idempotent: true })
    await producer.send({ messages })
    await producer.close()
  }

  test('large events are split into requests that Kafka takes, and one that is too large fails with its own error', async () => {
    await using bus = await openEventBus(broker.fresh())
    const box = inbox()
    await using _tail = await bus.tail(['large'], box.deliver)
    const large =
      (bytes: number) =>
      (event: RecordedEvent): RecordedEvent => ({
        ...event,
        stream: 'order-ord_0',
        data: { text: 'x'.repeat(bytes) },
      })
    await bus.publish('large', events(1, 400).map(large(8_000)))
    expect(await box.received(400)).toEqual(range(1, 400))
    await bus.publish('large', events(401, 401).map(large(900_000)))
    const batch = events(402, 408).map(event => (event.position === 404 ? large(2_000_000)(event) : event))
    const refusal: unknown = await bus.publish('large', batch).catch(error => error)
    expect(refusal).toBeInstanceOf(Error)
    expect(refusal).not.toMatchObject({ code: 'UNAVAILABLE' }) // it is not to be tried for ever
    await bus.publish('large', events(405, 408)) // what the service's publisher does then
    expect(await box.received(407)).toEqual([...range(1, 403), ...range(405, 408)])
  })

  test('two publishers at once, one of which was thought dead, leave readers with each message once and in order', async () => {
    const own = broker.fresh()
    await using bus = await openEventBus(own)
    await using other = await openEventBus(own)
    const [tailed, grouped] = [inbox(), inbox()]
    await using _tail = await bus.tail(['twice'], tailed.deliver)
    await using _group = await bus.subscribe('twice', ['twice'], grouped.deliver)
    const publishAll = async (publisher: typeof bus, size: number) => {
      for (let from = 1; from <= 600; from += size)
        await publisher.publish('twice', events(from, Math.min(600, from + size - 1)))
    }
    await Promise.all([publishAll(bus, 20), publishAll(other, 30)])
    expect(await tailed.received(600)).toEqual(range(1, 600))
    expect(await grouped.received(600)).toEqual(range(1, 600))
    for (const after of [0, 19, 20, 29, 30, 31, 250, 599]) {
      await using late = await openEventBus(own)
      expect((await late.read('twice', after, 1_000)).map(({ position }) => position)).toEqual(
        range(after + 1, 600),
      )
    }
  })

  test('a topic with another number of partitions is refused, at the start and later', async () => {
    const own = broker.fresh()
    {
      await using bus = await openEventBus(`${own}?partitions=3`)
      await bus.publish('orders', events(1, 3))
    }
    const wrong = {
      code: 'EVENT_BUS_TOPIC_WRONG',
      message: expect.stringMatching(
        /\.orders has 3 partitions, where EVENT_BUS_URL asks for 8\. Say partitions=3/,
      ),
    }
    await expect(openEventBus(own)).rejects.toMatchObject(wrong)
    const fresh = broker.fresh()
    await using bus = await openEventBus(fresh)
    await using _early = await openEventBus(`${fresh}?partitions=2`)
    await _early.publish('payment', events(1, 1))
    await expect(bus.end('payment')).rejects.toMatchObject({ code: 'EVENT_BUS_TOPIC_WRONG' })
    // A publisher keeps its events until the operator has put it right.
    await expect(bus.publish('payment', events(1, 2))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('a Kafka that does not answer in time is an operator error without the password', async () => {
    const warnings: string[] = []
    const logger = {
      info() {},
      error() {},
      warn: (_: unknown, text?: string) => void warnings.push(text ?? ''),
    }
    const error: unknown = await openKafkaEventBus({
      url: 'kafka://user:secret@127.0.0.1:1/',
      startTimeoutMs: 500,
      logger,
    }).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'EVENT_BUS_UNREACHABLE' })
    expect(String(error)).toMatch(/Kafka at 127\.0\.0\.1:1 \(EVENT_BUS_URL\) did not answer/)
    expect(String(error)).not.toContain('secret')
    expect(warnings).toEqual(['waiting for Kafka at 127.0.0.1:1 (EVENT_BUS_URL), 0.5 s at most'])
  })
})
