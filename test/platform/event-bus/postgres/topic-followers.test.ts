import { expect, test } from 'vitest'
import type { BusMessage } from '#platform/event-bus/event-bus.ts'
import { toBatches } from '#platform/event-bus/postgres/batch-codec.ts'
import { createTopicFollowers } from '#platform/event-bus/postgres/topic-followers.ts'
import type { Pool, Sql } from '#platform/postgres/pool.ts'
import { range } from '#test/platform/event-bus/messages.ts'

type Row = { readonly trimmed_to: string; readonly messages: Buffer | null }

function messages(from: number, to: number): BusMessage[] {
  return range(from, to).map(position => ({
    topic: 'orders',
    position,
    eventId: `${position}`,
    stream: 'order-1',
    version: position,
    type: 'OrderPlaced',
    data: {},
    meta: {},
    at: '2026-01-01T00:00:00.000Z',
  }))
}

function rowsOf(page: readonly BusMessage[]): Row[] {
  if (page.length === 0) return [{ trimmed_to: '0', messages: null }]
  return toBatches(page).map(batch => ({ trimmed_to: '0', messages: batch.messages }))
}

/** Follows a topic in a database whose reads the test answers. */
function following() {
  const reads: { readonly after: unknown; readonly answer: (positions: readonly number[]) => void }[] = []
  const added: number[] = []
  const pool: Pool = {
    url: '',
    query<Result>({ values }: Sql) {
      const answered = Promise.withResolvers<Row[]>()
      reads.push({
        after: values?.[1],
        answer: positions =>
          answered.resolve(rowsOf(positions.flatMap(position => messages(position, position)))),
      })
      return answered.promise as Promise<Result[]>
    },
    async [Symbol.asyncDispose]() {},
  }
  const checks: number[] = []
  let hear: (source: 'here' | 'elsewhere', content?: string) => void = () => {}
  const notifications = {
    notify() {},
    listen(_topic: string, listener: typeof hear) {
      hear = listener
      return () => {}
    },
    check: () => checks.push(added.length),
  }
  const followers = createTopicFollowers({ pool, notifications, logger: undefined })
  const follower = followers.follow('orders', {
    end: 10,
    add: page => added.push(...page.map(({ position }) => position)),
    skipTo() {},
  })
  const publish = (from: number, to: number, previousEnd: number) =>
    followers.takeOver({ topic: 'orders', messages: messages(from, to), previousEnd, isAnnounced: false })
  const tell = (from: number, to: number, previousEnd: number) =>
    hear('elsewhere', `${previousEnd} ${JSON.stringify(messages(from, to))}`)
  return { reads, added, checks, followers, publish, tell, follower }
}

/** Lets a follower go on that waits for nothing but resolved promises. */
const nextTurn = () => new Promise(resolve => setImmediate(resolve))

test('messages of this process are handed over, and nothing is read after the first read', async () => {
  const { reads, added, publish, follower, followers } = following()
  reads[0]?.answer([])
  await nextTurn()
  publish(11, 12, 10)
  publish(12, 14, 12)
  followers.hearEnd('orders', 14)
  await nextTurn()
  expect(added).toEqual(range(11, 14))
  expect(reads).toHaveLength(1)
  await follower[Symbol.asyncDispose]()
})

test('messages that another process tells are taken over without a read, unless some before them are missing', async () => {
  const { reads, added, tell, follower } = following()
  reads[0]?.answer([])
  await nextTurn()
  tell(11, 12, 10)
  tell(12, 13, 12)
  expect(added).toEqual(range(11, 13))
  expect(reads).toHaveLength(1)
  tell(15, 15, 14)
  await nextTurn()
  expect(added).toEqual(range(11, 13))
  expect(reads.map(({ after }) => after)).toEqual([10, 13])
  reads[1]?.answer([14, 15])
  await nextTurn()
  expect(added).toEqual(range(11, 15))
  await follower[Symbol.asyncDispose]()
})

test('messages of another process before those of this one are read, and order is kept', async () => {
  const { reads, added, publish, follower } = following()
  reads[0]?.answer([])
  await nextTurn()
  publish(14, 15, 13)
  await nextTurn()
  expect(added).toEqual([])
  expect(reads.map(({ after }) => after)).toEqual([10, 10])
  reads[1]?.answer(range(11, 15))
  await nextTurn()
  publish(16, 16, 15)
  expect(added).toEqual(range(11, 16))
  await follower[Symbol.asyncDispose]()
})

test('messages that are handed over during a read are added once', async () => {
  const { reads, added, publish, follower } = following()
  publish(11, 13, 10)
  reads[0]?.answer(range(11, 14))
  await nextTurn()
  expect(added).toEqual(range(11, 14))
  await follower[Symbol.asyncDispose]()
})

test('an end that this process has not reached is read up to, and its notifications are checked', async () => {
  const { reads, added, checks, followers, follower } = following()
  reads[0]?.answer([])
  await nextTurn()
  followers.hearEnd('orders', 10)
  expect(checks).toEqual([])
  followers.hearEnd('orders', 12)
  await nextTurn()
  reads[1]?.answer([11, 12])
  await nextTurn()
  expect(added).toEqual([11, 12])
  expect(checks).toEqual([0])
  await follower[Symbol.asyncDispose]()
})
