import { beforeAll, expect, test, vi } from 'vitest'
import { createBusFollower } from '#bff/bus/bus-follower.ts'
import type { EventBus } from '#platform/event-bus/event-bus.ts'
import { openPostgresEventBus } from '#platform/event-bus/postgres/event-bus.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { events, inbox, range } from '#test/platform/event-bus/messages.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'

let url: string
beforeAll(async () => {
  url = await freshDatabase()
})

const { logger } = recordingLogger()

test('holding resolves once all existing messages are received, and first delivers some recent ones', async () => {
  await using bus = await openPostgresEventBus({ url: await freshDatabase() })
  await bus.publish('orders', events(1, 50))
  await using follower = createBusFollower({ bus, logger, history: 20 })
  const heard = inbox()
  follower.listen(batch => void heard.deliver(batch))
  const began = vi.fn()
  follower.onFollow(began)
  using _held = await follower.hold()
  expect(heard.positions).toEqual(range(31, 50))
  expect(began).toHaveBeenCalledExactlyOnceWith({ orders: 30, inventory: 0, payment: 0, shipping: 0 })
  expect(follower.heard()).toMatchObject({ orders: 50 })
  await bus.publish('payment', events(1, 3))
  await heard.received(23)
  expect(follower.heard()).toMatchObject({ orders: 50, payment: 3 })
})

test('following begins with the oldest message that is kept when older ones are deleted', async () => {
  await using bus = await openPostgresEventBus({
    url: await freshDatabase(),
    retentionMs: 1,
    trimEveryMs: 10,
  })
  await bus.publish('orders', events(1, 50))
  await expect
    .poll(() => bus.read('orders', 0, 1).catch((error: Error) => error.message))
    .toContain('position 50')
  await using follower = createBusFollower({ bus, logger, history: 20 })
  const began = vi.fn()
  follower.onFollow(began)
  using _held = await follower.hold()
  expect(began).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ orders: 50 }))
})

test('following ends when nobody has used it for a while, reports that, and can begin again', async () => {
  await using bus = await openPostgresEventBus({ url: await freshDatabase() })
  await using follower = createBusFollower({ bus, logger, lingerMs: 1, checkMs: 10 })
  const ended = Promise.withResolvers<void>()
  follower.onGap(ended.resolve)
  await follower.touch()
  await ended.promise
  await bus.publish('orders', events(1, 5))
  using _held = await follower.hold()
  expect(follower.touch()).toBeUndefined()
  expect(follower.heard()).toMatchObject({ orders: 5 })
})

/** A bus whose end cannot be read, or lies ahead of what it delivers, for as long as the test wants. */
function troubled(bus: EventBus): EventBus & { trouble: 'none' | 'away' | 'silent' } {
  const wrapped = {
    ...bus,
    trouble: 'none' as 'none' | 'away' | 'silent',
    async end(topic: string) {
      if (wrapped.trouble === 'away') throw new Error('the bus is away')
      return (await bus.end(topic)) + (wrapped.trouble === 'silent' ? 1 : 0)
    },
  }
  return wrapped
}

test.each(['away', 'silent'] as const)(
  'a bus that is %s for a moment causes a gap until all messages are received again',
  async trouble => {
    await using open = await openPostgresEventBus({ url })
    const bus = troubled(open)
    await using follower = createBusFollower({ bus, logger, checkMs: 20 })
    using _held = await follower.hold()
    const deaf = Promise.withResolvers<void>()
    const hears = Promise.withResolvers<unknown>()
    follower.onGap(deaf.resolve)
    follower.onFollow(hears.resolve)
    bus.trouble = trouble
    await deaf.promise
    bus.trouble = 'none'
    expect(await hears.promise).toEqual(follower.heard())
  },
)

test('holding rejects when the bus cannot be followed, and following is retried', async () => {
  await using open = await openPostgresEventBus({ url })
  const bus = troubled(open)
  bus.trouble = 'away'
  await using follower = createBusFollower({ bus, logger })
  await expect(follower.hold()).rejects.toThrow('the bus is away')
  bus.trouble = 'none'
  using _held = await follower.hold()
})
