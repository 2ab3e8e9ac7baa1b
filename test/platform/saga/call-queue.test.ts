import { expect, test, vi } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import type { NewEvent } from '#platform/event-store/event-store.ts'
import { type CallsOptions, createCalls } from '#platform/saga/call-queue.ts'
import type { AskedCall } from '#platform/saga/history.ts'
import type { StepAnswer } from '#platform/saga/saga.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { SUCCESS } from './runner-fixture.ts'

function asked(step: string, patience: 'bounded' | 'endless' = 'endless'): AskedCall {
  return { call: { kind: 'call', step, command: `trips.${step}`, input: {}, patience }, meta: {} }
}

function setUp(
  perform: CallsOptions['perform'],
  record: CallsOptions['record'] = async () => {},
  changes: Partial<CallsOptions> = {},
) {
  const recorded: string[] = []
  const policy = { boundedForMs: 30, stuckAfterMs: 30, firstDelayMs: 1, lastDelayMs: 2 }
  const calls = createCalls({
    saga: 'trip',
    perform,
    async record(sagaId, commandId, event: NewEvent, meta) {
      await record(sagaId, commandId, event, meta)
      recorded.push(`${event.type} ${commandId}`)
    },
    policy,
    logger: undefined,
    now: () => new Date(),
    ...changes,
  })
  return { calls, recorded }
}

test('at most 256 calls are under way, and there is room again when few wait', async () => {
  const answers: ((answer: StepAnswer) => void)[] = []
  const { calls } = setUp(() => new Promise(resolve => answers.push(resolve)))
  for (let index = 0; index < 256 + 1_023; index++) calls.start(`t${index}`, asked('book'))
  expect(answers).toHaveLength(256)
  await calls.room()

  calls.start('one-more', asked('book'))
  const hasRoom = vi.fn()
  const room = calls.room().then(hasRoom)
  await new Promise(setImmediate)
  expect(hasRoom).not.toHaveBeenCalled()
  answers[0]?.(SUCCESS)
  await room
  expect(answers).toHaveLength(257)
  const stopped = calls.stop()
  for (const answer of answers) answer(SUCCESS)
  await stopped
  expect(answers).toHaveLength(257)
})

test('a call that is under way is not made a second time', async () => {
  const perform = vi.fn(async () => SUCCESS)
  const { calls, recorded } = setUp(perform)
  calls.start('t1', asked('book'))
  calls.start('t1', asked('book'))
  expect(calls.has('t1', 'book')).toBe(true)
  await vi.waitFor(() => expect(recorded).toEqual(['StepSucceeded t1:book:answer']), WAIT)
  expect(calls.has('t1', 'book')).toBe(false)
  expect(perform).toHaveBeenCalledTimes(1)
})

test('an answer that could not be recorded is asked for again', async () => {
  let isAway = true
  const perform = vi.fn(async () => SUCCESS)
  const { calls, recorded } = setUp(perform, async () => {
    if (isAway) throw new CallerError('UNAVAILABLE', 'the store is away')
  })
  calls.start('t1', asked('try-book', 'bounded'))
  await vi.waitFor(() => expect(perform.mock.calls.length).toBeGreaterThan(4), WAIT)
  isAway = false
  await vi.waitFor(() => expect(recorded).toHaveLength(1), WAIT)
})

test('an endless call that can never work is told to be stuck at once, once, and goes on', async () => {
  const perform = vi.fn(async () => {
    throw new CallerError('CONFLICT', 'another body')
  })
  const triesWhenTold: number[] = []
  const { calls, recorded } = setUp(perform, async () => {
    triesWhenTold.push(perform.mock.calls.length)
  })
  calls.start('t1', asked('pay'))
  await vi.waitFor(() => expect(recorded).toEqual(['StepStuck t1:pay:stuck']), WAIT)
  expect(triesWhenTold).toEqual([1])
  await vi.waitFor(() => expect(perform.mock.calls.length).toBeGreaterThan(3), WAIT)
  expect(recorded).toHaveLength(1)
  await calls.stop()
})

test('a bounded call is tried however often until its time is up, and has then failed', async () => {
  let clock = 0
  const perform = vi.fn(async () => {
    clock += 100
    throw new CallerError('UNAVAILABLE', 'the circuit is open')
  })
  const policy = { boundedForMs: 5_000, stuckAfterMs: 200, firstDelayMs: 1, lastDelayMs: 1 }
  const { calls, recorded } = setUp(perform, undefined, { policy, now: () => new Date(clock) })
  calls.start('t1', asked('try-book', 'bounded'))
  await vi.waitFor(() => expect(recorded).toEqual(['StepFailed t1:try-book:answer']), WAIT)
  expect(perform).toHaveBeenCalledTimes(50)
})

test('nothing is retried after the stop', async () => {
  const perform = vi.fn(async () => {
    throw new Error('no line')
  })
  const { calls } = setUp(perform)
  calls.start('t1', asked('pay'))
  await vi.waitFor(() => expect(perform.mock.calls.length).toBeGreaterThan(1), WAIT)
  await calls.stop()
  const times = perform.mock.calls.length
  await new Promise(resolve => setTimeout(resolve, 20))
  expect(perform).toHaveBeenCalledTimes(times)
})

test('calls that wait for another try do not hold up others', async () => {
  const { calls, recorded } = setUp(async ({ step }) => {
    if (step === 'pay') throw new Error('no line')
    return SUCCESS
  })
  for (let index = 0; index < 300; index++) calls.start(`t${index}`, asked('pay'))
  calls.start('other', asked('book'))
  await vi.waitFor(() => expect(recorded).toContain('StepSucceeded other:book:answer'), WAIT)
  await calls.stop()
})
