// The contract of saga runners, as a suite that takes a way to open one.
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import type { Call, SagaFilter, SagaPage, StepResponse } from '#platform/saga/saga.ts'
import {
  FAST_POLICY,
  historyOf,
  listedBy,
  type Perform,
  SUCCESS,
  type TripHost,
  type TripRunner,
  untilHistory,
} from '#test/platform/saga/runner-fixture.ts'
import { tripOf, tripUntil } from '#test/platform/saga/trip-saga.ts'

export function sagaContract(name: string, openPlace: () => Promise<TripHost>): void {
  describe(`sagas on ${name}`, () => {
    let environment: TripHost
    let open: AsyncDisposableStack

    beforeEach(async () => {
      open = new AsyncDisposableStack()
      environment = open.use(await openPlace())
    })

    afterEach(() => open.disposeAsync())

    async function run(perform: Perform, policy = FAST_POLICY): Promise<TripRunner> {
      return open.use(await environment.run(perform, policy))
    }

    async function untilListed(running: TripRunner, filter: SagaFilter, ids: string[]) {
      await vi.waitFor(
        async () => expect((await listedBy(running, filter)).map(({ id }) => id)).toEqual(ids),
        60_000,
      )
    }

    test('steps are called one after another, each under the key of its saga and step', async () => {
      const calls: Call[] = []
      const running = await run(async call => {
        calls.push(call)
        return SUCCESS
      })
      const meta = { correlationId: 'req_1', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }
      await running.runner.deliver('t1', 'in1', { ...tripOf('book', 'pay'), meta })
      await untilHistory(running, 't1', 'StepSucceeded pay')

      expect(calls.map(({ key }) => key)).toEqual(['t1:book', 't1:pay'])
      expect(calls[1]).toMatchObject({ sagaId: 't1', command: 'trips.pay', input: { step: 'pay' }, meta })
      expect(calls[1]?.meta).toEqual({
        ...meta,
        actor: 'service:trip',
        causationId: expect.stringMatching(/./),
      })
      expect(await historyOf(running, 't1')).toEqual([
        'TripStarted',
        'StepSucceeded book',
        'StepSucceeded pay',
      ])
    })

    test('a call without a request behind it is correlated by its saga', async () => {
      const calls: Call[] = []
      const running = await run(async call => {
        calls.push(call)
        return SUCCESS
      })
      await running.runner.deliver('t1', 'in1', tripOf('book', 'pay'))
      await untilHistory(running, 't1', 'StepSucceeded pay')
      expect(calls.map(({ meta }) => meta.correlationId)).toEqual(['t1', 't1'])
    })

    test('an input that is delivered again counts once', async () => {
      const running = await run(async () => SUCCESS)
      for (let time = 0; time < 3; time++) await running.runner.deliver('t1', 'in1', tripOf('book'))
      await untilHistory(running, 't1', 'StepSucceeded book')
      await running.runner.deliver('t1', 'in1', tripOf('book'))
      expect(await historyOf(running, 't1')).toEqual(['TripStarted', 'StepSucceeded book'])
    })

    test('a saga starts with the append that begins it, once, also when its input is delivered as well', async () => {
      const performed: string[] = []
      const running = await run(async ({ key }) => {
        performed.push(key)
        return SUCCESS
      })
      const append = {
        writes: [
          { stream: 'bookings-t1', expected: 0, events: [{ type: 'Booked', data: {} }] },
          { stream: 'seats-t1', expected: 0, events: [{ type: 'Taken', data: {} }] },
        ],
        command: { id: 'c1', fingerprint: 'body', outcome: null },
      } as const
      const start = tripOf('book')
      const began = await running.runner.start('t1', append, start)
      expect(began).toMatchObject({ status: 'appended' })
      const [booked] = await running.store.readStream('bookings-t1')
      const [taken] = await running.store.readStream('seats-t1')
      expect([booked?.type, taken?.type]).toEqual(['Booked', 'Taken'])
      await running.runner.deliver('t1', booked?.id ?? '', start)
      await untilHistory(running, 't1', 'StepSucceeded book')
      expect(await running.runner.start('t1', append, start)).toMatchObject({ status: 'repeated' })
      expect(await historyOf(running, 't1')).toEqual(['TripStarted', 'StepSucceeded book'])
      expect(performed).toEqual(['t1:book'])
    })

    test('an input that comes after the end is decided on with the whole history', async () => {
      const performed: string[] = []
      const running = await run(async ({ key }) => {
        performed.push(key)
        return SUCCESS
      })
      await running.runner.deliver('t1', 'in1', tripOf('book'))
      await untilListed(running, { phase: 'ended' }, ['t1'])
      await running.runner.deliver('t1', 'in2', { type: 'TripCalledOff', data: { why: 'late' } })
      await untilHistory(running, 't1', 'TripCalledOff')
      await running.runner.deliver('t1', 'in1', tripOf('book'))
      await running.runner.deliver('t1', 'in3', tripOf('book', 'dine'))
      await untilHistory(running, 't1', 'StepSucceeded dine')
      expect(await historyOf(running, 't1')).toEqual([
        'TripStarted',
        'StepSucceeded book',
        'TripCalledOff',
        'TripStarted',
        'StepSucceeded dine',
      ])
      expect(performed).toEqual(['t1:book', 't1:dine'])
    })

    test('inputs delivered at once, by two processes, are all recorded', async () => {
      const first = await run(async () => SUCCESS)
      const second = await run(async () => SUCCESS)
      const inputs = Array.from({ length: 40 }, (_, index) => `in${index}`)
      await Promise.all(
        inputs.map((id, index) =>
          (index % 2 ? first : second).runner.deliver('t1', id, { type: 'TripCalledOff', data: { why: id } }),
        ),
      )
      expect(await historyOf(first, 't1')).toHaveLength(40)
    })

    test('a refusal is recorded with its details, and the saga goes on from it', async () => {
      const details = { seats: 0 }
      const running = await run(async ({ step }) =>
        step === 'book' ? { status: 'refused', code: 'FULL', message: 'No seats.', details } : SUCCESS,
      )
      await running.runner.deliver('t1', 'in1', tripOf('book'))
      await untilHistory(running, 't1', 'StepSucceeded undo')
      const inspected = await running.runner.inspect('t1')
      expect(inspected?.history[1]).toMatchObject({ type: 'StepRefused', data: { code: 'FULL', details } })
      expect(inspected?.status).toMatchObject({ phase: 'ended', pending: [], stuck: false })
    })

    test('a bounded step without a response is retried under one key until its time is up, and has then failed', async () => {
      const keys: string[] = []
      const running = await run(async ({ step, key }) => {
        keys.push(key)
        if (step === 'try-book') throw new Error('no line')
        return SUCCESS
      })
      await running.runner.deliver('t1', 'in1', tripOf('try-book'))
      await untilHistory(running, 't1', 'StepSucceeded undo')
      expect(new Set(keys)).toEqual(new Set(['t1:try-book', 't1:undo']))
      expect(keys.at(-1)).toBe('t1:undo')
      expect(await historyOf(running, 't1')).toContain('StepFailed try-book')
    })

    test('a bounded step whose call can never succeed fails at once', async () => {
      const perform = vi.fn<Perform>(async ({ step }) => {
        if (step === 'try-book') throw new CallerError('BAD_USER_INPUT', 'no such seat')
        return SUCCESS
      })
      const running = await run(perform)
      await running.runner.deliver('t1', 'in1', tripOf('try-book'))
      await untilHistory(running, 't1', 'StepSucceeded undo')
      expect(perform).toHaveBeenCalledTimes(2)
    })

    test('an endless step is listed as stuck while it fails, until it gets a response', async () => {
      let isDown = true
      const running = await run(async () => {
        if (isDown) throw new Error('line down')
        return SUCCESS
      })
      await running.runner.deliver('t1', 'in1', tripOf('pay'))
      await untilListed(running, { stuck: true }, ['t1'])
      const [stuck] = await listedBy(running, { phase: 'running', stuck: true })
      expect(stuck).toMatchObject({ pending: ['pay'], lastError: 'Error: line down' })
      expect((await running.runner.inspect('t1'))?.status).toEqual(stuck)

      isDown = false
      await untilListed(running, { phase: 'ended', stuck: false }, ['t1'])
      const [ended] = await listedBy(running)
      expect(ended).toMatchObject({ stuck: false, pending: [] })
      expect(ended).not.toHaveProperty('lastError')
      expect(await historyOf(running, 't1')).toEqual(['TripStarted', 'StepStuck pay', 'StepSucceeded pay'])
    })

    test('each call is made by one of two runners, and by the remaining one after the other closes', async () => {
      const keys: string[] = []
      const perform: Perform = async ({ key }) => {
        keys.push(key)
        return SUCCESS
      }
      const first = await environment.run(perform)
      const second = await run(perform)
      const ids = Array.from({ length: 20 }, (_, index) => `t${index}`)
      await Promise.all(ids.map(id => second.runner.deliver(id, 'in1', tripOf('book', 'pay'))))
      for (const id of ids) await untilHistory(second, id, 'StepSucceeded pay')
      expect(keys.toSorted()).toEqual(ids.flatMap(id => [`${id}:book`, `${id}:pay`]).sort())

      await first[Symbol.asyncDispose]()
      await second.runner.deliver('later', 'in1', tripOf('book'))
      await untilHistory(second, 'later', 'StepSucceeded book')
    })

    test('closing waits for the call under way and records its response', async () => {
      const begun = Promise.withResolvers<void>()
      const answer = Promise.withResolvers<StepResponse>()
      const running = await environment.run(() => {
        begun.resolve()
        return answer.promise
      })
      await running.runner.deliver('t1', 'in1', tripOf('book'))
      await begun.promise
      const closed = running[Symbol.asyncDispose]()
      answer.resolve(SUCCESS)
      await closed
      const perform = vi.fn<Perform>(async () => SUCCESS)
      const later = await run(perform)
      await untilHistory(later, 't1', 'StepSucceeded book')
      expect(await historyOf(later, 't1')).toEqual(['TripStarted', 'StepSucceeded book'])
      expect(perform).not.toHaveBeenCalled()
    })

    test('a new owner continues the steps that the last one was retrying', async () => {
      const failing = vi.fn<Perform>(async () => {
        throw new Error('line down')
      })
      const first = await environment.run(failing, {
        stuckAfterMs: 0,
        firstDelayMs: 2_000,
        lastDelayMs: 2_000,
      })
      await first.runner.deliver('t1', 'in1', tripOf('pay'))
      await untilHistory(first, 't1', 'StepStuck pay')
      await first[Symbol.asyncDispose]()

      const keys: string[] = []
      const second = await run(async ({ key }) => {
        keys.push(key)
        return SUCCESS
      })
      await untilHistory(second, 't1', 'StepSucceeded pay')
      expect(keys).toEqual(['t1:pay'])
    })

    test('a timer fires when it is due', async () => {
      const running = await run(async () => SUCCESS)
      const dueAt = new Date(Date.now() + 150)
      await running.runner.deliver('t1', 'in1', tripUntil(dueAt))
      await untilHistory(running, 't1', 'StepSucceeded remind')
      const history = (await running.runner.inspect('t1'))?.history ?? []
      const fired = history.find(({ type }) => type === 'TimerFired')
      expect(Date.parse(fired?.at ?? '')).toBeGreaterThanOrEqual(dueAt.getTime() - 5)
      expect((await running.runner.inspect('t1'))?.status.timers).toEqual({})
    })

    test('a timer that is cancelled in time does not fire', async () => {
      const running = await run(async () => SUCCESS)
      const dueAt = Date.now() + 3_000 // the cancellation is to come before it on a busy machine, too
      await running.runner.deliver('t1', 'in1', tripUntil(new Date(dueAt)))
      await running.runner.deliver('t1', 'in2', { type: 'TripCalledOff', data: { why: 'rain' } })
      await running.runner.deliver('t2', 'in1', tripUntil(new Date(dueAt + 1)))
      await untilHistory(running, 't2', 'StepSucceeded remind')
      expect(await historyOf(running, 't1')).toEqual(['TripStarted', 'TripCalledOff'])
    })

    test('timers outlive their process: one that is overdue fires at once, and one far ahead waits', async () => {
      const first = await environment.run(async () => SUCCESS)
      const dueAt = Date.now() + 1_500
      const far = new Date(Date.now() + 3_600_000).toISOString()
      await first.runner.deliver('t1', 'in1', tripUntil(new Date(dueAt)))
      await first.runner.deliver('t2', 'in1', tripUntil(new Date(far)))
      await untilListed(first, {}, ['t1', 't2'])
      await first[Symbol.asyncDispose]()
      await delay(Math.max(0, dueAt + 1 - Date.now()))

      const second = await run(async () => SUCCESS)
      await untilHistory(second, 't1', 'StepSucceeded remind')
      const [, waiting] = await listedBy(second)
      expect(waiting).toMatchObject({ id: 't2', timers: { deadline: far } })
    })

    test('sagas are listed by phase and trouble in the order of their last change, a page at a time both ways', async () => {
      const running = await run(async ({ sagaId }) => {
        if (sagaId === 't2') throw new Error('line down')
        return SUCCESS
      })
      const { runner } = running
      const ended: string[] = []
      for (const id of ['t3', 't1', 't4']) {
        await runner.deliver(id, 'in1', tripOf('book'))
        await untilListed(running, { phase: 'ended' }, ended.concat(id).sort())
        ended.push(id)
      }
      await runner.deliver('t2', 'in1', tripOf('book'))
      await untilListed(running, { stuck: true }, ['t2'])
      const page = (filter: SagaFilter, range: SagaPage) => runner.list(filter, range)
      const ids = async (filter: SagaFilter, range: SagaPage) =>
        (await page(filter, range)).items.map(({ id }) => id)
      expect(await ids({}, { limit: 9 })).toEqual(['t3', 't1', 't4', 't2'])
      expect(await ids({}, { limit: 9, descending: true })).toEqual(['t2', 't4', 't1', 't3'])
      expect(await ids({ phase: 'compensating' }, { limit: 9 })).toEqual([])
      const first = await page({}, { limit: 3 })
      const after = first.items.at(1)?.cursor ?? ''
      expect([await first.hasPrevious(), await first.hasNext()]).toEqual([false, true])
      expect(await ids({}, { limit: 3, after })).toEqual(['t4', 't2'])
      expect(await ids({}, { limit: 1, before: after, fromEnd: true })).toEqual(['t3'])
      expect(await ids({}, { limit: 2, fromEnd: true })).toEqual(['t4', 't2'])
      const second = await page({}, { limit: 1, after })
      expect([await second.hasPrevious(), await second.hasNext()]).toEqual([true, true])
      expect(await runner.count({ phase: 'ended' }, 9)).toBe(3)
      expect(await runner.count({ stuck: true }, 9)).toBe(1)
      expect(await runner.count({}, 2)).toBe(2)
      await expect(page({ stuck: true }, { limit: 1, after })).rejects.toMatchObject({
        code: 'BAD_USER_INPUT',
      })
      expect(await runner.inspect('nobody')).toBeUndefined()
    })

    test('hundreds of sagas at once all end, with a bounded number of calls under way', async () => {
      let underWay = 0
      let most = 0
      const calls = new Map<string, number>()
      const running = await run(async ({ key }) => {
        underWay += 1
        most = Math.max(most, underWay)
        calls.set(key, (calls.get(key) ?? 0) + 1)
        await delay(2)
        underWay -= 1
        return SUCCESS
      })
      const ids = Array.from({ length: 300 }, (_, index) => `t${String(index).padStart(3, '0')}`)
      const steps = ['a', 'b']
      await Promise.all(ids.map(id => running.runner.deliver(id, 'in1', tripOf(...steps))))
      await vi.waitFor(async () => expect(await listedBy(running, { phase: 'ended' })).toHaveLength(300), {
        timeout: 280_000,
        interval: 300,
      })
      expect((await listedBy(running)).map(({ id }) => id)).toEqual(ids)
      expect(await running.runner.count({}, 1_000)).toBe(300)
      expect(await running.runner.count({ phase: 'ended' }, 100)).toBe(100)
      expect(most).toBeLessThanOrEqual(256)
      expect(calls.size).toBe(600)
      expect(new Set(calls.values())).toEqual(new Set([1]))
    }, 300_000)
  })
}
