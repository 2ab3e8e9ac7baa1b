import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { startKillable } from '#test/fixtures/killable-process.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { startKillableServer } from '#test/platform/postgres/killable-server.ts'
import { historyOf, listedBy, runTrips, SUCCESS, untilHistory } from './runner-fixture.ts'
import { tripOf, tripUntil } from './trip-saga.ts'

/** Starts the owner of the trips, which is killed when it is to call `suicide`, and hangs in the other calls. */
async function startWorker(url: string, suicide = 'none') {
  const worker = startKillable(new URL('./crash-worker.ts', import.meta.url), [url, suicide])
  await worker.said('ready')
  return worker
}

test('the next runner continues under the same keys when one is killed in the middle of a step and before a timer', async () => {
  const url = await freshDatabase()
  await using worker = await startWorker(url)

  const keys: string[] = []
  await using heir = await runTrips(url, async ({ key }) => {
    keys.push(key)
    return SUCCESS
  })
  await heir.runner.deliver('t1', 'in1', tripOf('book', 'pay'))
  await heir.runner.deliver('t2', 'in1', tripUntil(new Date(Date.now() + 3_000)))
  await worker.said('t1:book')
  await expect.poll(() => listedBy(heir)).toHaveLength(2)
  expect(keys).toEqual([])

  await worker.kill()
  await untilHistory(heir, 't1', 'StepSucceeded pay')
  await untilHistory(heir, 't2', 'StepSucceeded remind')
  expect(keys.toSorted()).toEqual(['t1:book', 't1:pay', 't2:remind'])
})

test('the next runner finds the sagas whose status the killed one has not written yet', async () => {
  const url = await freshDatabase()
  await using worker = await startWorker(url)
  const keys: string[] = []
  await using heir = await runTrips(url, async ({ key }) => {
    keys.push(key)
    return SUCCESS
  })
  await heir.runner.deliver('t1', 'in1', tripOf('book'))
  await heir.runner.deliver('t2', 'in1', tripUntil(new Date(Date.now() + 60_000)))
  await worker.said('t1:book')
  await delay(300) // a checkpoint that nothing held back would be stored by now
  await worker.kill()

  await untilHistory(heir, 't1', 'StepSucceeded book')
  await expect
    .poll(() => listedBy(heir), WAIT)
    .toMatchObject([
      { id: 't1', phase: 'ended' },
      { id: 't2', timers: { deadline: expect.any(String) } },
    ])
  expect(keys).toEqual(['t1:book'])
})

test('a call is made by the next runner when one is killed after it recorded the response before', async () => {
  const url = await freshDatabase()
  await using worker = await startWorker(url, 'pay')
  const keys: string[] = []
  await using heir = await runTrips(url, async ({ key }) => {
    keys.push(key)
    return SUCCESS
  })
  await heir.runner.deliver('t1', 'in1', tripOf('try-book', 'pay'))
  await once(worker.child, 'exit')
  expect(await historyOf(heir, 't1')).toEqual(['TripStarted', 'StepSucceeded try-book'])
  await untilHistory(heir, 't1', 'StepSucceeded pay')
  expect(keys).toEqual(['t1:pay'])
})

test('sagas go on after their owner and their server were killed at once, and the lists show them', async () => {
  const server = await startKillableServer()
  await using worker = await startWorker(server.url)
  await using heir = await runTrips(server.url, async () => SUCCESS)
  await heir.runner.deliver('t1', 'in1', tripOf('try-a', 'try-b'))
  const ended = () => listedBy(heir, { phase: 'ended' }).catch(() => [])
  await expect.poll(ended, WAIT).toHaveLength(1)
  await heir.runner.deliver('t2', 'in1', tripOf('try-a', 'book'))
  await worker.said('t2:book')
  await Promise.all([worker.kill(), server.kill()])
  const history = () => historyOf(heir, 't2').catch(() => [])
  await expect.poll(history, WAIT).toEqual(['TripStarted', 'StepSucceeded try-a', 'StepSucceeded book'])
  await expect.poll(ended, WAIT).toHaveLength(2)
})
