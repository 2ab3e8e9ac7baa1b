import { describe, expect, test } from 'vitest'
import type { Scope } from '#bff/order-feed/change.ts'
import { decodeCursor, encodeCursor } from '#bff/order-feed/cursor.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { ALL, answering, idsOf, MAX, next, openFeed, orderOf, started, ZOE } from './feed-fixture.ts'
import { publishAbout, turn } from './in-memory-bus.ts'

describe('a cursor is', () => {
  test('refused when it is malformed, of another scope, or past the end of the bus', async () => {
    await using setup = openFeed({ answering })
    publishAbout(setup.bus, 'orders', ZOE)
    const refused = (cursor: string) => ({ code: 'BAD_USER_INPUT', details: { cursor } })
    await expect(setup.watch(ALL, 'bad')).rejects.toMatchObject(refused('junk'))
    await expect(setup.watch(ALL, encodeCursor({ order: ZOE.id }, {}))).rejects.toMatchObject(
      refused('foreign'),
    )
    await expect(setup.watch(ALL, encodeCursor(ALL, { orders: 2 }))).rejects.toMatchObject(refused('unknown'))
    expect(setup.feed.watched()).toBe(0)
    expect(setup.follower.holders()).toBe(0)
  })

  test('accepted when another process has received more than this one', async () => {
    await using setup = openFeed({ answering })
    await started(await setup.watch(ALL))
    publishAbout(setup.bus, 'orders', ZOE)
    const ahead = await setup.watch(ALL, encodeCursor(ALL, { orders: 1 }))
    const change = next(ahead)
    await turn()
    setup.happen('orders', ZOE)
    expect(idsOf(await change)).toEqual(['orders-2'])
  })

  test('accepted while other subscribers get more', async () => {
    await using setup = openFeed()
    const other = await started(await setup.watch({ order: ZOE.id }))
    setup.happen('shipping', MAX)
    const scope = { customer: ZOE.customer }
    const resumed = next(await setup.watch(scope, encodeCursor(scope, {})))
    await turn() // it has to be read whose order that was
    publishAbout(setup.bus, 'orders', ZOE, true)
    const change = next(other)
    setup.follower.hearAll()
    await turn()
    setup.reads[1]?.answer(orderOf(ZOE))
    await change
    setup.reads[0]?.answer(orderOf(MAX))
    expect(idsOf(await resumed)).toEqual(['orders-1'])
  })

  test('too old when its events are deleted: the subscriber gets the present state, then what follows', async () => {
    await using setup = openFeed({ answering })
    for (let count = 0; count < 3; count++) publishAbout(setup.bus, 'orders', ZOE)
    setup.bus.trim('orders', 2)
    const stream = await setup.watch(ALL, encodeCursor(ALL, { orders: 1 }), async () => [orderOf(MAX)])
    expect(await next(stream)).toMatchObject({ kind: 'RESTARTED', events: [], orders: [orderOf(MAX)] })
    publishAbout(setup.bus, 'orders', ZOE)
    const change = next(stream)
    setup.follower.hearAll()
    expect(idsOf(await change)).toEqual(['orders-4'])
  })

  test('too old when more messages would have to be searched than is allowed, without searching', async () => {
    await using setup = openFeed({ answering, limits: { lookThrough: 10 } })
    for (let count = 0; count < 6; count++) {
      publishAbout(setup.bus, 'orders', ZOE)
      setup.bus.publish('inventory', {})
    }
    const stream = await setup.watch(ALL, encodeCursor(ALL, { orders: 0 }))
    expect((await next(stream)).kind).toBe('RESTARTED')
    expect(setup.bus.reads).toEqual([])
    const near = await setup.watch(ALL, encodeCursor(ALL, { orders: 1, inventory: 1 }))
    expect((await next(near)).events).toHaveLength(5)
  })
})

