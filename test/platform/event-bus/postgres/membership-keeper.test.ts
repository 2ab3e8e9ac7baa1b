import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openMembershipKeeper } from '#platform/event-bus/postgres/membership-keeper.ts'
import type { Pool, Sql } from '#platform/postgres/pool.ts'

type Held = { readonly owner: string; readonly epoch: number; readonly position: number }

const NOTIFICATIONS = { notify() {}, listen: () => () => {} }

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Opens a keeper on a database that `answer` stands for: it gets the owners that ask, and throws while it is away. */
function keeping(answer: (owners: readonly string[]) => readonly Held[]) {
  const statements: { readonly name: string | undefined; readonly positions: unknown }[] = []
  const soft: Pool = {
    url: '',
    async query<Result>({ name, values = [] }: Sql) {
      statements.push({ name, positions: values[4] })
      if (name !== 'keep') return []
      const held = answer(values[2] as string[])
      return [{ held, ends: [{ topic: 'orders', end_position: 9 }], free_in: null }] as Result[]
    },
    async [Symbol.asyncDispose]() {},
  }
  const ends: [string, number][] = []
  const keeper = openMembershipKeeper({
    soft,
    notifications: NOTIFICATIONS,
    logger: undefined,
    topics: () => ['orders'],
    onEnd: (topic, end) => ends.push([topic, end]),
  })
  return { keeper, statements, ends }
}

test('an idle process runs one statement in three and a half seconds for all memberships and topics', async () => {
  const { keeper, statements, ends } = keeping(owners =>
    owners.map(owner => ({ owner, epoch: 1, position: 5 })),
  )
  const signal = new AbortController().signal
  const members = ['orders', 'payment', 'shipping'].map(topic => keeper.add('saga', topic))
  await vi.advanceTimersByTimeAsync(10)
  const leases = await Promise.all(members.map(member => member.acquired(signal)))
  expect(leases.map(lease => lease?.position)).toEqual([5, 5, 5])
  statements.length = 0
  await vi.advanceTimersByTimeAsync(300_000)
  expect(statements.length).toBeGreaterThan(75)
  expect(statements.length).toBeLessThan(95)
  expect(ends.at(-1)).toEqual(['orders', 9])
  expect(leases.map(lease => lease?.lost.aborted)).toEqual([false, false, false])
})

test('checkpoints that move are written together within half a second, and when the lease is released', async () => {
  const { keeper, statements } = keeping(owners => owners.map(owner => ({ owner, epoch: 1, position: 0 })))
  const member = keeper.add('saga', 'orders')
  await vi.advanceTimersByTimeAsync(10)
  const lease = await member.acquired(new AbortController().signal)
  statements.length = 0
  for (let position = 1; position <= 100; position++) lease?.move(position)
  await vi.advanceTimersByTimeAsync(500)
  expect(statements).toEqual([{ name: 'keep', positions: [100] }])
  lease?.move(101)
  await member.leave()
  expect(statements.at(-1)).toEqual({ name: 'release', positions: 101 })
  expect(lease?.lost.aborted).toBe(true)
})

/** Lets the time of two periods pass at most, in small steps. */
async function passUntil(done: () => unknown): Promise<void> {
  for (let ms = 0; ms < 9_000 && !done(); ms += 10) await vi.advanceTimersByTimeAsync(10)
}

test('a lease that another process has, or that could not be renewed in time, is given up', async () => {
  let answer = (owners: readonly string[]): readonly Held[] =>
    owners.map(owner => ({ owner, epoch: 1, position: 0 }))
  const { keeper } = keeping(owners => answer(owners))
  const signal = new AbortController().signal
  const member = keeper.add('saga', 'orders')
  await vi.advanceTimersByTimeAsync(10)
  const first = await member.acquired(signal)
  answer = () => []
  await passUntil(() => first?.lost.aborted)
  expect(first?.lost.aborted).toBe(true)
  answer = owners => owners.map(owner => ({ owner, epoch: 3, position: 7 }))
  const acquired = vi.fn<(lease: Awaited<ReturnType<typeof member.acquired>>) => void>()
  void member.acquired(signal).then(acquired)
  await passUntil(() => acquired.mock.lastCall)
  const second = acquired.mock.lastCall?.[0]
  expect(second).toMatchObject({ epoch: 3, position: 7 })
  answer = () => {
    throw new Error('the database is away')
  }
  await vi.advanceTimersByTimeAsync(6_900)
  expect(second?.lost.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(200)
  expect(second?.lost.aborted).toBe(true)
})
