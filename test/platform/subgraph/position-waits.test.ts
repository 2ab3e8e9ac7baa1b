import { describe, expect, it } from 'vitest'
import type { Role } from '#platform/auth/viewer.ts'
import { createPositionWaits } from '#platform/subgraph/position-waits.ts'

const viewer = (subject: string, role: Role = 'customer') => ({ subject, role })

/** A store at `head` whose views show `shown`; waits end when `catchUp` is called. */
function setUp({ head = 10, shown = 5 } = {}) {
  const state = { head, shown, looks: 0 }
  const waiting: (() => void)[] = []
  const reached = createPositionWaits({
    service: 'orders',
    head: async () => {
      state.looks += 1
      const { head: seen } = state
      await new Promise(setImmediate)
      return seen
    },
    shown: () => state.shown,
    reached: position =>
      position <= state.shown
        ? Promise.resolve(true)
        : new Promise(resolve => waiting.push(() => resolve(position <= state.shown))),
  })
  const catchUp = () => {
    state.shown = state.head
    for (const end of waiting.splice(0)) end()
  }
  return {
    state,
    waiting,
    reached: (position: number, who = viewer('ann')) => reached(position, 2000, who),
    catchUp,
  }
}

const turns = async () => {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
}

describe('a position', () => {
  it('that is shown already is not waited for, and the store is not asked', async () => {
    const { reached, state } = setUp()
    expect(await reached(5)).toBe(true)
    expect(state.looks).toBe(0)
  })

  it('that is recorded is waited for until it is shown', async () => {
    const { reached, waiting, catchUp } = setUp()
    const waits = reached(7)
    await turns()
    expect(waiting).toHaveLength(1)
    catchUp()
    expect(await waits).toBe(true)
  })

  it('past the newest event is given up at once, with one look at the store for all who ask together', async () => {
    const { reached, state, waiting } = setUp()
    const all = await Promise.all(Array.from({ length: 300 }, (_, index) => reached(11 + index)))
    expect(all).toEqual(Array(300).fill(false))
    expect([state.looks, waiting]).toEqual([1, []])
  })

  it('that is recorded while a look is under way is found by the next', async () => {
    const { reached, state, catchUp } = setUp()
    const forged = reached(11)
    await Promise.resolve()
    await Promise.resolve()
    state.head = 11 // written after that look began
    const real = reached(11)
    await turns()
    catchUp()
    expect(await Promise.all([forged, real])).toEqual([false, true])
    expect(state.looks).toBe(2)
  })

  it('is given up while the store cannot be asked', async () => {
    const reached = createPositionWaits({
      service: 'orders',
      head: () => Promise.reject(new Error('away')),
      shown: () => 5,
      reached: () => new Promise(() => {}),
    })
    expect(await reached(6, 2000, viewer('ann'))).toBe(false)
  })
})

describe('waits', () => {
  it('of one caller are 8 at most, and leave room for others', async () => {
    const { reached, waiting, catchUp } = setUp()
    const anns = Array.from({ length: 20 }, () => reached(7))
    await turns()
    expect(waiting).toHaveLength(8)
    const bobs = reached(7, viewer('bob'))
    await turns()
    expect(waiting).toHaveLength(9)
    catchUp()
    expect((await Promise.all(anns)).filter(Boolean)).toHaveLength(8)
    expect(await bobs).toBe(true)
    expect(await reached(10)).toBe(true)
  })

  it('are 32 at most, of services too, who ask for many', async () => {
    const { reached, waiting, catchUp, state } = setUp()
    const service = viewer('service', 'service')
    const all = Array.from({ length: 50 }, () => reached(7, service))
    await turns()
    expect(waiting).toHaveLength(32)
    catchUp()
    expect((await Promise.all(all)).filter(Boolean)).toHaveLength(32)
    state.head = 20
    const again = reached(20, service)
    await turns()
    expect(waiting).toHaveLength(1) // places are given back
    catchUp()
    expect(await again).toBe(true)
  })
})
