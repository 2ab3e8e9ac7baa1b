import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EventStore } from '#platform/event-store/event-store.ts'
import { openPostgresEventStore } from '#platform/event-store/postgres/event-store.ts'
import { openReadModels } from '#platform/read-models/open.ts'
import { createHistoryReducer } from '#platform/saga/history.ts'
import { openStatuses, type PositionedStatus, type Statuses } from '#platform/saga/statuses.ts'
import { createDecisionActivities } from '#platform/saga/temporal/decision-activity.ts'
import type { RunEvent } from '#platform/saga/temporal/messages.ts'
import { createRunHistory, inheritedId } from '#platform/saga/temporal/run-history.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { runTrips, SUCCESS, untilHistory } from '#test/platform/saga/runner-fixture.ts'
import { type TripEvent, tripOf, tripSaga, tripUntil } from '#test/platform/saga/trip-saga.ts'

const T1 = { saga: 'trip', sagaId: 't1' }
const NOWHERE = { inherited: 0, runs: 0, version: 0, position: 0 }

let url: string
let open: AsyncDisposableStack
let store: EventStore
let statuses: Statuses
let noted: PositionedStatus[]

beforeEach(async () => {
  open = new AsyncDisposableStack()
  noted = []
  url = await freshDatabase()
  store = open.use(await openPostgresEventStore({ url }))
  statuses = await openStatuses(open.use(await openReadModels(url)), 'trip')
})

afterEach(() => open.disposeAsync())

/** Opens the activity as another process would: nothing is remembered. */
function deciding(runLength = 100) {
  const reducer = createHistoryReducer(tripSaga)
  const runHistory = createRunHistory(store, 'trip', reducer)
  const writer = { note: (one: PositionedStatus) => void noted.push(one) }
  return createDecisionActivities({
    reducer,
    runHistory,
    statuses,
    writer,
    runLength,
  })
}

function arrival(inputId: string, { type, data }: TripEvent): RunEvent {
  return { ...arrived(`input:${inputId}`), type, data }
}

function answer(step: string): RunEvent {
  const data = { step, result: {}, at: new Date().toISOString() }
  return { ...arrived(`${step}:answer`), type: 'StepSucceeded', data }
}

function arrived(command: string) {
  return {
    commandId: `t1:${command}`,
    schema: 1,
    meta: {},
    id: randomUUID(),
    at: new Date().toISOString(),
  }
}

test('an arrival requests its calls and timers once, and the same request gets the same decision', async () => {
  const start = arrival('in1', tripOf('book'))
  const request = { ...T1, base: NOWHERE, events: [], arrivals: [start, arrival('in1', tripOf('book'))] }
  const decision = await deciding().decide(request)
  expect(decision).toMatchObject({ accepted: [0], isOver: false, isFull: false })
  expect(decision.doing.calls.map(({ call, isStuck }) => [call.step, isStuck])).toEqual([['book', false]])
  expect(decision.doing.calls[0]?.meta).toMatchObject({ causationId: start.id, correlationId: 't1' })
  expect(await deciding().decide(request)).toEqual(decision)

  const repeated = await deciding().decide({ ...T1, base: NOWHERE, events: [start], arrivals: [start] })
  expect(repeated).toMatchObject({ accepted: [], doing: { calls: [], timers: [], cancelled: [] } })
})

test('an effect that was requested and ended in between is not started', async () => {
  const events = [arrival('in1', tripOf('book')), answer('book')]
  const decision = await deciding().decide({ ...T1, base: NOWHERE, events: [], arrivals: events })
  expect(decision).toMatchObject({ accepted: [0, 1], isOver: true, doing: { calls: [] } })
})

test('a running timer keeps a saga open, and a cancelled one does not', async () => {
  const start = arrival('in1', tripUntil(new Date('2999-01-01')))
  const first = await deciding().decide({ ...T1, base: NOWHERE, events: [], arrivals: [start] })
  expect(first).toMatchObject({ isOver: false, doing: { timers: [{ timer: 'deadline' }] } })
  const off = arrival('in2', { type: 'TripCalledOff', data: { why: 'rain' } })
  const second = await deciding().decide({ ...T1, base: NOWHERE, events: [start], arrivals: [off] })
  expect(second).toMatchObject({ isOver: true, doing: { cancelled: ['deadline'] } })
})

test('the next run begins where the last one closed, with its state and pending effects', async () => {
  const events = [arrival('in1', tripOf('book', 'pay')), answer('book')]
  const closing = { ...T1, base: NOWHERE, events }
  const base = await deciding().close(closing)
  expect(await deciding().close(closing)).toEqual(base)
  expect(base).toEqual({ inherited: 0, runs: 1, version: 2, position: 2 })

  const begun = await deciding().begin(T1)
  expect(begun).toMatchObject({ base, isOver: false })
  expect(begun.doing.calls.map(({ call }) => call.step)).toEqual(['pay'])
  const later = [arrival('in1', tripOf('book')), answer('pay')]
  const decision = await deciding(1).decide({ ...T1, base, events: [], arrivals: later })
  expect(decision).toMatchObject({ accepted: [1], isOver: true, isFull: true })
  expect((await statuses.list({}, { limit: 10 })).items).toMatchObject([
    { doc: { id: 't1', phase: 'running' } },
  ])
  expect(noted).toMatchObject([{ status: { id: 't1', phase: 'ended' } }])
})

test('an unknown saga begins with the initial state, and is not over', async () => {
  expect(await deciding().begin(T1)).toEqual({
    base: NOWHERE,
    doing: { calls: [], timers: [], cancelled: [] },
    isOver: false,
  })
})

test('events that the runner on the event store recorded precede the first run, and count once', async () => {
  const before = await runTrips(url, async ({ step }) => {
    if (step === 'pay') throw new Error('line down')
    return SUCCESS
  })
  await before.runner.deliver('t1', 'in1', tripOf('book', 'pay'))
  await untilHistory(before, 't1', 'StepStuck pay')
  await before[Symbol.asyncDispose]()

  const { base, doing } = await deciding().begin(T1)
  expect(base).toMatchObject({ inherited: 3, runs: 0, version: 3 })
  expect(doing.calls.map(({ call, isStuck }) => [call.step, isStuck])).toEqual([['pay', true]])
  const [first] = await store.readStream('trip-t1')
  const again = { ...arrival('other', tripOf('book')), commandId: inheritedId(first?.id ?? '') }
  const arrivals = [again, arrival('in1', tripOf('book')), answer('pay')]
  const decision = await deciding().decide({ ...T1, base, events: [], arrivals })
  expect(decision).toMatchObject({ accepted: [2], isOver: true })
  await deciding().close({ ...T1, base, events: [answer('pay')] })
  expect((await deciding().begin(T1)).base).toMatchObject({ inherited: 3, runs: 1, version: 4 })
})
