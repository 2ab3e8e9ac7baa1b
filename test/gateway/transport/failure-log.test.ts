import { expect, test } from 'vitest'
import { createFailureLog } from '#gateway/transport/failure-log.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'

test('the first failure is logged with its cause, then one every ten seconds with the number of omitted ones', () => {
  const { logger, entries } = recordingLogger()
  let now = 0
  const log = createFailureLog(logger, 'reviews', () => now)
  for (let failure = 0; failure < 5; failure++) log(new Error('connection refused'))
  now = 9999
  log(new Error('connection refused'))
  expect(entries()).toHaveLength(1)
  expect(entries()[0]).toMatchObject({
    subgraph: 'reviews',
    unlogged: 0,
    err: { message: 'connection refused' },
  })
  now = 10_000
  log(new Error('timed out'))
  expect(entries()).toHaveLength(2)
  expect(entries()[1]).toMatchObject({ unlogged: 5 })
})
