import { expect, test, vi } from 'vitest'
import type { Call } from '#platform/saga/saga.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import {
  FAST_POLICY,
  historyOf,
  listedBy,
  runTrips,
  SUCCESS,
  untilHistory,
} from '#test/platform/saga/runner-fixture.ts'
import { sagaContract } from '#test/platform/saga/saga.contract.ts'
import { tripOf, tripUntil } from '#test/platform/saga/trip-saga.ts'

sagaContract('the event store', async () => {
  const url = await freshDatabase()
  return { run: (perform, policy) => runTrips(url, perform, policy), async [Symbol.asyncDispose]() {} }
})

test("a saga's history is a stream: its inputs name their causes, and what follows goes on in their names", async () => {
  const calls: Call[] = []
  await using running = await runTrips(await freshDatabase(), async call => {
    calls.push(call)
    return SUCCESS
  })
  const meta = { correlationId: 'req_1', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }
  await running.runner.deliver('t1', 'in1', { ...tripOf('book', 'pay'), meta })
  await untilHistory(running, 't1', 'StepSucceeded pay')
  const events = await running.store.readStream('trip-t1')
  expect(events.map(event => event.meta)).toEqual([{ ...meta, causationId: 'in1' }, {}, {}])
  const named = { ...meta, actor: 'service:trip' }
  expect(calls.map(call => call.meta)).toEqual([
    { ...named, causationId: events[0]?.id },
    { ...named, causationId: events[1]?.id },
  ])
})

test('only the owner of two runners makes calls, and the other takes over when it closes', async () => {
  const url = await freshDatabase()
  const performers: string[] = []
  const first = await runTrips(url, async () => {
    performers.push('first')
    return SUCCESS
  })
  await using second = await runTrips(url, async () => {
    performers.push('second')
    return SUCCESS
  })
  const ids = ['t1', 't2', 't3', 't4']
  await Promise.all(ids.map(id => second.runner.deliver(id, 'in1', tripOf('book', 'pay'))))
  for (const id of ids) await untilHistory(second, id, 'StepSucceeded pay')
  expect(performers).toEqual(Array(8).fill('first'))

  await first[Symbol.asyncDispose]()
  await second.runner.deliver('t5', 'in1', tripOf('book'))
  await untilHistory(second, 't5', 'StepSucceeded book')
  expect(performers.slice(8)).toEqual(['second'])
})

test('a new owner makes at once the calls that the last one would have retried later', async () => {
  const url = await freshDatabase()
  const later = { stuckAfterMs: 0, firstDelayMs: 60_000, lastDelayMs: 60_000 }
  const first = await runTrips(url, () => Promise.reject(new Error('line down')), later)
  await first.runner.deliver('t1', 'in1', tripOf('pay'))
  await untilHistory(first, 't1', 'StepStuck pay')
  await first[Symbol.asyncDispose]()
  await using second = await runTrips(url, async () => SUCCESS)
  await untilHistory(second, 't1', 'StepSucceeded pay')
})

test('a runner whose clock is behind fires no timer, and one with the right clock fires it after a restart', async () => {
  const url = await freshDatabase()
  const anHourAgo = () => new Date(Date.now() - 3_600_000)
  const first = await runTrips(url, async () => SUCCESS, FAST_POLICY, anHourAgo)
  await first.runner.deliver('t1', 'in1', tripUntil(new Date(Date.now() - 1_000)))
  await vi.waitFor(async () => expect(await listedBy(first)).toHaveLength(1), WAIT)
  expect(await historyOf(first, 't1')).toEqual(['TripStarted'])
  await first[Symbol.asyncDispose]()

  await using second = await runTrips(url, async () => SUCCESS)
  await untilHistory(second, 't1', 'StepSucceeded remind')
})
