import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { SagaStatus } from '#platform/saga/saga.ts'
import { createStatusWriter } from '#platform/saga/status-writer.ts'
import type { PositionedStatus } from '#platform/saga/statuses.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function placed(id: string, position: number, changes: Partial<SagaStatus> = {}): PositionedStatus {
  const status = { id, phase: 'running', pending: ['book'], timers: {}, stuck: false, updatedAt: '' } as const
  return { status: { ...status, ...changes }, position }
}

/** A writer whose writes end when the test says so, and the positions that they hold. */
function recordingWriter() {
  const writes: { readonly positions: number[]; end(error?: Error): void }[] = []
  const writer = createStatusWriter(
    {
      write(statuses) {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        writes.push({
          positions: statuses.map(({ position }) => position),
          end: error => (error ? reject(error) : resolve()),
        })
        return promise
      },
    },
    { saga: 'trip', logger: undefined },
  )
  return { writer, writes, positions: () => writes.map(write => write.positions) }
}

test('a saga that runs through its steps is written once it pauses, together with others', async () => {
  const { writer, positions } = recordingWriter()
  for (let position = 1; position < 9; position += 2) {
    writer.note(placed('t1', position))
    writer.note(placed('t2', position + 1))
    await vi.advanceTimersByTimeAsync(400)
  }
  expect(positions()).toEqual([])
  await vi.advanceTimersByTimeAsync(1_500)
  expect(positions()).toEqual([[7, 8]])
})

test('a saga that has ended, or is in trouble, is written at once', async () => {
  const { writer, positions } = recordingWriter()
  writer.note(placed('t1', 1, { phase: 'ended', pending: [] }))
  writer.note(placed('t2', 2, { stuck: true }))
  writer.note(placed('t3', 3, { lastError: 'no line' }))
  writer.note(placed('t4', 4, { phase: 'ended' }))
  writer.note(placed('t5', 5, { phase: 'ended', pending: [], timers: { deadline: '' } }))
  await vi.advanceTimersByTimeAsync(500)
  expect(positions()).toEqual([[1, 2, 3]])
})

test('the safe position is before every saga whose newest status is not surely written', async () => {
  const { writer, writes } = recordingWriter()
  expect(writer.safePosition()).toBe(Number.POSITIVE_INFINITY)
  writer.note(placed('t1', 5))
  writer.note(placed('t2', 7))
  expect(writer.safePosition()).toBe(4)
  await vi.advanceTimersByTimeAsync(1_500)
  writer.note(placed('t1', 9))
  expect(writer.safePosition()).toBe(6)
  writes[0]?.end()
  await vi.advanceTimersByTimeAsync(0)
  expect(writer.safePosition()).toBe(8)
})

test('a failed write is repeated, and closing writes the rest', async () => {
  const { writer, writes, positions } = recordingWriter()
  writer.note(placed('t1', 1))
  await vi.advanceTimersByTimeAsync(1_500)
  writes[0]?.end(new Error('away'))
  await vi.advanceTimersByTimeAsync(500)
  expect(positions()).toEqual([[1], [1]])
  expect(writer.safePosition()).toBe(0)
  writes[1]?.end(new Error('away'))
  await vi.advanceTimersByTimeAsync(0)
  writer.note(placed('t2', 2))
  const closed = writer.close()
  await vi.advanceTimersByTimeAsync(0)
  writes[2]?.end()
  await closed
  expect(positions()).toEqual([[1], [1], [1, 2]])
})
