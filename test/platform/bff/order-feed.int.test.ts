import { beforeEach, describe, expect, test, vi } from 'vitest'
import { type OrderFeed, openOrderFeed, orderOf, type Positions } from '#platform/bff/order-feed.ts'
import { newId, siblingId } from '#platform/domain/ids.ts'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import { openEventBus } from '#platform/event-bus/open.ts'
import type { RecordedEvent, StreamId } from '#platform/event-store/event-store.ts'
import { freshDatabase } from '#test/database.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

const ORDER = newId('order')
type Read = { readonly positions: Positions; readonly answer: (value: string | Error) => void }

/** A feed over a bus of its own, whose reads are answered by hand. */
async function openFeed() {
  await using open = new AsyncDisposableStack()
  const bus = open.use(await openEventBus(await freshDatabase()))
  const reads: Read[] = []
  let wake = () => {}
  const recording = recordingLogger()
  const feed: OrderFeed<string> = open.use(
    await openOrderFeed<string>({
      bus,
      logger: recording.logger,
      read: (_orderId, positions) =>
        new Promise((resolve, reject) => {
          reads.push({
            positions,
            answer: value => (value instanceof Error ? reject(value) : resolve(value)),
          })
          wake()
        }),
    }),
  )
  const running = open.move()
  return {
    bus,
    feed,
    reads,
    seen: recording.seen,
    /** The read with this number, counted from 1, once it is under way. */
    async read(number: number): Promise<Read> {
      for (;;) {
        const found = reads[number - 1]
        if (found) return found
        await new Promise<void>(resolve => {
          wake = resolve
        })
      }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

let positions: Record<string, number>
beforeEach(() => {
  positions = {}
})

/** Publishes one event about `orderId` and resolves when the feed's next message would be past it. */
async function publish(bus: EventBus, topic: string, stream: StreamId = `order-${ORDER}`): Promise<number> {
  const position = (positions[topic] ?? 0) + 1
  positions[topic] = position
  const event: RecordedEvent = {
    position,
    stream,
    version: position,
    id: crypto.randomUUID(),
    type: 'OrderConfirmed',
    schema: 1,
    data: {},
    meta: {},
    recordedAt: new Date().toISOString(),
  }
  await bus.publish(topic, [event])
  return position
}

describe('an order feed', () => {
  test('reads a changed order once, with what was announced, for all who watch it', async () => {
    await using setup = await openFeed()
    const watchers = await Promise.all(Array.from({ length: 50 }, () => setup.feed.watch(ORDER)))
    const updates = Promise.all(watchers.map(watcher => watcher.next()))
    const position = await publish(setup.bus, 'orders')
    const read = await setup.read(1)
    expect(read.positions).toEqual({ orders: position })
    read.answer('confirmed')
    expect(new Set((await updates).map(({ value }) => value))).toEqual(new Set(['confirmed']))
    expect(setup.reads).toHaveLength(1)
  })

  test('reads once more for all that changes during a read, of every service', async () => {
    await using setup = await openFeed()
    const watcher = await setup.feed.watch(ORDER)
    await publish(setup.bus, 'orders')
    const first = await setup.read(1)
    const other = newId('order')
    await publish(setup.bus, 'orders')
    await publish(setup.bus, 'orders')
    await publish(setup.bus, 'payment', `payment-${siblingId('payment', ORDER)}`)
    // A change of another watched order comes last on each topic: once it is read, those before it have been heard.
    const otherWatcher = await setup.feed.watch(other)
    await publish(setup.bus, 'orders', `order-${other}`)
    ;(await setup.read(2)).answer('other')
    await otherWatcher.next()
    await publish(setup.bus, 'payment', `payment-${siblingId('payment', other)}`)
    ;(await setup.read(3)).answer('other again')
    await otherWatcher.next()
    first.answer('old')
    const second = await setup.read(4)
    expect(second.positions).toEqual({ orders: 3, payment: 1 })
    second.answer('new')
    expect((await watcher.next()).value).toMatch(/old|new/)
    expect(setup.reads).toHaveLength(4)
  })

  test('gives a slow reader the newest state and none of those between', async () => {
    await using setup = await openFeed()
    const slow = await setup.feed.watch(ORDER)
    const quick = await setup.feed.watch(ORDER)
    for (const [index, state] of ['first', 'second', 'third'].entries()) {
      const update = quick.next()
      await publish(setup.bus, 'orders')
      ;(await setup.read(index + 1)).answer(state)
      expect((await update).value).toBe(state)
    }
    expect((await slow.next()).value).toBe('third')
  })

  test('goes on after a read that failed', async () => {
    await using setup = await openFeed()
    const watcher = await setup.feed.watch(ORDER)
    await publish(setup.bus, 'orders')
    ;(await setup.read(1)).answer(new Error('the gateway is away'))
    await setup.seen('could not be read')
    await publish(setup.bus, 'orders')
    ;(await setup.read(2)).answer('back')
    expect((await watcher.next()).value).toBe('back')
  })

  test('forgets an order that nobody watches any more, and reads nothing for it', async () => {
    await using setup = await openFeed()
    const gone = await setup.feed.watch(ORDER)
    expect(setup.feed.watched()).toBe(1)
    await gone.return?.()
    expect(setup.feed.watched()).toBe(0)
    await publish(setup.bus, 'orders')
    const other = newId('order')
    const watcher = await setup.feed.watch(other)
    await publish(setup.bus, 'orders', `order-${other}`)
    ;(await setup.read(1)).answer('other')
    expect((await watcher.next()).value).toBe('other')
    expect(setup.reads).toHaveLength(1)
  })

  test('goes on for one who comes in the moment that the last one leaves', async () => {
    await using setup = await openFeed()
    const last = await setup.feed.watch(ORDER)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const coming = setup.feed.watch(ORDER)
    await last.return?.()
    const watcher = await coming
    vi.advanceTimersByTime(60_000)
    vi.useRealTimers()
    await publish(setup.bus, 'orders')
    ;(await setup.read(1)).answer('news')
    expect((await watcher.next()).value).toBe('news')
  })

  test('ends for its watchers when it is closed', async () => {
    const setup = await openFeed()
    const watcher = await setup.feed.watch(ORDER)
    const next = watcher.next()
    await setup[Symbol.asyncDispose]()
    expect(await next).toEqual({ done: true, value: undefined })
  })
})

describe('a message is about the order', () => {
  const shipment = newId('shipment')
  test.each<[string, string, Record<string, string>, string | undefined]>([
    ['whose stream it is of', `order-${ORDER}`, {}, ORDER],
    ['that its data names', `shipment-${shipment}`, { orderId: ORDER }, ORDER],
    ['whose payment it is of', `payment-${siblingId('payment', ORDER)}`, {}, ORDER],
    ['or none: a product', 'stock-mug', {}, undefined],
    ['or none: a stream with dashes that is no id', 'stock-ord_-x', {}, undefined],
    ['or none: an order id that is none', 'stock-mug', { orderId: 'ord_1' }, undefined],
  ])('%s', (_what, stream, data, orderId) => {
    expect(orderOf({ stream, data })).toBe(orderId)
  })
})
