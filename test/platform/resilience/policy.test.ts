import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { CallerError } from '#platform/domain/errors.ts'
import { createPolicy, type PolicyOptions } from '#platform/resilience/policy.ts'
import { TimeLimitExceeded } from '#platform/resilience/time-limit.ts'
import { metricsText } from '#platform/telemetry/metrics.ts'

const policy = (options: Partial<PolicyOptions> = {}) =>
  createPolicy({ name: 'peer', timeoutMs: 1000, retries: 2, concurrency: 4, queue: 4, ...options })

function failing(times: number, error: () => unknown = () => new Error('fault')) {
  const state = { calls: 0 }
  const work = async () => {
    state.calls++
    if (state.calls <= times) throw error()
    return 'done'
  }
  return { state, work }
}

describe('a policy', () => {
  it('retries an idempotent call after a fault', async () => {
    const { state, work } = failing(2)
    await expect(policy().run(work, { idempotent: true })).resolves.toBe('done')
    expect(state.calls).toBe(3)
  })

  it("rejects with the call's error after its retries", async () => {
    const { state, work } = failing(9)
    await expect(policy().run(work, { idempotent: true })).rejects.toThrow('fault')
    expect(state.calls).toBe(3)
  })

  it('never retries a call that is not idempotent', async () => {
    const { state, work } = failing(1)
    await expect(policy().run(work, { idempotent: false })).rejects.toThrow('fault')
    expect(state.calls).toBe(1)
  })

  it("does not retry the caller's own mistakes, but retries UNAVAILABLE", async () => {
    const mistake = failing(1, () => new CallerError('CONFLICT', 'no'))
    await expect(policy().run(mistake.work, { idempotent: true })).rejects.toThrow('no')
    expect(mistake.state.calls).toBe(1)
    const away = failing(1, () => new CallerError('UNAVAILABLE', 'away'))
    await expect(policy().run(away.work, { idempotent: true })).resolves.toBe('done')
  })

  it('does not retry what a dependency refuses because it has too much to do, nor opens its circuit for it', async () => {
    const refusal = () => new CallerError('UNAVAILABLE', 'busy', { reason: 'OVERLOADED' })
    const { state, work } = failing(50, refusal)
    const made = policy()
    for (let call = 0; call < 50; call++)
      await expect(made.run(work, { idempotent: true })).rejects.toThrow('busy')
    expect(state.calls).toBe(50)
    expect(made.health()).toBe('closed')
  })

  it('stops retrying when too many calls fail, so that retries do not multiply the calls', async () => {
    const { state, work } = failing(1_000)
    const made = policy({ retries: 1, breaker: { threshold: 0.99, minimumPerSecond: 1_000 } })
    const calls = Array.from({ length: 4 }, async () => {
      for (let call = 0; call < 25; call++) await made.run(work, { idempotent: true }).catch(() => {})
    })
    await Promise.all(calls)
    expect(state.calls).toBeGreaterThan(110)
    expect(state.calls).toBeLessThanOrEqual(140)
  })

  it('spends its allowance on retries only, not on the last attempts of calls', async () => {
    const { state, work } = failing(1_000)
    const made = policy({ retries: 1, breaker: { threshold: 0.99, minimumPerSecond: 1_000 } })
    for (let call = 0; call < 15; call++) await made.run(work, { idempotent: true }).catch(() => {})
    expect(state.calls).toBe(30)
  })

  it('retries a call that timed out, also while others were answered, but not when this process was too busy', async () => {
    const slow = failing(1, () => new TimeLimitExceeded(1000, false, true))
    await expect(policy().run(slow.work, { idempotent: true })).resolves.toBe('done')
    const starved = failing(1, () => new TimeLimitExceeded(1000, true))
    await expect(policy().run(starved.work, { idempotent: true })).rejects.toThrow('did not answer')
    expect(starved.state.calls).toBe(1)
  })

  it('does not retry a call that timed out when the option forbids it', async () => {
    // Not by a clock: under load, this process might be too busy to read a response, which is no fault.
    const { state, work } = failing(9, () => new TimeLimitExceeded(1000, false))
    const patient = policy({ retries: 1 })
    await expect(patient.run(work, { idempotent: true })).rejects.toThrow('did not answer')
    expect(state.calls).toBe(2)
    const once = policy({ retries: 1, retriesTimeouts: false })
    await expect(once.run(work, { idempotent: true })).rejects.toThrow('did not answer')
    expect(state.calls).toBe(3)
  })

  it('ends a call at its time limit with an error, and aborts its signal', async () => {
    let aborted = false
    const hanging = (signal: AbortSignal) =>
      new Promise<never>(() =>
        signal.addEventListener('abort', () => {
          aborted = true
        }),
      )
    const run = policy({ timeoutMs: 20, retries: 0 }).run(hanging, { idempotent: true })
    await expect(run).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'peer did not answer within 20 ms',
      details: { reason: 'TIMED_OUT' },
    })
    expect(aborted).toBe(true)
  })

  it('rejects calls past its bounds at once', async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    const narrow = policy({ concurrency: 1, queue: 1 })
    const first = narrow.run(() => gate, { idempotent: true })
    const second = narrow.run(() => gate, { idempotent: true })
    await expect(narrow.run(() => gate, { idempotent: true })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      details: { reason: 'OVERLOADED' },
    })
    open()
    await Promise.all([first, second])
  })
})

