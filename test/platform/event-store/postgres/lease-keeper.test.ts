import type pg from 'pg'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  type HeldLease,
  type LeaseKeeper,
  startLeaseKeeper,
} from '#platform/event-store/postgres/lease-keeper.ts'

type Statement = { readonly renewed: readonly string[]; readonly checkpoints: readonly (number | null)[] }

let statements: Statement[]
let saved: Map<string, number>
let isAlone: boolean
let isAway: boolean
let keeper: LeaseKeeper

/** Answers as the database does when every lease is still held. */
async function soft<Row extends pg.QueryResultRow>(
  _text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const [renewed, , epochs, checkpoints] = values as [string[], string[], string[], (number | null)[]]
  statements.push({ renewed, checkpoints })
  if (isAway) throw new Error('the database is away')
  const before = renewed.map(name => saved.get(name) ?? 0)
  for (const [index, name] of renewed.entries()) saved.set(name, checkpoints[index] ?? saved.get(name) ?? 0)
  const rows: unknown[] = renewed.map((name, index) => ({
    head: '0',
    name,
    renewed: epochs[index],
    checkpoint: String(before[index]),
    is_free: false,
    left_ms: 7_500,
    dead_letters: 0,
    is_replay_marked: false,
  }))
  return rows as Row[]
}

function hold(consumer: string, positions: { handled: number; safe?: number }): HeldLease {
  const held: HeldLease = {
    lease: { consumer, owner: consumer, epoch: '1' },
    checkpoint: {
      handled: () => positions.handled,
      safe: () => positions.safe ?? Number.POSITIVE_INFINITY,
      stored: 0,
      floor: 0,
      onLost: () => {},
    },
    onLost: () => {},
    renewedAt: performance.now(),
    isLost: false,
  }
  keeper.hold(held)
  return held
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  statements = []
  saved = new Map()
  isAlone = true
  isAway = false
  keeper = startLeaseKeeper({ sessions: { soft }, isAlone: () => isAlone, onHead() {}, logger: undefined })
})
afterEach(async () => {
  vi.useRealTimers()
  await keeper[Symbol.asyncDispose]()
})

test('an idle store sends one statement in about 3 seconds for all its leases', async () => {
  for (const name of ['views', 'publisher', 'saga']) hold(name, { handled: 0 })
  await vi.advanceTimersByTimeAsync(60_000)
  expect(statements.length).toBeGreaterThanOrEqual(16)
  expect(statements.length).toBeLessThanOrEqual(25)
  for (const statement of statements)
    expect(statement).toEqual({ renewed: ['views', 'publisher', 'saga'], checkpoints: [null, null, null] })
})

test.each([
  ['every 50 ms when other processes use the store', false, 50],
  ['every 500 ms when none does', true, 500],
])('all checkpoints that moved are saved in one statement, %s', async (_, alone, ms) => {
  isAlone = alone
  const [views, publisher] = [{ handled: 0 }, { handled: 0 }]
  hold('views', views)
  hold('publisher', publisher)
  hold('saga', { handled: 0 })
  for (let step = 1; step <= 1_000; step++) {
    views.handled = step
    publisher.handled = step
    keeper.hasWork()
    await vi.advanceTimersByTimeAsync(1)
  }
  expect(statements.length).toBeGreaterThanOrEqual(1_000 / ms - 1)
  expect(statements.length).toBeLessThanOrEqual(1_000 / ms + 1)
  for (const { renewed } of statements) expect(renewed).toEqual(['views', 'publisher'])
})

test('a checkpoint that its safe position holds back costs no statement, and is saved when that moves', async () => {
  const saga = { handled: 9, safe: 0 }
  hold('saga', saga)
  keeper.hasWork()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(statements).toEqual([])
  saga.safe = 7
  await vi.advanceTimersByTimeAsync(500)
  expect(statements).toEqual([{ renewed: ['saga'], checkpoints: [7] }])
})

test('a renewal that failed is tried again well before the lease ends', async () => {
  const views = hold('views', { handled: 0 })
  isAway = true
  await vi.advanceTimersByTimeAsync(4_000)
  expect(statements.length).toBeGreaterThan(1)
  isAway = false
  const before = performance.now()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(views.renewedAt).toBeGreaterThanOrEqual(before)
})
