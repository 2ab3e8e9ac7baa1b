import { describe, expect, test } from 'vitest'
import type { Change, Scope } from '#bff/order-feed/change.ts'
import { encodeCursor } from '#bff/order-feed/cursor.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { ALL, answering, idsOf, MAX, next, openFeed, orderOf, started, ZOE } from './feed-fixture.ts'
import { publishAbout, type TestOrder, turn } from './in-memory-bus.ts'

describe('an order feed', () => {
  test('begins with the present state, read after it started to listen', async () => {
    await using setup = openFeed({ answering })
    const stream = await setup.watch({ order: ZOE.id }, undefined, async () => {
      setup.happen('orders', ZOE)
      return [orderOf(ZOE)]
    })
    expect(await next(stream)).toMatchObject({ kind: 'PRESENT', events: [], orders: [orderOf(ZOE)] })
    expect(idsOf(await next(stream))).toEqual(['orders-1'])
  })

  test('reads a changed order once, with all received positions, and gives the same change to all subscribers of a scope', async () => {
    await using setup = openFeed()
    const scopes: Scope[] = [{ order: ZOE.id }, { customer: ZOE.customer }, ALL]
    const watchers = await Promise.all(
      scopes.map(scope =>
        Promise.all(Array.from({ length: 20 }, async () => started(await setup.watch(scope)))),
      ),
    )
    const received = Promise.all(watchers.map(streams => Promise.all(streams.map(next))))
    publishAbout(setup.bus, 'orders', ZOE, true)
    publishAbout(setup.bus, 'payment', ZOE)
    setup.follower.hearAll()
    await turn()
    const [first] = setup.reads
    expect(first).toMatchObject({ positions: { orders: 1 }, detail: 'page' })
    first?.answer(orderOf(ZOE, 1))
    await turn()
    expect(setup.reads[1]).toMatchObject({ positions: { payment: 1 }, detail: 'page' })
    setup.reads[1]?.answer(orderOf(ZOE, 2))
    for (const changes of await received) expect(new Set(changes).size).toBe(1)
    expect(setup.reads).toHaveLength(2)
  })

  test('shares one read between all changes during another read', async () => {
    await using setup = openFeed()
    const stream = await started(await setup.watch(ALL))
    const change = next(stream)
    for (const topic of ['orders', 'orders', 'payment', 'shipping', 'inventory'] as const) {
      publishAbout(setup.bus, topic, ZOE)
      setup.follower.hear(topic)
    }
    await turn()
    expect(setup.reads).toHaveLength(1)
    setup.reads[0]?.answer(orderOf(ZOE, 1))
    expect(idsOf(await change)).toEqual(['orders-1'])
    const rest = next(stream)
    await turn()
    expect(setup.reads[1]).toMatchObject({
      positions: { orders: 2, payment: 1, shipping: 1, inventory: 1 },
      detail: 'summary',
    })
    setup.reads[1]?.answer(orderOf(ZOE, 5))
    const merged = await rest
    expect(idsOf(merged)).toEqual(['orders-2', 'payment-1', 'shipping-1', 'inventory-1'])
    expect(merged.orders).toEqual([orderOf(ZOE, 5)])
    expect(setup.reads).toHaveLength(2)
  })

  test('gives a slow subscriber all missed events in one change, with the newest state', async () => {
    let events = 0
    await using setup = openFeed({ answering: () => orderOf(ZOE, events) })
    const slow = await started(await setup.watch(ALL))
    const quick = await started(await setup.watch(ALL))
    const seen: Change<TestOrder>[] = []
    for (events = 1; events <= 4; events++) {
      const change = next(quick)
      setup.happen('orders', ZOE)
      seen.push(await change)
    }
    const missed = await next(slow)
    expect(missed.events).toEqual(seen.flatMap(change => change.events))
    expect(missed.orders).toEqual(seen.at(-1)?.orders)
    expect(missed.cursor).toBe(seen.at(-1)?.cursor)
    expect(setup.reads).toHaveLength(4)
    publishAbout(setup.bus, 'orders', ZOE)
    const both = [next(slow), next(quick)]
    setup.follower.hearAll()
    const [one, other] = await Promise.all(both)
    expect(one).toBe(other)
  })

  test('gives the last change to a subscriber that was busy, and the same lists to all that missed the same events', async () => {
    await using setup = openFeed({ answering })
    const streams = await Promise.all(Array.from({ length: 5 }, async () => started(await setup.watch(ALL))))
    const [first, ...busy] = streams
    if (!first) throw new Error('nobody watches')
    for (const rounds of [1, 3]) {
      for (let round = 0; round < rounds; round++) {
        const change = next(first)
        setup.happen('orders', ZOE)
        await change
      }
      const late = await Promise.all(busy.map(next))
      expect(new Set(late).size).toBe(1)
      expect(late[0]?.events).toHaveLength(rounds)
    }
  })

  test('gives each subscriber its own missed events, when one missed more than another', async () => {
    await using setup = openFeed({ answering })
    const slow = await started(await setup.watch(ALL))
    const quick = await started(await setup.watch(ALL))
    const busy = await started(await setup.watch(ALL))
    for (const streams of [[quick, busy], [quick]]) {
      const changes = Promise.all(streams.map(next))
      setup.happen('orders', ZOE)
      await changes
    }
    expect(idsOf(await next(slow))).toEqual(['orders-1', 'orders-2'])
    expect(idsOf(await next(busy))).toEqual(['orders-2'])
  })

  test('puts at most 200 events into a change, and the rest into the next', async () => {
    await using setup = openFeed({ answering })
    const live = await started(await setup.watch(ALL))
    const begin = encodeCursor(ALL, {})
    for (let count = 0; count < 450; count++) publishAbout(setup.bus, count % 2 ? 'orders' : 'payment', ZOE)
    setup.follower.hearAll()
    const late = await setup.watch(ALL, begin)
    for (const stream of [live, late]) {
      const changes = [await next(stream), await next(stream), await next(stream)]
      const received = changes.flatMap(change => change.events)
      expect(changes.every(change => change.events.length <= 200)).toBe(true)
      expect(new Set(received.map(({ id }) => id)).size).toBe(450)
    }
  })

  test('gives customers only their own orders, also when only the order itself names its customer', async () => {
    await using setup = openFeed({ answering })
    const stream = await started(await setup.watch({ customer: ZOE.customer }))
    publishAbout(setup.bus, 'orders', MAX, true)
    publishAbout(setup.bus, 'shipping', ZOE)
    publishAbout(setup.bus, 'shipping', MAX)
    publishAbout(setup.bus, 'inventory', ZOE, true)
    const received: string[] = []
    setup.follower.hearAll()
    while (received.length < 2) received.push(...idsOf(await next(stream)))
    expect(received.toSorted()).toEqual(['inventory-1', 'shipping-1'])
  })

  test("gives a customer the events that arrive while the order's customer is read, at any moment, with one read each", async () => {
    for (let moment = 0; moment < 16; moment++) {
      await using setup = openFeed()
      const stream = await started(await setup.watch({ customer: ZOE.customer }))
      const received: string[] = []
      void (async () => {
        for (;;) received.push(...idsOf(await next(stream)))
      })().catch(() => {}) // the stream ends with the feed
      setup.happen('shipping', ZOE)
      await turn()
      setup.reads[0]?.answer(orderOf(ZOE))
      for (let passed = 0; passed < moment; passed++) await Promise.resolve()
      setup.happen('orders', ZOE)
      await turn()
      setup.reads[1]?.answer(orderOf(ZOE))
      await turn()
      expect([moment, ...received]).toEqual([moment, 'shipping-1', 'orders-1'])
      expect(setup.reads).toHaveLength(2)
    }
  })

  test("reads a customer's order once for an event that was received before an earlier one of another order", async () => {
    await using setup = openFeed()
    const stream = await started(await setup.watch({ customer: ZOE.customer }))
    const change = next(stream)
    publishAbout(setup.bus, 'inventory', MAX)
    publishAbout(setup.bus, 'shipping', ZOE)
    setup.follower.hear('shipping')
    await turn()
    setup.follower.hear('inventory')
    setup.reads[0]?.answer(orderOf(ZOE))
    await turn()
    setup.reads[1]?.answer(orderOf(MAX))
    expect(idsOf(await change)).toEqual(['shipping-1'])
    expect(setup.reads.map(({ id }) => id)).toEqual([ZOE.id, MAX.id])
  })

  test('lists events from memory, and older ones from the bus, for a subscriber that resumes on a new process', async () => {
    await using setup = openFeed({ answering, limits: { window: 8 } })
    for (let count = 0; count < 30; count++) {
      publishAbout(setup.bus, 'orders', count % 2 ? ZOE : MAX)
      setup.bus.publish('inventory', {})
    }
    const scope = { order: ZOE.id }
    const after = encodeCursor(scope, { orders: 3, inventory: 29 })
    const many = await Promise.all(Array.from({ length: 50 }, () => setup.watch(scope, after)))
    const changes = await Promise.all(many.map(next))
    expect(new Set(changes).size).toBe(1)
    expect(changes[0]?.events).toHaveLength(14)
    expect(setup.bus.reads.filter(topic => topic === 'orders')).toHaveLength(1)
  })
})

