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

function placed(id: string, position: number, ...pending: string[]): PositionedStatus {
  const status: SagaStatus = { id, phase: 'running', pending, timers: {}, stuck: false, updatedAt: '' }
  return { status, position }
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

async function writeAndEnd({ writer, writes }: ReturnType<typeof recordingWriter>, one: PositionedStatus) {
  const written = writer.write([one])
  writes.at(-1)?.end()
  await written
}

test('a saga whose stored status is busy is written again once, half a second later', async () => {
  const recording = recordingWriter()
  await writeAndEnd(recording, placed('t1', 1, 'book'))
  await recording.writer.write([placed('t1', 2, 'pay')])
  await recording.writer.write([placed('t1', 3)])
  expect(recording.positions()).toEqual([[1]])
  await vi.advanceTimersByTimeAsync(500)
  expect(recording.positions()).toEqual([[1], [3]])
})

test('a saga whose stored status is idle is written before its step may begin', async () => {
  const recording = recordingWriter()
  await writeAndEnd(recording, placed('t1', 1))
  const written = vi.fn()
  recording.writer.write([placed('t1', 2, 'book')]).then(written)
  await vi.advanceTimersByTimeAsync(0)
  expect(recording.positions()).toEqual([[1], [2]])
  expect(written).not.toHaveBeenCalled()
  recording.writes.at(-1)?.end()
  await vi.advanceTimersByTimeAsync(0)
  expect(written).toHaveBeenCalled()
})

test('while a write of an idle status is under way, no write is delayed', async () => {
  const recording = recordingWriter()
  await writeAndEnd(recording, placed('t1', 1, 'book'))
  await recording.writer.write([placed('t1', 2)])
  await vi.advanceTimersByTimeAsync(500)
  void recording.writer.write([placed('t1', 3, 'pay')])
  expect(recording.positions()).toEqual([[1], [2], [3]])
})

test('an older write that ends late does not make a saga count as busy', async () => {
  const recording = recordingWriter()
  void recording.writer.write([placed('t1', 1, 'book')])
  void recording.writer.write([placed('t1', 2)])
  recording.writes[1]?.end()
  await vi.advanceTimersByTimeAsync(0)
  recording.writes[0]?.end()
  await vi.advanceTimersByTimeAsync(0)
  void recording.writer.write([placed('t1', 3, 'pay')])
  expect(recording.positions()).toEqual([[1], [2], [3]])
})

test('a failed background write is repeated, and closing writes the rest', async () => {
  const recording = recordingWriter()
  await writeAndEnd(recording, placed('t1', 1, 'book'))
  await recording.writer.write([placed('t1', 2)])
  await vi.advanceTimersByTimeAsync(500)
  recording.writes.at(-1)?.end(new Error('away'))
  await vi.advanceTimersByTimeAsync(500)
  expect(recording.positions()).toEqual([[1], [2], [2]])
  recording.writes.at(-1)?.end(new Error('away'))
  await vi.advanceTimersByTimeAsync(0)
  const closed = recording.writer.close()
  await vi.advanceTimersByTimeAsync(0)
  recording.writes.at(-1)?.end()
  await closed
  expect(recording.positions()).toEqual([[1], [2], [2], [2]])
})

test('an urgent write that fails rejects for the caller', async () => {
  const recording = recordingWriter()
  const written = recording.writer.write([placed('t1', 1, 'book')])
  recording.writes.at(-1)?.end(new Error('away'))
  await expect(written).rejects.toThrow('away')
})