describe('a subscriber that resumes here after another process that had received more', () => {
  test('gets no older state than it had there, at the cost of one more read', async () => {
    await using setup = openFeed({ answering })
    const other = await started(await setup.watch(ALL))
    publishAbout(setup.bus, 'payment', ZOE)
    const ahead = await setup.watch(ALL, encodeCursor(ALL, { payment: 1 }))
    for (const id of ['orders-1', 'orders-2']) {
      const changes = [next(other), next(ahead)]
      publishAbout(setup.bus, 'orders', ZOE)
      setup.follower.hear('orders')
      for (const change of changes) expect(idsOf(await change)).toEqual([id])
    }
    expect(setup.reads.map(({ positions }) => positions)).toEqual([
      { orders: 1 },
      { orders: 1, payment: 1 },
      { orders: 2, payment: 1 },
    ])
  })

  test('shares the next read with subscribers that require less', async () => {
    await using setup = openFeed()
    await started(await setup.watch(ALL))
    publishAbout(setup.bus, 'payment', ZOE)
    for (let count = 0; count < 2; count++) {
      publishAbout(setup.bus, 'orders', ZOE)
      setup.follower.hear('orders')
    }
    const scope = { order: ZOE.id }
    const change = next(await setup.watch(scope, encodeCursor(scope, { payment: 1 })))
    await turn()
    setup.reads[0]?.answer(orderOf(ZOE))
    await turn()
    expect(setup.reads[1]?.positions).toEqual({ orders: 2, payment: 1 })
    setup.reads[1]?.answer(orderOf(ZOE))
    expect(idsOf(await change)).toEqual(['orders-1', 'orders-2'])
    expect(setup.reads).toHaveLength(2)
  })
})

describe('a subscriber to a quiet order while many others change', () => {
  const scope: Scope = { order: ZOE.id }
  const limits = { window: 4, lookThrough: 400 }

  function rush(setup: ReturnType<typeof openFeed>): void {
    for (let count = 0; count < 500; count++) setup.bus.publish('inventory', {})
    setup.follower.hearAll()
  }

  test('gets a cursor that is no older than necessary', async () => {
    await using setup = openFeed({ answering, limits })
    await started(await setup.watch(scope))
    rush(setup)
    const { cursor } = await next(await setup.watch(scope))
    rush(setup)
    expect(decodeCursor(scope, cursor)).toMatchObject({ inventory: 500 })
  })

  test('can be slow afterwards', async () => {
    await using setup = openFeed({ answering, limits })
    const slow = await started(await setup.watch(scope))
    const quick = await started(await setup.watch(scope))
    rush(setup)
    for (let count = 0; count < 300; count++) {
      const change = next(quick)
      setup.happen('orders', ZOE)
      await change
    }
    const missed = [await next(slow), await next(slow)]
    expect(missed.map(({ kind, events }) => [kind, events.length])).toEqual([
      ['CHANGED', 200],
      ['CHANGED', 100],
    ])
  })

  test('misses no event when the bus is not followed for a while', async () => {
    await using setup = openFeed({ answering, limits })
    const stream = await started(await setup.watch(scope))
    rush(setup)
    publishAbout(setup.bus, 'orders', ZOE)
    const change = next(stream)
    setup.follower.skip()
    expect(await change).toMatchObject({ kind: 'CHANGED', events: [{ id: 'orders-1' }] })
  })

  test('gets RESTARTED, and goes on from the present, when too much has happened meanwhile', async () => {
    await using setup = openFeed({ answering, limits })
    const stream = await started(await setup.watch(scope, undefined, async () => [orderOf(ZOE)]))
    const change = next(stream)
    for (let count = 0; count < 500; count++) setup.bus.publish('inventory', {})
    setup.follower.skip()
    expect(await change).toMatchObject({ kind: 'RESTARTED', orders: [orderOf(ZOE)] })
    setup.happen('orders', ZOE)
    expect(await next(stream)).toMatchObject({ kind: 'CHANGED', events: [{ id: 'orders-1' }] })
  })

  test('is ended when it may no longer read the present state', async () => {
    await using setup = openFeed({ answering, limits })
    let isAllowed = true
    const stream = await started(
      await setup.watch({ all: true }, undefined, async () => {
        if (!isAllowed) throw new CallerError('FORBIDDEN', 'not any more')
        return []
      }),
    )
    isAllowed = false
    const change = next(stream)
    for (let count = 0; count < 500; count++) setup.bus.publish('inventory', {})
    setup.follower.skip()
    await expect(change).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(setup.feed.watched()).toBe(0)
    expect(setup.follower.holders()).toBe(0)
  })
})