describe('a subscriber', () => {
  test('is refused an order that it may not read, with or without a cursor', async () => {
    await using setup = openFeed({ answering })
    const present = async () => {
      throw new CallerError('NOT_FOUND', 'there is no such order')
    }
    const scope = { order: ZOE.id }
    await expect(setup.watch(scope, undefined, present)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const after = encodeCursor(scope, {})
    await expect(setup.watch(scope, after, present)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(setup.feed.watched()).toBe(0)
    expect(setup.follower.holders()).toBe(0)
  })

  test('gets an order that cannot be read now later, and misses no event', async () => {
    await using setup = openFeed()
    const stream = await started(await setup.watch(ALL))
    const change = next(stream)
    setup.happen('orders', ZOE)
    await turn()
    setup.reads[0]?.answer(new Error('the gateway is away'))
    await setup.recording.seen('changed order could not be read, retrying')
    setup.happen('orders', ZOE)
    await expect.poll(() => setup.reads.length).toBe(2)
    setup.reads[1]?.answer(orderOf(ZOE, 1))
    await turn()
    setup.reads[2]?.answer(orderOf(ZOE, 2))
    const received = [...idsOf(await change), ...idsOf(await next(stream))]
    expect(received).toEqual(['orders-1', 'orders-2'])
  })

  test('misses no event in an outage of any length, not even of orders whose customer must be read', async () => {
    let isAway = true
    await using setup = openFeed({
      answering: id => (isAway ? new Error('the gateway is away') : answering(id)),
      limits: { longestPauseMs: 5 },
    })
    const stream = await started(await setup.watch({ customer: ZOE.customer }))
    const change = next(stream)
    for (const one of [ZOE, MAX]) publishAbout(setup.bus, 'shipping', one)
    setup.follower.hearAll()
    await expect.poll(() => setup.reads.length).toBeGreaterThan(40)
    isAway = false
    expect(idsOf(await change)).toEqual(['shipping-1'])
  })

  test('to an order gets its page, even when it was read for a list before', async () => {
    await using setup = openFeed({ answering })
    const list = await started(await setup.watch(ALL))
    const change = next(list)
    setup.happen('orders', ZOE)
    await change
    const scope = { order: ZOE.id }
    await next(await setup.watch(scope, encodeCursor(scope, {})))
    expect(setup.reads.map(({ detail }) => detail)).toEqual(['summary', 'page'])
  })

  test('is not blocked for ever by one order that cannot be read while others can', async () => {
    await using setup = openFeed({
      answering: id => (id === ZOE.id ? new Error('this order is broken') : orderOf(MAX)),
      limits: { longestPauseMs: 5 },
    })
    const stream = await started(await setup.watch(ALL))
    publishAbout(setup.bus, 'orders', ZOE)
    publishAbout(setup.bus, 'orders', MAX)
    setup.follower.hearAll()
    expect(await next(stream)).toMatchObject({
      events: [{ orderId: ZOE.id }, { orderId: MAX.id }],
      orders: [orderOf(MAX)],
    })
  })

  test('misses no event when the bus was not followed for a while', async () => {
    await using setup = openFeed({ answering })
    const scopes: Scope[] = [ALL, { order: ZOE.id }, { customer: ZOE.customer }]
    const streams = await Promise.all(scopes.map(async scope => started(await setup.watch(scope))))
    const received = Promise.all(streams.map(next))
    for (let count = 0; count < 3; count++) publishAbout(setup.bus, 'orders', ZOE)
    setup.follower.skip()
    for (const change of await received) expect(idsOf(change)).toEqual(['orders-1', 'orders-2', 'orders-3'])
  })

  test('misses no event when missed events cannot be read from the bus for a while', async () => {
    await using setup = openFeed({ answering })
    const stream = await started(await setup.watch(ALL))
    const change = next(stream)
    publishAbout(setup.bus, 'orders', ZOE)
    setup.bus.fault = new Error('the database is away')
    setup.follower.skip()
    await setup.recording.seen('missed events could not be read')
    setup.bus.fault = undefined
    expect(idsOf(await change)).toEqual(['orders-1'])
  })

  test('ends when the feed is closed, and frees its memory when it leaves', async () => {
    const setup = openFeed({ answering })
    const stream = await started(await setup.watch(ALL))
    const gone = await started(await setup.watch({ order: ZOE.id }))
    const last = gone.next()
    await gone.return?.()
    expect(await last).toEqual({ done: true, value: undefined })
    expect(setup.feed.watched()).toBe(1)
    const pending = stream.next()
    await setup[Symbol.asyncDispose]()
    expect(await pending).toEqual({ done: true, value: undefined })
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    expect(setup.follower.holders()).toBe(0)
  })
})