describe('a circuit', () => {
  const breaker = { threshold: 0.5, windowMs: 1000, minimumPerSecond: 1, halfOpenAfterMs: 30 }

  async function opened() {
    const made = policy({ name: 'circuit-peer', retries: 0, breaker })
    const fault = async () => {
      throw new Error('fault')
    }
    while (made.health() === 'closed') await made.run(fault, { idempotent: true }).catch(() => {})
    return made
  }

  it('opens when too many calls fail, and then rejects without calling', async () => {
    const made = await opened()
    expect(made.health()).toBe('open')
    let called = false
    const run = made.run(
      async () => {
        called = true
      },
      { idempotent: true },
    )
    await expect(run).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { reason: 'CIRCUIT_OPEN' } })
    expect(called).toBe(false)
    expect(await metricsText()).toContain('waybill_circuit_state{dependency="circuit-peer"} 2')
  })

  it('closes again when a later call succeeds', async () => {
    const made = await opened()
    await expect
      .poll(() => made.run(async () => 'done', { idempotent: true }).catch(() => 'refused'), { interval: 10 })
      .toBe('done')
    expect(made.health()).toBe('closed')
  })

  it('is not opened by calls that time out while others are answered', async () => {
    const made = policy({ timeoutMs: 40, retries: 0, concurrency: 100, breaker })
    const hang = () => new Promise<never>(() => {})
    for (let round = 0; round < 5; round++) {
      const slow = Array.from({ length: 10 }, () => made.run(hang, { idempotent: true }))
      await made.run(() => delay(5), { idempotent: true })
      for (const outcome of await Promise.allSettled(slow))
        expect(outcome).toMatchObject({ reason: { code: 'UNAVAILABLE', details: { reason: 'TIMED_OUT' } } })
    }
    expect(made.health()).toBe('closed')
  })

  it("is not opened by callers' mistakes", async () => {
    const made = policy({ retries: 0, breaker })
    const mistake = async () => {
      throw new CallerError('NOT_FOUND', 'nothing')
    }
    for (let call = 0; call < 50; call++) await made.run(mistake, { idempotent: true }).catch(() => {})
    expect(made.health()).toBe('closed')
  })
})

/** Holds the event loop of this process, as a large computation does. */
function standStill(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

describe('a process that is too busy to read responses', () => {
  const breaker = { threshold: 0.1, windowMs: 60_000, minimumPerSecond: 0.01, halfOpenAfterMs: 60_000 }
  const starving = (name: string) => policy({ name, timeoutMs: 200, retries: 0, breaker })

  /** Answers each message at once, on a thread that this process's event loop does not hold up. */
  function echo() {
    const worker = new Worker(
      "const { parentPort } = require('node:worker_threads'); parentPort.on('message', text => parentPort.postMessage(text))",
      { eval: true },
    )
    return {
      ask: (text: string) =>
        new Promise<string>(resolve => {
          worker.once('message', resolve)
          worker.postMessage(text)
        }),
      [Symbol.asyncDispose]: async () => void (await worker.terminate()),
    }
  }

  it('accepts a response that arrived while the process was blocked, though the time is over', async () => {
    await using peer = echo()
    await peer.ask('ready')
    const made = starving('heard-late')
    const answered = made.run(() => peer.ask('hello'), { idempotent: true })
    standStill(1_000)
    await expect(answered).resolves.toBe('hello')
    expect(made.health()).toBe('closed')
  })

  it('gives up on a response after twice the time, without opening the circuit', async () => {
    const made = starving('never-heard')
    for (let call = 0; call < 5; call++) {
      const answered = made.run(() => new Promise<never>(() => {}), { idempotent: true })
      const refused = expect(answered).rejects.toMatchObject({ details: { reason: 'TIMED_OUT' } })
      standStill(500)
      await refused
    }
    expect(made.health()).toBe('closed')
    expect(await metricsText()).toContain(
      'waybill_dependency_rejected_total{dependency="never-heard",reason="STARVED"} 5',
    )
  })

  it('still opens the circuit of a dependency that does not respond to an idle process', async () => {
    const made = starving('silent')
    await expect
      .poll(async () => {
        await made.run(() => delay(60_000, undefined, { ref: false }), { idempotent: true }).catch(() => {})
        return made.health()
      })
      .toBe('open')
  })
})
