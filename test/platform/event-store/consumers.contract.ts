// Tests what every event store promises of consumers: a suite that takes the adapter.
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import type { EventStore, RecordedEvent } from '#platform/event-store/event-store.ts'
import {
  appendMany,
  event,
  eventually,
  type Fixture,
  positions,
  upTo,
  write,
} from '#test/platform/event-store/fixtures.ts'

/** A limit for tests that hang. */
const WAIT = 60_000

export function describeConsumers(adapter: string, fixture: () => Promise<Fixture>): void {
  describe(`consumers of an event store on ${adapter}`, () => {
    let database: Fixture
    let store: EventStore
    let handled: number[]

    beforeEach(async () => {
      database = await fixture()
      store = await database.open()
      handled = []
    })
    afterEach(() => database.close())

    const note = async (events: readonly RecordedEvent[]) => {
      handled.push(...positions(events))
    }

    test('a consumer handles stored and new events in order, in batches of at most its size', async () => {
      await appendMany(store, 'order', 25)
      const sizes: number[] = []
      const consumer = await store.consume({
        name: 'views',
        batchSize: 10,
        async handle(events) {
          sizes.push(events.length)
          await note(events)
        },
      })
      await consumer.reached(25, WAIT)
      await appendMany(store, 'stock', 5)
      expect(await consumer.reached(30, WAIT)).toBe(true)
      expect(handled).toEqual(upTo(30))
      expect(Math.max(...sizes)).toBe(10)
      expect(consumer.status()).toEqual({ name: 'views', owner: true, checkpoint: 30, deadLetters: 0 })
    })

    test('events of other categories move the checkpoint without being handled', async () => {
      const consumer = await store.consume({ name: 'views', categories: ['order'], handle: note })
      await store.append(write('stock-1', 0))
      await store.append(write('order-1', 0))
      await store.append(write('stock-1', 1))
      expect(await consumer.reached(3, WAIT)).toBe(true)
      expect(handled).toEqual([2])
    })

    test('a consumer continues from its checkpoint after a restart', async () => {
      const before = await store.consume({ name: 'views', handle: note })
      await before.reached(await appendMany(store, 'order', 5), WAIT)
      await before[Symbol.asyncDispose]()
      await appendMany(store, 'stock', 5)
      let starting: number | undefined
      const after = await store.consume({
        name: 'views',
        handle: note,
        onOwner: async checkpoint => {
          starting = checkpoint
        },
      })
      await after.reached(10, WAIT)
      expect(starting).toBe(5)
      expect(handled).toEqual(upTo(10))
    })

    test('each consumer has a checkpoint of its own', async () => {
      const one = await store.consume({ name: 'one', handle: note })
      await one.reached(await appendMany(store, 'order', 3), WAIT)
      const two = await store.consume({ name: 'two', handle: note })
      await two.reached(3, WAIT)
      expect(handled).toEqual([1, 2, 3, 1, 2, 3])
    })

    test('one process owns a consumer; a standby sees its progress and takes over when the lease is released', async () => {
      const rival = await database.open()
      const owner = await store.consume({ name: 'views', handle: note })
      const takenOver = Promise.withResolvers<void>()
      const standby = await rival.consume({
        name: 'views',
        handle: note,
        onOwner: async () => takenOver.resolve(),
      })
      await appendMany(store, 'order', 5)
      expect(await standby.reached(5, WAIT)).toBe(true)
      expect(standby.status()).toMatchObject({ owner: false, checkpoint: 5 })
      await owner[Symbol.asyncDispose]()
      await takenOver.promise
      await appendMany(store, 'stock', 5)
      expect(await standby.reached(10, WAIT)).toBe(true)
      expect(standby.status().owner).toBe(true)
      expect(handled).toEqual(upTo(10))
    })

    test('reached resolves to true for a past position, and to false on timeout or close', async () => {
      const consumer = await store.consume({ name: 'views', handle: note })
      expect(await consumer.reached(0, 0)).toBe(true)
      expect(await consumer.reached(1, 20)).toBe(false)
      const waiting = consumer.reached(1, 60_000)
      await consumer[Symbol.asyncDispose]()
      expect(await waiting).toBe(false)
    })

    test('the stored checkpoint never passes the safe position, follows it when it moves alone, and the next owner handles the rest again', async () => {
      const rival = await database.open()
      let safe = 2
      const owner = await store.consume({ name: 'views', handle: note, safePosition: () => safe })
      const standby = await rival.consume({ name: 'views', handle: note })
      await appendMany(store, 'order', 5)
      expect(await owner.reached(5, WAIT)).toBe(true)
      expect(owner.status().checkpoint).toBe(5)
      expect(await standby.reached(2, WAIT)).toBe(true)
      expect(await standby.reached(3, 200)).toBe(false)
      safe = 3
      expect(await standby.reached(3, WAIT)).toBe(true)
      safe = 1
      await owner[Symbol.asyncDispose]()
      expect(await standby.reached(5, WAIT)).toBe(true)
      expect(handled).toEqual([...upTo(5), 4, 5])
    })

    test('a rewound consumer handles events again, from a batch that is being handled as well', async () => {
      const gate = Promise.withResolvers<void>()
      const entered = Promise.withResolvers<void>()
      const consumer = await store.consume({
        name: 'views',
        async handle(events) {
          if (events.at(-1)?.position === 4) {
            entered.resolve()
            await gate.promise
          }
          await note(events)
        },
      })
      await appendMany(store, 'order', 3)
      expect(await consumer.reached(3, WAIT)).toBe(true)
      consumer.rewind(1)
      expect(consumer.status().checkpoint).toBe(1)
      expect(await consumer.reached(3, WAIT)).toBe(true)
      await appendMany(store, 'stock', 1)
      await entered.promise
      consumer.rewind(2)
      gate.resolve()
      expect(await consumer.reached(4, WAIT)).toBe(true)
      expect(handled.slice(-5)).toEqual([2, 3, 4, 3, 4])
    })

    test('progress listeners get each new checkpoint', async () => {
      const heard: number[] = []
      const consumer = await store.consume({ name: 'views', handle: note, batchSize: 1 })
      const stop = consumer.onProgress(checkpoint => heard.push(checkpoint))
      await appendMany(store, 'order', 3)
      await consumer.reached(3, WAIT)
      stop()
      await consumer.reached(await appendMany(store, 'stock', 1), WAIT)
      expect(heard).toEqual([1, 2, 3])
    })

    test('a consumer never passes the one it stays behind, even if another process owns that one', async () => {
      const rival = await database.open()
      const gate = Promise.withResolvers<void>()
      const views = await store.consume({
        name: 'views',
        batchSize: 1,
        handle: async ([event]) => {
          if (event?.position === 3) await gate.promise
        },
      })
      const viewsElsewhere = await rival.consume({ name: 'views', handle: async () => {} })
      const near = await store.consume({ name: 'near', behind: views, handle: note })
      const far = await rival.consume({ name: 'far', behind: viewsElsewhere, handle: note })
      for (const n of upTo(4)) await store.append(write(`order-${n}`, 0))
      await Promise.all([near.reached(2, WAIT), far.reached(2, WAIT)])
      expect(await near.reached(3, 100)).toBe(false)
      expect(far.status().checkpoint).toBe(2)
      gate.resolve()
      expect(await Promise.all([near.reached(4, WAIT), far.reached(4, WAIT)])).toEqual([true, true])
    })

    describe('when a handler throws', () => {
      test('the batch is retried event by event until it succeeds', async () => {
        let failures = 2
        const calls: number[][] = []
        const consumer = await store.consume({
          name: 'views',
          async handle(events) {
            calls.push(positions(events))
            if (failures-- > 0) throw new Error('not now')
          },
        })
        await store.append(write('order-1', 0, event('A'), event('B')))
        expect(await consumer.reached(2, WAIT)).toBe(true)
        expect(calls).toEqual([[1, 2], [1], [1], [2]])
        expect(consumer.status()).toMatchObject({ deadLetters: 0 })
      })

      test('an event that keeps failing is parked with the later ones of its stream, and other streams continue', async () => {
        const consumer = await store.consume({ name: 'views', attempts: 2, handle: failingOn(() => [1]) })
        await store.append(write('order-1', 0, event('A'), event('B')))
        await store.append(write('order-2', 0))
        await consumer.reached(3, WAIT)
        await store.append(write('order-1', 2))
        expect(await consumer.reached(4, WAIT)).toBe(true)
        expect(handled).toEqual([3])
        expect(consumer.status().deadLetters).toBe(3)
        const letters = await store.listDeadLetters('views')
        expect(letters.map(({ event, behind }) => [event.position, behind])).toEqual([
          [1, undefined],
          [2, 1],
          [4, 1],
        ])
        expect(letters[0]).toMatchObject({
          consumer: 'views',
          attempts: 2,
          error: expect.stringContaining('no 1'),
        })
        expect(await store.listDeadLetters('others')).toEqual([])
      })

      test('parked streams stay parked after a restart', async () => {
        const before = await store.consume({ name: 'views', attempts: 1, handle: failingOn(() => [1]) })
        await store.append(write('order-1', 0))
        await before.reached(1, WAIT)
        await before[Symbol.asyncDispose]()
        const after = await store.consume({ name: 'views', handle: note })
        await store.append(write('order-1', 1))
        await after.reached(2, WAIT)
        expect(handled).toEqual([])
        expect(after.status().deadLetters).toBe(2)
      })

      test('replayed events are handled in order, and later events of the stream are handled again', async () => {
        let broken = [1, 3]
        const consumer = await store.consume({ name: 'views', attempts: 1, handle: failingOn(() => broken) })
        await store.append(write('order-1', 0, event('A'), event('B')))
        await store.append(write('order-2', 0))
        await consumer.reached(3, WAIT)
        expect(consumer.status().deadLetters).toBe(3)
        broken = [3]
        expect(await store.replayDeadLetters('views', [2])).toBe(2)
        await eventually(() => expect(handled).toEqual([1, 2]))
        await eventually(() => expect(consumer.status().deadLetters).toBe(1))
        await consumer.reached(await appendTo('order-1', 2), WAIT)
        expect(handled).toEqual([1, 2, 4])
        expect(await store.replayDeadLetters('views', [2])).toBe(0)
      })

      test('a replayed event that fails again stays parked, and so does its stream', async () => {
        const consumer = await store.consume({ name: 'views', attempts: 1, handle: failingOn(() => [2]) })
        await store.append(write('order-1', 0, event('A'), event('B'), event('C')))
        await consumer.reached(3, WAIT)
        const rival = await database.open()
        expect(await rival.replayDeadLetters('views')).toBe(2)
        await eventually(async () => expect((await store.listDeadLetters())[0]?.attempts).toBe(2))
        const letters = await store.listDeadLetters('views')
        expect(letters.map(({ event, behind }) => [event.position, behind])).toEqual([
          [2, undefined],
          [3, 2],
        ])
        expect(handled).toEqual([1])
      })

      test("an outage of the handler's engine parks no event, however long it lasts", async () => {
        let outages = 4
        const consumer = await store.consume({
          name: 'views',
          attempts: 1,
          async handle(events) {
            if (outages-- > 0) throw new CallerError('UNAVAILABLE', 'the read models are away')
            await note(events)
          },
        })
        await store.append(write('order-1', 0, event('A'), event('B')))
        expect(await consumer.reached(2, WAIT)).toBe(true)
        expect(handled).toEqual([1, 2])
        expect(consumer.status()).toMatchObject({ deadLetters: 0 })
      })

      test('an owner whose onOwner callback fails retries it', async () => {
        let failures = 2
        const consumer = await store.consume({
          name: 'views',
          handle: note,
          async onOwner() {
            if (failures-- > 0) throw new Error('not now')
          },
        })
        expect(await consumer.reached(await appendMany(store, 'order', 2), WAIT)).toBe(true)
        expect(handled).toEqual([1, 2])
      })
    })

    describe('when another process takes the lease for a while', () => {
      test('the owner stops before the work begins, and continues from the checkpoint that the work returns', async () => {
        const events: string[] = []
        const gate = Promise.withResolvers<void>()
        const entered = Promise.withResolvers<void>()
        let isFirst = true
        await store.consume({
          name: 'views',
          async handle(batch) {
            if (isFirst) {
              isFirst = false
              entered.resolve()
              await gate.promise
              events.push('handled')
            } else await note(batch)
          },
          onLost: () => events.push('lost'),
        })
        await store.append(write('order-1', 0, event('A'), event('B')))
        await entered.promise
        const rival = await database.open()
        const taking = rival.withConsumerLease('views', async checkpoint => {
          events.push(`work from ${checkpoint}`)
          return 1
        })
        await Promise.race([taking, delay(200)])
        expect(events).toEqual([])
        gate.resolve()
        await taking
        await eventually(() => expect(handled).toEqual([2]))
        expect(events).toEqual(['handled', 'lost', 'work from 2'])
      })

      test('work that throws leaves the checkpoint unchanged, and its error is thrown', async () => {
        const consumer = await store.consume({ name: 'views', handle: note })
        await consumer.reached(await appendMany(store, 'order', 3), WAIT)
        const work = async () => {
          throw new Error('no')
        }
        await expect(store.withConsumerLease('views', work)).rejects.toThrow('no')
        await consumer.reached(await appendMany(store, 'stock', 1), WAIT)
        expect(handled).toEqual([1, 2, 3, 4])
      })

      test('the lease of a consumer that nobody runs can be taken', async () => {
        await appendMany(store, 'order', 3)
        await store.withConsumerLease('views', async checkpoint => checkpoint + 2)
        const consumer = await store.consume({ name: 'views', handle: note })
        await consumer.reached(3, WAIT)
        expect(handled).toEqual([3])
      })
    })

    function failingOn(broken: () => number[]): (events: readonly RecordedEvent[]) => Promise<void> {
      return async events => {
        const bad = events.find(({ position }) => broken().includes(position))
        if (bad) throw new Error(`no ${bad.position}`)
        await note(events)
      }
    }

    async function appendTo(stream: 'order-1', version: number): Promise<number> {
      const result = await store.append(write(stream, version))
      return result.status === 'appended' ? result.position : Number.NaN
    }
  })
}
