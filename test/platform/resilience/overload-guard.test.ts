import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createOverloadGuard, type WorkKind } from '#platform/resilience/overload-guard.ts'
import { metricsText } from '#platform/telemetry/metrics.ts'

const BOUNDS = { floor: 4, initial: 4, ceiling: 4 }

/** Creates a guard that lets four requests of each kind run, and work that runs until it is let go. */
function fixture(name = 'guarded') {
  const clock = { now: 0 }
  const guard = createOverloadGuard(name, { bounds: BOUNDS, now: () => clock.now })
  const running: (() => void)[] = []
  const run = (kind: WorkKind = 'mutation', isAbandoned = () => false) =>
    guard.run(kind, {
      run: () => new Promise<string>(resolve => running.push(() => resolve('done'))),
      isServed: () => true,
      isAbandoned,
    })
  const finishAll = () => {
    for (const finish of running.splice(0)) finish()
  }
  /** Lets go of what runs, and of what begins then, until all of `work` has ended. */
  const finishEach = async (work: readonly Promise<unknown>[]) => {
    const letGo = setInterval(finishAll, 1)
    await Promise.all(work)
    clearInterval(letGo)
  }
  return { clock, run, running, finishAll, finishEach }
}

const overloaded = {
  code: 'UNAVAILABLE',
  details: { reason: 'OVERLOADED', retryAfterSeconds: expect.any(Number) },
}

describe('an overload guard', () => {
  it('runs what the limit allows, and the rest of a burst one after the other', async () => {
    const { run, running, finishAll } = fixture()
    const results = Promise.all(Array.from({ length: 10 }, () => run()))
    expect(running).toHaveLength(4)
    finishAll()
    await expect.poll(() => running.length).toBe(4)
    finishAll()
    await expect.poll(() => running.length).toBe(2)
    finishAll()
    expect(await results).toEqual(Array(10).fill('done'))
  })

  it('refuses at once when a queue lasts, and says when to try again', async () => {
    const { clock, run, finishEach } = fixture('busy-service')
    const begun = Array.from({ length: 12 }, () => run())
    clock.now = 600
    await expect(run()).rejects.toMatchObject(overloaded)
    await expect(run()).rejects.toThrow(
      /^busy-service has too much to do at the moment: send it again in [1-4] s/,
    )
    expect(await metricsText()).toContain(
      'waybill_overload_refused_total{service="busy-service",kind="mutation"} 2',
    )
    await finishEach(begun)
  })

  it('takes a queue that was empty for a moment for the same queue', async () => {
    const { clock, run, running, finishEach } = fixture()
    const first = Array.from({ length: 5 }, () => run())
    clock.now = 600
    await finishEach(first)
    let refused = 0
    const next = Array.from({ length: 30 }, () => run().catch(() => void refused++))
    expect(running).toHaveLength(4)
    await turn()
    expect(refused).toBeGreaterThan(20)
    await finishEach(next)
  })

  it('lets a burst wait again once no queue was there for a second', async () => {
    const { clock, run, finishEach } = fixture()
    const first = Array.from({ length: 12 }, () => run())
    clock.now = 600
    await expect(run()).rejects.toMatchObject(overloaded)
    await finishEach(first)
    clock.now = 1700
    await finishEach(Array.from({ length: 50 }, () => run()))
  })

  it('lets one kind run while there is too much of the other', async () => {
    const { clock, run, running, finishEach } = fixture()
    const commands = Array.from({ length: 12 }, () => run('mutation'))
    clock.now = 600
    await expect(run('mutation')).rejects.toMatchObject(overloaded)
    const query = run('query')
    expect(running).toHaveLength(5)
    await finishEach([query, ...commands])
  })

  it('refuses what has waited for half a second', async () => {
    const { run, finishAll } = fixture()
    const begun = Array.from({ length: 4 }, () => run())
    const began = performance.now()
    await expect(run()).rejects.toMatchObject(overloaded)
    expect(performance.now() - began).toBeGreaterThan(400)
    finishAll()
    await Promise.all(begun)
  })

  it('does not begin work whose caller has gone while it waited', async () => {
    const { run, running, finishAll } = fixture()
    const begun = Array.from({ length: 4 }, () => run())
    const gone = expect(run('mutation', () => true)).rejects.toMatchObject(overloaded)
    const next = run()
    finishAll()
    await gone
    await expect.poll(() => running.length).toBe(1)
    finishAll()
    expect(await next).toBe('done')
    await Promise.all(begun)
  })

  it('passes on what the work throws, and gives its place to the next', async () => {
    const guard = createOverloadGuard('failing', { bounds: BOUNDS })
    const fail = () =>
      guard.run('query', {
        run: () => delay(1).then(() => Promise.reject(new Error('fault'))),
        isServed: () => true,
      })
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, fail))
    for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { message: 'fault' } })
  })
})
