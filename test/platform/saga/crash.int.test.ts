import { expect, test } from 'vitest'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { startKillable } from '#test/fixtures/killable-process.ts'
import { runTrips, SUCCESS, untilHistory } from './runner-fixture.ts'
import { tripOf, tripUntil } from './trip-saga.ts'

test('the next runner continues under the same keys when one is killed in the middle of a step and before a timer', async () => {
  const url = await freshDatabase()
  await using worker = startKillable(new URL('./crash-worker.ts', import.meta.url), [url])
  await worker.said('ready')

  const keys: string[] = []
  await using heir = await runTrips(url, async ({ key }) => {
    keys.push(key)
    return SUCCESS
  })
  await heir.runner.deliver('t1', 'in1', tripOf('book', 'pay'))
  await heir.runner.deliver('t2', 'in1', tripUntil(new Date(Date.now() + 3_000)))
  await worker.said('t1:book')
  await expect.poll(() => heir.runner.list()).toHaveLength(2)
  expect(keys).toEqual([])

  await worker.kill()
  await untilHistory(heir, 't1', 'StepSucceeded pay')
  await untilHistory(heir, 't2', 'StepSucceeded remind')
  expect(keys.toSorted()).toEqual(['t1:book', 't1:pay', 't2:remind'])
})
