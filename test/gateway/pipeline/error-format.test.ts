import { expect, test } from 'vitest'
import { createErrorFormatter } from '#gateway/pipeline/error-format.ts'
import { INTERNAL_MESSAGE } from '#platform/domain/errors.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'

test('invalid values in responses are logged, a few for each request', () => {
  const { logger, entries } = recordingLogger()
  const format = createErrorFormatter({ requestId: 'req-1', logger })
  const message = 'Cannot return null for non-nullable field Book.title.'
  for (let index = 0; index < 50; index++)
    expect(format({ message, path: ['books', index], extensions: { code: 'INTERNAL' } })).toEqual({
      message: INTERNAL_MESSAGE,
      path: ['books', index],
      extensions: { code: 'INTERNAL', requestId: 'req-1' },
    })
  expect(entries()).toHaveLength(3)
  expect(entries()[0]).toMatchObject({ request_id: 'req-1', path: ['books', 0], err: { message } })
})
