import { describe, expect, test } from 'vitest'
import type { JsonObject } from '#platform/domain/json.ts'
import type { RecordedEvent } from '#platform/event-store/event-store.ts'
import { createHistoryReducer } from '#platform/saga/history.ts'
import { tripOf, tripSaga, tripUntil } from './trip-saga.ts'

function recorded(...events: { type: string; data: JsonObject; schema?: number }[]): RecordedEvent[] {
  return events.map(({ type, data, schema = 1 }, index) => ({
    position: 10 + index,
    stream: 'trip-t1',
    version: index + 1,
    id: `evt_${index + 1}`,
    type,
    schema,
    data,
    meta: {},
    recordedAt: `2026-01-01T00:00:0${index}.000Z`,
  }))
}

const succeeded = (step: string) => ({ type: 'StepSucceeded', data: { step, result: {}, at: '' } })
const failed = (step: string) => ({ type: 'StepFailed', data: { step, error: 'no line', at: '' } })
const stuck = (step: string) => ({ type: 'StepStuck', data: { step, error: 'line down', at: '' } })

function progressAfter(...events: Parameters<typeof recorded>) {
  return createHistoryReducer(tripSaga).replay(recorded(...events))
}

function statusAfter(...events: Parameters<typeof recorded>) {
  const reducer = createHistoryReducer(tripSaga)
  return reducer.statusOf('t1', reducer.replay(recorded(...events)))
}

test('the pending calls are those without a response', () => {
  expect(statusAfter(tripOf('book', 'pay'))).toMatchObject({ pending: ['book'], phase: 'running' })
  expect(statusAfter(tripOf('book', 'pay'), succeeded('book'))).toMatchObject({ pending: ['pay'] })
  expect(statusAfter(tripOf('book'), succeeded('book'))).toEqual({
    id: 't1',
    phase: 'ended',
    pending: [],
    timers: {},
    stuck: false,
    updatedAt: '2026-01-01T00:00:01.000Z',
  })
})

test('a call names the event that requested it as its cause, or the saga when there was none', () => {
  const call = progressAfter(tripOf('book', 'pay'), succeeded('book')).pending.get('pay')
  expect(call?.meta).toEqual({ actor: 'service:trip', correlationId: 't1', causationId: 'evt_2' })
})

test('what follows a response goes on in the name of its call, which the response need not repeat', () => {
  const reducer = createHistoryReducer(tripSaga)
  const [started, booked] = recorded(tripOf('book', 'pay'), succeeded('book'))
  if (!started || !booked) throw new Error('two events were recorded')
  const meta = { correlationId: 'req_1', traceparent: '00-a-b-01' }
  const before = reducer.apply(reducer.initial, { ...started, meta })
  const whole = { ...booked, meta: before.pending.get('book')?.meta ?? {} }
  const own = reducer.ownMeta(before, whole)
  expect(own).toEqual({})
  expect(reducer.apply(before, { ...booked, meta: own })).toEqual(reducer.apply(before, whole))
  expect(reducer.apply(before, booked).pending.get('pay')?.meta).toMatchObject(meta)

  const traced = { ...whole, meta: { ...whole.meta, traceparent: '00-a-c-01' } }
  expect(reducer.ownMeta(before, traced)).toEqual({ traceparent: '00-a-c-01' })
  expect(reducer.ownMeta(before, { ...started, meta })).toEqual(meta)
})

describe('timers', () => {
  const dueAt = '2026-01-01T01:00:00.000Z'

  test('run from their start until they fire or are cancelled', () => {
    const started = tripUntil(new Date(dueAt))
    expect(statusAfter(started).timers).toEqual({ deadline: dueAt })
    const fired = { type: 'TimerFired', data: { timer: 'deadline', at: dueAt } }
    expect(statusAfter(started, fired)).toMatchObject({ timers: {}, pending: ['remind'] })
    const calledOff = { type: 'TripCalledOff', data: { why: 'rain' } }
    expect(statusAfter(started, calledOff).timers).toEqual({})
  })
})

describe('trouble', () => {
  test('lasts until the stuck step gets a response', () => {
    const inTrouble = [tripOf('book', 'pay'), stuck('book')]
    expect(statusAfter(...inTrouble)).toMatchObject({ stuck: true, lastError: 'line down' })
    const over = statusAfter(...inTrouble, succeeded('book'))
    expect(over.stuck).toBe(false)
    expect(over).not.toHaveProperty('lastError')
  })

  test('of a failed step lasts until the next response', () => {
    expect(statusAfter(tripOf('try-book'), failed('try-book'))).toMatchObject({
      phase: 'compensating',
      pending: ['undo'],
      stuck: false,
      lastError: 'no line',
    })
  })

  test('does not arise from a step that got its response meanwhile', () => {
    expect(statusAfter(tripOf('book'), succeeded('book'), stuck('book')).stuck).toBe(false)
  })
})

describe('stored events of other builds', () => {
  test('are ignored when their type is not listed', () => {
    const progress = progressAfter(tripOf('book'), { type: 'TripDreamtOf', data: {} })
    expect(progress).toMatchObject({ version: 2, position: 11 })
    expect([...progress.pending.keys()]).toEqual(['book'])
  })

  test('are upcast from an older schema, and refused from a newer one', () => {
    const reducer = createHistoryReducer({
      ...tripSaga,
      schemas: { TripStarted: 2 },
      upcasters: { 'TripStarted@1': ({ stops }) => ({ steps: [{ step: `${stops}`, patience: 'endless' }] }) },
    })
    const old = reducer.replay(recorded({ type: 'TripStarted', data: { stops: 'book' } }))
    expect([...old.pending.keys()]).toEqual(['book'])
    expect(() => reducer.replay(recorded({ ...tripOf('book'), schema: 3 }))).toThrow(/newer build/)
  })
})
