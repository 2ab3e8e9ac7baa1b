// Tests what every event bus promises: a suite that takes the adapter.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import { events, inbox, range } from '#test/platform/event-bus/messages.ts'

let topics = 0
function newTopic(): string {
  topics += 1
  return `topic-${topics}`
}

/** `open` opens the adapter as another process would, each time on the same engine. */
export function eventBusContract(adapter: string, open: () => Promise<EventBus>): void {
  describe(`the event bus on ${adapter}`, () => {
    let [here, there]: EventBus[] = []
    beforeAll(async () => {
      ;[here, there] = await Promise.all([open(), open()])
    })
    afterAll(async () => {
      await Promise.all([here, there].map(bus => bus?.[Symbol.asyncDispose]()))
    })
    function buses(): [EventBus, EventBus] {
      if (!here || !there) throw new Error('the buses are not open')
      return [here, there]
    }

    test('a message is read back with all the data of its event', async () => {
      const [bus, other] = buses()
      const topic = newTopic()
      const [event] = events(7, 7)
      await bus.publish(topic, events(7, 7))
      expect(await other.read(topic, 0, 10)).toEqual([
        {
          topic,
          position: 7,
          eventId: event?.id,
          stream: event?.stream,
          version: event?.version,
          type: event?.type,
          data: event?.data,
          meta: event?.meta,
          at: event?.recordedAt,
        },
      ])
    })

    test('a read begins after its position and returns at most its limit', async () => {
      const [bus] = buses()
      const topic = newTopic()
      await bus.publish(topic, events(1, 30))
      const positions = async (after: number, limit: number) =>
        (await bus.read(topic, after, limit)).map(message => message.position)
      expect(await positions(0, 5)).toEqual(range(1, 5))
      expect(await positions(12, 5)).toEqual(range(13, 17))
      expect(await positions(28, 10_000)).toEqual([29, 30])
      expect(await positions(30, 5)).toEqual([])
      expect(await positions(99, 5)).toEqual([])
    })

    test('a message that is published again is skipped', async () => {
      const [bus, other] = buses()
      const topic = newTopic()
      await bus.publish(topic, events(1, 10))
      await other.publish(topic, events(5, 12))
      await bus.publish(topic, events(1, 3))
      await bus.publish(topic, [])
      expect((await bus.read(topic, 0, 100)).map(message => message.position)).toEqual(range(1, 12))
      expect(await other.end(topic)).toBe(12)
    })

    test('a topic without messages is empty and ends at 0, whatever other topics contain', async () => {
      const [bus] = buses()
      await bus.publish(newTopic(), events(1, 3))
      const topic = newTopic()
      expect(await bus.end(topic)).toBe(0)
      expect(await bus.read(topic, 0, 10)).toEqual([])
    })

    test('a read with an invalid topic, position or limit is refused', async () => {
      const [bus] = buses()
      for (const [after, limit] of [
        [-1, 1],
        [0.5, 1],
        [0, 0],
        [0, 10_001],
        [0, 1.5],
      ] as const)
        await expect(bus.read('orders', after, limit)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
      await expect(bus.read('No Topic', 0, 1)).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
    })

    test('a tail without a position gets the messages that any process publishes from then on', async () => {
      const [bus, other] = buses()
      const topic = newTopic()
      await bus.publish(topic, events(1, 3))
      const [near, far] = [inbox(), inbox()]
      await using _near = await bus.tail([topic], near.deliver)
      await using _far = await other.tail([topic], far.deliver)
      await bus.publish(topic, events(4, 5))
      await bus.publish(topic, events(6, 6))
      expect(await near.received(3)).toEqual([4, 5, 6])
      expect(await far.received(3)).toEqual([4, 5, 6])
    })

    test("a tail of several topics begins at each topic's own position", async () => {
      const [bus, other] = buses()
      const [first, second] = [newTopic(), newTopic()]
      await bus.publish(first, events(1, 5))
      await bus.publish(second, events(1, 5))
      const box = inbox()
      await using _tail = await other.tail([first, second], box.deliver, { [first]: 3 })
      await bus.publish(second, events(6, 7))
      await box.received(4)
      const of = (topic: string) =>
        box.messages.filter(message => message.topic === topic).map(message => message.position)
      expect(of(first)).toEqual([4, 5])
      expect(of(second)).toEqual([6, 7])
    })

    test('tails that begin anywhere in a busy topic miss nothing and get nothing twice', async () => {
      const [bus, other] = buses()
      const topic = newTopic()
      const last = 6_000
      await bus.publish(topic, events(1, 1_000))
      const publishing = (async () => {
        for (let position = 1_000; position < last; position += 125)
          await bus.publish(topic, events(position + 1, position + 125))
      })()
      const starts = [0, 999, 1_000, 500]
      const boxes = starts.map(() => inbox())
      const tails = await Promise.all(
        boxes.map((box, index) => other.tail([topic], box.deliver, { [topic]: starts[index] ?? 0 })),
      )
      await publishing
      for (const [index, box] of boxes.entries()) {
        const start = starts[index] ?? 0
        expect(await box.received(last - start)).toEqual(range(start + 1, last))
      }
      await Promise.all(tails.map(tail => tail[Symbol.asyncDispose]()))
    })

    test('a slow tail delays no other, and gets every message', async () => {
      const [bus] = buses()
      const topic = newTopic()
      const [slow, fast] = [inbox(), inbox()]
      const gate = Promise.withResolvers<void>()
      await using _slow = await bus.tail([topic], async batch => {
        await gate.promise
        await slow.deliver(batch)
      })
      await using _fast = await bus.tail([topic], fast.deliver)
      for (let position = 0; position < 5_000; position += 500)
        await bus.publish(topic, events(position + 1, position + 500))
      expect(await fast.received(5_000)).toEqual(range(1, 5_000))
      expect(slow.positions).toEqual([])
      gate.resolve()
      expect(await slow.received(5_000)).toEqual(range(1, 5_000))
    })

    test('a delivery that throws is repeated, and order is kept', async () => {
      const [bus] = buses()
      const topic = newTopic()
      const [tailed, grouped] = [inbox(), inbox()]
      const failing = (box: typeof tailed) => {
        let failures = 0
        return async (batch: Parameters<typeof box.deliver>[0]) => {
          failures += 1
          if (failures % 3 !== 0) throw new Error('not yet')
          await box.deliver(batch)
        }
      }
      await using _tail = await bus.tail([topic], failing(tailed))
      await using _group = await bus.subscribe('stubborn', [topic], failing(grouped))
      await bus.publish(topic, events(1, 2))
      await bus.publish(topic, events(3, 4))
      expect(await tailed.received(4)).toEqual([1, 2, 3, 4])
      expect(await grouped.received(4)).toEqual([1, 2, 3, 4])
    })

    test('a group gets each message in one process, from the oldest on, and every group gets all', async () => {
      const [bus, other] = buses()
      const topic = newTopic()
      await bus.publish(topic, events(1, 100))
      const [shared, alone] = [inbox(), inbox()]
      const one = await bus.subscribe('shared', [topic], shared.deliver)
      const two = await other.subscribe('shared', [topic], shared.deliver)
      await using _alone = await other.subscribe('alone', [topic], alone.deliver)
      await shared.received(100)
      for (let position = 101; position <= 200; position += 10)
        await bus.publish(topic, events(position, position + 9))
      expect(await alone.received(200)).toEqual(range(1, 200))
      await shared.received(200)
      await Promise.all([one[Symbol.asyncDispose](), two[Symbol.asyncDispose]()])
      expect(shared.positions).toEqual(range(1, 200))
    })

    test('a group continues at its checkpoint in any process', async () => {
      const [bus, other] = buses()
      const topic = newTopic()
      const box = inbox()
      await bus.publish(topic, events(1, 10))
      const first = await bus.subscribe('moving', [topic], box.deliver)
      await box.received(10)
      await using _standby = await other.subscribe('moving', [topic], box.deliver)
      await first[Symbol.asyncDispose]()
      await bus.publish(topic, events(11, 20))
      expect(await box.received(20)).toEqual(range(1, 20))
    })

    test('ending a subscription waits for its delivery, and it gets nothing more', async () => {
      const [bus] = buses()
      const topic = newTopic()
      const box = inbox()
      const begun = Promise.withResolvers<void>()
      const tail = await bus.tail([topic], async batch => {
        begun.resolve()
        await new Promise(resolve => setImmediate(resolve))
        await box.deliver(batch)
      })
      await bus.publish(topic, events(1, 1))
      await begun.promise
      await tail[Symbol.asyncDispose]()
      expect(box.positions).toEqual([1])
      await bus.publish(topic, events(2, 2))
      const later = inbox()
      await using _later = await bus.tail([topic], later.deliver, { [topic]: 1 })
      await later.received(1)
      expect(box.positions).toEqual([1])
    })

    test('closing the bus ends its subscriptions', async () => {
      const bus = await open()
      const topic = newTopic()
      const box = inbox()
      await bus.tail([topic], box.deliver)
      await bus.subscribe('closing', [topic], box.deliver)
      await bus.publish(topic, events(1, 1))
      await box.received(2)
      await bus[Symbol.asyncDispose]()
      const [other] = buses()
      const taken = inbox()
      await using _group = await other.subscribe('closing', [topic], taken.deliver)
      await other.publish(topic, events(2, 2))
      expect(await taken.received(1)).toEqual([2])
      expect(box.positions).toEqual([1, 1])
    })
  })
}
