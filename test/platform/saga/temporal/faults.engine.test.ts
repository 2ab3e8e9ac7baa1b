import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { OperatorError } from '#platform/domain/errors.ts'
import type { SagaDefinition } from '#platform/saga/saga.ts'
import { freePort } from '#start/postgres-server.ts'
import { startKillable } from '#test/fixtures/killable-process.ts'
import {
  historyOf,
  listedBy,
  type Perform,
  runTrips,
  SUCCESS,
  untilHistory,
} from '#test/platform/saga/runner-fixture.ts'
import {
  cancelWorkflow,
  describeOnTemporal,
  freshEnvironment,
  runTripsOnTemporal,
  type TemporalTripRunner,
  type TripEnvironment,
  type TripSettings,
} from '#test/platform/saga/temporal/temporal-fixture.ts'
import { type Trip, type TripEvent, tripOf, tripSaga, tripUntil } from '#test/platform/saga/trip-saga.ts'
import type { RunningEngine } from '#testbed/engines/engine.ts'

const CRASH_WORKER = new URL('./crash-worker.ts', import.meta.url)

describeOnTemporal(server => {
  let environment: TripEnvironment
  let open: AsyncDisposableStack

  beforeEach(async () => {
    open = new AsyncDisposableStack()
    environment = await freshEnvironment(server().url)
  })

  afterEach(() => open.disposeAsync())

  async function run(settings: TripSettings, where = environment): Promise<TemporalTripRunner> {
    return open.use(await runTripsOnTemporal(where, settings))
  }

  /** Tells of each call, and succeeds. */
  function performing() {
    const keys: string[] = []
    const perform: Perform = async ({ key }) => {
      keys.push(key)
      return SUCCESS
    }
    return { keys, perform }
  }

  function faults(): NonNullable<RunningEngine['faults']> {
    const { faults } = server()
    if (!faults) throw new Error('this Temporal is not ours to hurt: run without TEMPORAL_URL')
    return faults
  }

  test('another process continues under the same keys when one is killed in the middle of a step and before a timer', async () => {
    const dueAt = new Date(Date.now() + 15_000).toISOString()
    await using worker = startKillable(CRASH_WORKER, [environment.url, environment.databaseUrl, dueAt])
    await worker.said('t1:book')
    const { keys, perform } = performing()
    const heir = await run({ perform })
    await worker.kill()
    const killedAt = Date.now()
    await untilHistory(heir, 't1', 'StepSucceeded pay')
    console.log(`a step of a killed process was taken over in ${Date.now() - killedAt} ms`)
    await untilHistory(heir, 't2', 'StepSucceeded remind')
    expect(keys.toSorted()).toEqual(['t1:book', 't1:pay', 't2:remind'])
  })

  test('a long saga continues as new, and its history stays whole', async () => {
    const { keys, perform } = performing()
    const running = await run({ perform, runLength: 4 })
    const steps = Array.from({ length: 20 }, (_, index) => `s${index}`)
    await running.runner.deliver('t1', 'in1', tripOf(...steps))
    await running.runner.deliver('t1', 'in2', { type: 'TripCalledOff', data: { why: 'rain' } })
    await untilHistory(running, 't1', 'StepSucceeded s19')
    await running.runner.deliver('t1', 'in2', { type: 'TripCalledOff', data: { why: 'rain' } })

    const history = await historyOf(running, 't1')
    expect(history.filter(entry => entry !== 'TripCalledOff')).toEqual([
      'TripStarted',
      ...steps.map(step => `StepSucceeded ${step}`),
    ])
    expect(history.filter(entry => entry === 'TripCalledOff')).toHaveLength(1)
    expect(keys).toEqual(steps.map(step => `t1:${step}`))
  })

  test('no event is lost between one run and the next, and timers continue', async () => {
    const { perform } = performing()
    const far = new Date(Date.now() + 3_600_000).toISOString()
    const running = await run({ perform, runLength: 3 })
    await running.runner.deliver('t1', 'first', tripUntil(new Date(far)))
    const inputs = Array.from({ length: 60 }, (_, index) => `in${index}`)
    for (let index = 0; index < inputs.length; index += 3)
      await Promise.all(
        inputs.slice(index, index + 3).map(id => running.runner.deliver('t1', id, tripUntil(new Date(far)))),
      )
    expect((await running.runner.inspect('t1'))?.history).toHaveLength(61)
    expect((await running.runner.inspect('t1'))?.status.timers).toEqual({ deadline: far })
  })

  test('a definition changed by a deploy continues the sagas of the previous one', async () => {
    const held = Promise.withResolvers<void>()
    const before = await runTripsOnTemporal(environment, {
      async perform({ step }) {
        if (step === 'book') return SUCCESS
        held.resolve()
        throw new Error('not yet')
      },
      policy: { stuckAfterMs: 0, firstDelayMs: 500, lastDelayMs: 500 },
    })
    await before.runner.deliver('t1', 'in1', tripOf('book', 'pay'))
    await untilHistory(before, 't1', 'StepStuck pay')
    await held.promise
    await before[Symbol.asyncDispose]()

    // Replayed, it would have asked for a timer when the trip started.
    const changed: SagaDefinition<Trip, TripEvent> = {
      ...tripSaga,
      react: (state, event) => [
        ...tripSaga.react(state, event),
        ...(event.type === 'TripStarted'
          ? [{ kind: 'start-timer', timer: 'new', dueAt: '2999-01-01T00:00:00.000Z' } as const]
          : []),
        ...(event.type === 'StepSucceeded' && event.data.step === 'pay'
          ? [
              {
                kind: 'call',
                step: 'insure',
                command: 'trips.insure',
                input: {},
                patience: 'endless',
              } as const,
            ]
          : []),
      ],
    }
    const { keys, perform } = performing()
    const running = await run({ perform, definition: changed })
    await untilHistory(running, 't1', 'StepSucceeded insure')
    expect(keys).toEqual(['t1:pay', 't1:insure'])
  })

  test('a saga whose definition throws waits until a build can continue it', async () => {
    const thrown = Promise.withResolvers<void>()
    const broken: SagaDefinition<Trip, TripEvent> = {
      ...tripSaga,
      evolve(state, event) {
        if (event.type !== 'StepSucceeded') return tripSaga.evolve(state, event)
        thrown.resolve()
        throw new Error('this build cannot')
      },
    }
    const before = await runTripsOnTemporal(environment, { perform: async () => SUCCESS, definition: broken })
    await before.runner.deliver('t1', 'in1', tripOf('book', 'pay'))
    await thrown.promise
    await before[Symbol.asyncDispose]()

    const { keys, perform } = performing()
    const running = await run({ perform })
    await untilHistory(running, 't1', 'StepSucceeded pay')
    expect(keys).toEqual(['t1:pay'])
  })

  test('a server that is killed and started again loses nothing, and no process needs a restart', async () => {
    const { keys, perform } = performing()
    const running = await run({ perform })
    await running.runner.deliver('t1', 'in1', tripUntil(new Date(Date.now() + 4_000)))
    await untilHistory(running, 't1', 'TripStarted')
    await faults().kill()
    await expect(running.runner.health.check()).rejects.toThrow()
    await expect(running.runner.deliver('t2', 'in1', tripOf('book'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    })

    await faults().restart()
    const restartedAt = Date.now()
    await vi.waitFor(async () => expect(await running.runner.health.check()).toMatchObject({ ok: true }), {
      timeout: 30_000,
      interval: 200,
    })
    await running.runner.deliver('t2', 'in1', tripOf('book'))
    await untilHistory(running, 't2', 'StepSucceeded book')
    console.log(`after the server was back, a new saga had ended in ${Date.now() - restartedAt} ms`)
    await untilHistory(running, 't1', 'StepSucceeded remind')
    expect(keys.toSorted()).toEqual(['t1:remind', 't2:book'])
  })

  test('a server that does not respond makes health fail and calls unavailable until it responds', async () => {
    const { keys, perform } = performing()
    const running = await run({ perform })
    await running.runner.deliver('t1', 'in1', tripUntil(new Date('2999-01-01')))
    faults().pause()
    try {
      await expect(running.runner.health.check()).rejects.toThrow()
      const late = running.runner.deliver('t2', 'in1', tripOf('book'))
      await expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    } finally {
      faults().resume()
    }
    await vi.waitFor(async () => expect(await running.runner.health.check()).toMatchObject({ ok: true }), {
      timeout: 30_000,
      interval: 200,
    })
    await running.runner.deliver('t2', 'in1', tripOf('book')) // which may have been taken the first time, too
    await untilHistory(running, 't2', 'StepSucceeded book')
    expect(await historyOf(running, 't2')).toEqual(['TripStarted', 'StepSucceeded book'])
    expect(keys).toEqual(['t2:book'])
  })

  test('a workflow that is cancelled from outside goes on, since only its definition ends a saga', async () => {
    const running = await run({ perform: async () => SUCCESS })
    await running.runner.deliver('t1', 'in1', tripUntil(new Date('2999-01-01')))
    await untilHistory(running, 't1', 'TripStarted')
    await cancelWorkflow(environment.url, 'trip-t1')
    await running.runner.deliver('t1', 'in2', tripOf('book'))
    await untilHistory(running, 't1', 'StepSucceeded book')
    expect((await running.runner.inspect('t1'))?.status.timers).toHaveProperty('deadline')
  })

  test('sagas of the runner on the event store are taken over in the middle of a step and before a timer', async () => {
    const stuck = { stuckAfterMs: 0, firstDelayMs: 60_000, lastDelayMs: 60_000 }
    const store = await runTrips(
      environment.databaseUrl,
      async ({ step }) => {
        if (step === 'pay') throw new Error('line down')
        return SUCCESS
      },
      stuck,
    )
    await store.runner.deliver('t1', 'in1', tripOf('book', 'pay'))
    await store.runner.deliver('t2', 'in1', tripUntil(new Date(Date.now() + 3_000)))
    await untilHistory(store, 't1', 'StepStuck pay')
    await store[Symbol.asyncDispose]()

    const { keys, perform } = performing()
    const running = await run({ perform })
    await untilHistory(running, 't1', 'StepSucceeded pay')
    await untilHistory(running, 't2', 'StepSucceeded remind')
    await running.runner.deliver('t1', 'in1', tripOf('book', 'pay'))
    expect(await historyOf(running, 't1')).toEqual([
      'TripStarted',
      'StepSucceeded book',
      'StepStuck pay',
      'StepSucceeded pay',
    ])
    expect(keys.toSorted()).toEqual(['t1:pay', 't2:remind'])
    expect((await listedBy(running)).map(({ id, phase }) => `${id} ${phase}`)).toEqual([
      't1 ended',
      't2 ended',
    ])
  })

  test('the start waits for an unreachable server, then fails with the name of its variable', async () => {
    const url = `temporal://127.0.0.1:${await freePort()}/default`
    const started = Date.now()
    const failure = await run(
      { perform: async () => SUCCESS, startTimeoutMs: 2_000 },
      { ...environment, url },
    ).catch(error => error)
    expect(Date.now() - started).toBeGreaterThanOrEqual(2_000)
    expect(failure).toBeInstanceOf(OperatorError)
    expect(failure).toMatchObject({ code: 'WORKFLOWS_UNREACHABLE' })
    expect(failure.message).toMatch(/WORKFLOW_URL.*2 seconds/)
  })

  test('an error says that a namespace does not exist', async () => {
    const url = server().url.replace('/default', '/nobodys')
    const failure = run({ perform: async () => SUCCESS, startTimeoutMs: 500 }, { ...environment, url })
    await expect(failure).rejects.toMatchObject({
      code: 'WORKFLOWS_UNREACHABLE',
      message: expect.stringContaining('no namespace "nobodys"'),
    })
  })
})
