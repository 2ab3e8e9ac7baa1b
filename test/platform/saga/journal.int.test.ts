// Tests the appends of sagas: how few there are, and that local steps are in the one with the events that ask for them, or in none.
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { EventStore, NewEvent } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import type { LocalSteps } from '#platform/saga/local-steps.ts'
import { startSagaRunner } from '#platform/saga/runner.ts'
import type { StepResponse } from '#platform/saga/saga.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { FAST_POLICY, type Perform, SUCCESS } from './runner-fixture.ts'
import { tripOf, tripSaga } from './trip-saga.ts'

let open: AsyncDisposableStack
let url: string

beforeEach(async () => {
  open = new AsyncDisposableStack()
  url = await freshDatabase()
})

afterEach(() => open.disposeAsync())

/** Local are the steps `note-…`, which write an event each to the stream `notes-<id>`; `note-failing` throws. */
function noting(store: EventStore, afterRead: (version: number) => Promise<void>): LocalSteps {
  return {
    has: command => command.startsWith('trips.note'),
    async open(sagaId) {
      const stream = `notes-${sagaId}` as const
      const expected = (await store.readStream(stream)).length
      await afterRead(expected)
      const events: NewEvent[] = []
      return {
        decide({ step }) {
          if (step === 'note-failing') throw new Error('not decided here')
          events.push(noted(step))
          return SUCCESS
        },
        write: () => ({ stream, expected, events }),
        settle() {},
      }
    },
  }
}

function noted(step: string): NewEvent {
  return { type: 'Noted', data: { step } }
}

type Hooks = {
  readonly appended?: (streams: string[]) => void
  readonly onRead?: () => void
  readonly afterRead?: (version: number) => Promise<void>
}

async function run(perform: Perform, hooks: Hooks = {}) {
  const { appended = () => {}, onRead = () => {}, afterRead = async () => {} } = hooks
  const process = open.use(new AsyncDisposableStack())
  const store = process.use(await openPostgresEventStore({ url }))
  const readModels = process.use(await openReadModels(url))
  const counting: EventStore = {
    ...store,
    append(append) {
      appended(append.writes.map(({ stream }) => stream))
      return store.append(append)
    },
    readStream(...range) {
      onRead()
      return store.readStream(...range)
    },
  }
  const runner = process.use(
    await startSagaRunner({
      ...{ store: counting, readModels, definition: tripSaga, perform, local: noting(store, afterRead) },
      policy: FAST_POLICY,
    }),
  )
  const streamOf = async (stream: 'trip-t1' | 'notes-t1') =>
    (await store.readStream(stream)).map(({ type, data, position }) => [type, data.step, position])
  return { runner, store, streamOf, close: () => process.disposeAsync() }
}

test('a saga that starts with the append that begins it costs no append more, and no read', async () => {
  const appends: string[][] = []
  const onRead = vi.fn()
  const called = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<StepResponse>()
  const perform = () => {
    called.resolve()
    return answer.promise
  }
  const { runner, store } = await run(perform, { onRead, appended: streams => appends.push(streams) })
  const writes = [{ stream: 'notes-t1', expected: 0, events: [noted('begin')] }] as const
  await runner.start('t1', { writes }, tripOf('book'))
  const [begun] = await store.readStream('notes-t1')
  await runner.deliver('t1', begun?.id ?? '', tripOf('book'))
  await called.promise
  expect(await runner.consumer.reached(2, WAIT.timeout)).toBe(true)
  expect(appends).toEqual([['notes-t1', 'trip-t1']])
  expect(onRead).not.toHaveBeenCalled()
  answer.resolve(SUCCESS)
})

test('responses and inputs that arrive while an append is in flight are one append', async () => {
  const appends: string[][] = []
  const perform = async () => SUCCESS
  const { runner, streamOf } = await run(perform, { appended: streams => appends.push(streams) })
  const inputs = Array.from({ length: 20 }, (_, index) => `in${index}`)
  const off = (why: string) => ({ type: 'TripCalledOff', data: { why } }) as const
  await Promise.all([...inputs, ...inputs].map(id => runner.deliver('t1', id, off(id))))
  expect(await streamOf('trip-t1')).toHaveLength(20)
  expect(appends.length).toBeLessThanOrEqual(2)
})

test('local steps, one after another, are one append with the response that asked for them', async () => {
  const appends: string[][] = []
  const perform = vi.fn<Perform>(async () => SUCCESS)
  const { runner, streamOf } = await run(perform, { appended: streams => appends.push(streams) })
  await runner.deliver('t1', 'in1', tripOf('book', 'note-a', 'note-b', 'pay'))
  await expect.poll(() => runner.inspect('t1'), WAIT).toMatchObject({ status: { phase: 'ended' } })
  expect(appends).toEqual([['trip-t1'], ['notes-t1', 'trip-t1'], ['trip-t1']])
  expect(await streamOf('notes-t1')).toEqual([
    ['Noted', 'note-a', 2],
    ['Noted', 'note-b', 3],
  ])
  expect(await streamOf('trip-t1')).toEqual([
    ['TripStarted', undefined, 1],
    ['StepSucceeded', 'book', 4],
    ['StepSucceeded', 'note-a', 5],
    ['StepSucceeded', 'note-b', 6],
    ['StepSucceeded', 'pay', 7],
  ])
  expect(perform.mock.calls.map(([{ step }]) => step)).toEqual(['book', 'pay'])
})

test('a local step that another writer overtakes is decided anew, with all that goes with it', async () => {
  const { runner, store, streamOf } = await run(async () => SUCCESS, {
    async afterRead(version) {
      if (version > 0) return
      await store.append({ writes: [{ stream: 'notes-t1', expected: 0, events: [noted('rival')] }] })
    },
  })
  await runner.deliver('t1', 'in1', tripOf('note-a'))
  expect((await streamOf('notes-t1')).map(([, step]) => step)).toEqual(['rival', 'note-a'])
  expect((await streamOf('trip-t1')).map(([type]) => type)).toEqual(['TripStarted', 'StepSucceeded'])
})

test('a step that cannot be decided locally is performed as any other call', async () => {
  const perform = vi.fn<Perform>(async () => SUCCESS)
  const { runner } = await run(perform)
  await runner.deliver('t1', 'in1', tripOf('note-failing'))
  await expect.poll(() => runner.inspect('t1'), WAIT).toMatchObject({ status: { phase: 'ended' } })
  expect(perform.mock.calls.map(([{ step }]) => step)).toEqual(['note-failing'])
})

test('a former owner whose response comes late changes nothing, and the local steps of the new one are taken once', async () => {
  const late = Promise.withResolvers<StepResponse>()
  const begun = Promise.withResolvers<void>()
  const former = await run(() => {
    begun.resolve()
    return late.promise
  })
  const heir = await run(async () => SUCCESS)
  await former.runner.deliver('t1', 'in1', tripOf('book', 'note-a'))
  await begun.promise
  const closed = former.close()
  await expect.poll(() => heir.streamOf('notes-t1'), WAIT).toHaveLength(1)
  late.resolve(SUCCESS)
  await closed
  expect((await heir.streamOf('trip-t1')).map(([type, step]) => [type, step])).toEqual([
    ['TripStarted', undefined],
    ['StepSucceeded', 'book'],
    ['StepSucceeded', 'note-a'],
  ])
  expect(await heir.streamOf('notes-t1')).toHaveLength(1)
})
