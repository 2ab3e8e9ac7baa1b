import { expect, test, vi } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import { createCallQueue } from '#platform/saga/call-queue.ts'
import type { PendingCall } from '#platform/saga/history.ts'
import type { StepResponse } from '#platform/saga/saga.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { SUCCESS } from './runner-fixture.ts'

function pendingCall(step: string, patience: 'bounded' | 'endless' = 'endless'): PendingCall {
  return { call: { kind: 'call', step, command: `trips.${step}`, input: {}, patience }, meta: {} }
}

type Options = Parameters<typeof createCallQueue>[0]

function setUp(
  perform: Options['perform'],
  record: Options['record'] = async () => {},
  changes: Partial<Options> = {},
) {
  const recorded: string[] = []
  const policy = { boundedForMs: 30, stuckAfterMs: 30, firstDelayMs: 1, lastDelayMs: 2 }
  const calls = createCallQueue({
    saga: 'trip',
    perform,
    async record(sagaId, entry) {
      await record(sagaId, entry)
      recorded.push(`${entry.type} ${sagaId}:${entry.data.step}`)
    },
    policy,
    logger: undefined,
    now: () => new Date(),
    ...changes,
  })
  return { calls, recorded }
}

test('the queue makes at most 256 calls at once, and has room again when few are waiting', async () => {
  const responses: ((response: StepResponse) => void)[] = []
  const { calls } = setUp(() => new Promise(resolve => responses.push(resolve)))
  for (let index = 0; index < 256 + 1_023; index++) calls.enqueue(`t${index}`, pendingCall('book'))
  expect(responses).toHaveLength(256)
  await calls.whenRoom()

  calls.enqueue('one-more', pendingCall('book'))
  const hasRoom = vi.fn()
  const room = calls.whenRoom().then(hasRoom)
  await new Promise(setImmediate)
  expect(hasRoom).not.toHaveBeenCalled()
  responses[0]?.(SUCCESS)
  await room
  expect(responses).toHaveLength(257)
  const stopped = calls.stop()
  for (const respond of responses) respond(SUCCESS)
  await stopped
  expect(responses).toHaveLength(257)
})

test('a call that is under way is not made a second time', async () => {
  const perform = vi.fn(async () => SUCCESS)
  const { calls, recorded } = setUp(perform)
  calls.enqueue('t1', pendingCall('book'))
  calls.enqueue('t1', pendingCall('book'))
  expect(calls.has('t1', 'book')).toBe(true)
  await vi.waitFor(() => expect(recorded).toEqual(['StepSucceeded t1:book']), WAIT)
  expect(calls.has('t1', 'book')).toBe(false)
  expect(perform).toHaveBeenCalledTimes(1)
})

test('a call is made again when its response could not be recorded', async () => {
  let isAway = true
  const perform = vi.fn(async () => SUCCESS)
  const { calls, recorded } = setUp(perform, async () => {
    if (isAway) throw new CallerError('UNAVAILABLE', 'the store is away')
  })
  calls.enqueue('t1', pendingCall('try-book', 'bounded'))
  await vi.waitFor(() => expect(perform.mock.calls.length).toBeGreaterThan(4), WAIT)
  isAway = false
  await vi.waitFor(() => expect(recorded).toHaveLength(1), WAIT)
})

test('an endless call that can never succeed is reported as stuck once and immediately, and is still retried', async () => {
  const perform = vi.fn(async () => {
    throw new CallerError('CONFLICT', 'another body')
  })
  const attemptsWhenReported: number[] = []
  const { calls, recorded } = setUp(perform, async () => {
    attemptsWhenReported.push(perform.mock.calls.length)
  })
  calls.enqueue('t1', pendingCall('pay'))
  await vi.waitFor(() => expect(recorded).toEqual(['StepStuck t1:pay']), WAIT)
  expect(attemptsWhenReported).toEqual([1])
  await vi.waitFor(() => expect(perform.mock.calls.length).toBeGreaterThan(3), WAIT)
  expect(recorded).toHaveLength(1)
  await calls.stop()
})

test('a bounded call is retried until its time is up, and has then failed', async () => {
  let clock = 0
  const perform = vi.fn(async () => {
    clock += 100
    throw new CallerError('UNAVAILABLE', 'the circuit is open')
  })
  const policy = { boundedForMs: 5_000, stuckAfterMs: 200, firstDelayMs: 1, lastDelayMs: 1 }
  const { calls, recorded } = setUp(perform, undefined, { policy, now: () => new Date(clock) })
  calls.enqueue('t1', pendingCall('try-book', 'bounded'))
  await vi.waitFor(() => expect(recorded).toEqual(['StepFailed t1:try-book']), WAIT)
  expect(perform).toHaveBeenCalledTimes(50)
})

test('nothing is retried after the stop', async () => {
  const perform = vi.fn(async () => {
    throw new Error('no line')
  })
  const { calls } = setUp(perform)
  calls.enqueue('t1', pendingCall('pay'))
  await vi.waitFor(() => expect(perform.mock.calls.length).toBeGreaterThan(1), WAIT)
  await calls.stop()
  const times = perform.mock.calls.length
  await new Promise(resolve => setTimeout(resolve, 20))
  expect(perform).toHaveBeenCalledTimes(times)
})

test('calls that wait for a retry do not hold up others', async () => {
  const { calls, recorded } = setUp(async ({ step }) => {
    if (step === 'pay') throw new Error('no line')
    return SUCCESS
  })
  for (let index = 0; index < 300; index++) calls.enqueue(`t${index}`, pendingCall('pay'))
  calls.enqueue('other', pendingCall('book'))
  await vi.waitFor(() => expect(recorded).toContain('StepSucceeded other:book'), WAIT)
  await calls.stop()
})
