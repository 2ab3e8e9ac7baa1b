import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createConcurrencyLimit, type LimitBounds } from '#platform/resilience/concurrency-limit.ts'
import { randomFrom } from '#testbed/random.ts'

const STEP_MS = 5
const BOUNDS: LimitBounds = { floor: 32, initial: 48, ceiling: 512 }

type Service = {
  /** The most that it serves. */
  readonly perSecond: number
  /** How long one request takes alone. */
  readonly aloneMs: number
  /** How long each request waits first, for somebody else, which costs nothing. */
  readonly elsewhereMs?: number
}

/** A service that works on an order in steps, all orders in turn, and answers before the last of them. */
type OrderService = { readonly perSecond: number; readonly steps: number; readonly stepsAfterAnswer: number }

/** Simulates a service that shares its capacity among the requests under way, by a clock of its own. */
function simulate(bounds: LimitBounds, seed: number) {
  const limit = createConcurrencyLimit(bounds, 0)
  const random = randomFrom(seed)
  const running: { readonly startedAt: number; readonly backAt: number; work: number }[] = []
  let now = 0
  let due = 0
  let unevenness = 1

  /** Offers requests for `ms`, and returns what was served a second, how long that took, and the limits meanwhile. */
  function run(ms: number, arrivalsPerSecond: number, { perSecond, aloneMs, elsewhereMs = 0 }: Service) {
    const limits: number[] = []
    const latencies: number[] = []
    for (const until = now + ms; now < until; now += STEP_MS) {
      due += (arrivalsPerSecond * STEP_MS) / 1000
      for (; due >= 1; due--) {
        if (running.length >= limit.current()) limit.reached()
        else {
          running.push({ startedAt: now, backAt: now + elsewhereMs, work: -Math.log(1 - random()) })
          limit.started(now)
        }
      }
      if (now % 100 === 0) unevenness = 0.7 * unevenness + 0.3 * (0.6 + 0.8 * random())
      const knee = (perSecond * aloneMs) / 1000
      const here = running.filter(({ backAt }) => backAt <= now)
      const each = (perSecond * unevenness * STEP_MS) / 1000 / (here.length + knee)
      for (const request of here) {
        request.work -= each
        if (request.work > 0) continue
        running.splice(running.indexOf(request), 1)
        limit.ended(now, { startedAt: request.startedAt, isServed: true })
        latencies.push(now - request.startedAt)
      }
      limits.push(limit.current())
    }
    const served = (latencies.length * 1000) / ms
    return { served, latencies, limits, least: Math.min(...limits), last: mean(limits.slice(-8_000)) }
  }
  return { run }
}

/** Returns how long requests took, and the limits, in the second half of `ms` in which three times the rate is offered. */
function simulateOrders(ms: number, service: OrderService, seed: number) {
  const { perSecond, steps, stepsAfterAnswer } = service
  const limit = createConcurrencyLimit(BOUNDS, 0)
  const random = randomFrom(seed)
  const turns: { readonly startedAt: number; left: number }[] = []
  const latencies: number[] = []
  const limits: number[] = []
  let [due, running, unevenness, stepsDue] = [0, 0, 1, 0]
  for (let now = 0; now < ms; now += STEP_MS) {
    due += (3 * perSecond * STEP_MS) / 1000
    for (; due >= 1; due--) {
      if (running >= limit.current()) limit.reached()
      else {
        turns.push({ startedAt: now, left: steps })
        running += 1
        limit.started(now)
      }
    }
    if (now % 100 === 0) unevenness = 0.7 * unevenness + 0.3 * (0.6 + 0.8 * random())
    const batching = 1 + 0.2 * Math.log(1 + running / BOUNDS.initial)
    stepsDue = Math.min(stepsDue, 1) + (perSecond * unevenness * batching * steps * STEP_MS) / 1000
    for (; stepsDue >= 1; stepsDue--) {
      const order = turns.shift()
      if (!order) break
      order.left -= 1
      if (order.left > 0) turns.push(order)
      if (order.left !== stepsAfterAnswer) continue
      running -= 1
      limit.ended(now, { startedAt: order.startedAt, isServed: true })
      if (now > ms / 2) latencies.push(now - order.startedAt)
    }
    if (now > ms / 2) limits.push(limit.current())
  }
  return { latencies, limits }
}

const SERVICES = fc.record({
  perSecond: fc.integer({ min: 40, max: 600 }),
  aloneMs: fc.integer({ min: 20, max: 200 }),
})

describe('a concurrency limit', () => {
  it('comes within seconds to where most of the throughput is, whatever the service', () => {
    fc.assert(
      fc.property(SERVICES, fc.integer(), (service, seed) => {
        const { run } = simulate(BOUNDS, seed)
        run(30_000, service.perSecond * 3, service)
        const { served } = run(20_000, service.perSecond * 3, service)
        expect(served).toBeGreaterThan(service.perSecond * 0.5)
      }),
      { numRuns: 30 },
    )
  })

  it('rises from the start for requests that take long because they wait for somebody else', () => {
    const elsewhereMs = 2000
    const service = { perSecond: 90, aloneMs: 30, elsewhereMs }
    const atFirst = (BOUNDS.initial * 1000) / elsewhereMs
    const served = Array.from({ length: 20 }, (_, seed) => {
      const { run } = simulate(BOUNDS, seed)
      run(60_000, 270, service)
      return run(20_000, 270, service).served
    })
    expect(mean(served)).toBeGreaterThan(1.2 * atFirst)
  })

  it('does not grow without end under an overload that lasts', () => {
    fc.assert(
      fc.property(SERVICES, fc.integer(), (service, seed) => {
        const { run } = simulate({ ...BOUNDS, ceiling: 100_000 }, seed)
        run(60_000, service.perSecond * 3, service)
        const { limits } = run(60_000, service.perSecond * 3, service)
        const knee = (service.perSecond * service.aloneMs) / 1000
        expect(mean(limits)).toBeLessThan(60 + 12 * knee)
      }),
      { numRuns: 20 },
    )
  })

  it('does not take work that answered requests leave behind for idle capacity', () => {
    const service = { perSecond: 90, steps: 20, stepsAfterAnswer: 14 }
    for (let seed = 0; seed < 10; seed++) {
      const { latencies, limits } = simulateOrders(120_000, service, seed)
      expect(mean(latencies)).toBeLessThan(1_000)
      expect(mean(limits)).toBeLessThan(120)
    }
  })

  it('falls when the service slows down, and rises again once it is fast', () => {
    const fast = { perSecond: 500, aloneMs: 300 }
    const slow = { perSecond: 50, aloneMs: 300 }
    const runs = Array.from({ length: 20 }, (_, seed) => {
      const { run } = simulate(BOUNDS, seed)
      const before = run(20_000, 1_500, fast)
      const during = run(120_000, 1_500, slow)
      run(30_000, 1_500, fast)
      return { before, during, after: run(20_000, 1_500, fast) }
    })
    expect(mean(runs.map(({ during }) => during.last))).toBeLessThan(
      mean(runs.map(({ before }) => before.last)),
    )
    expect(mean(runs.map(({ after }) => after.served))).toBeGreaterThan(
      mean(runs.map(({ before }) => before.served)) * 0.7,
    )
  })

  it('stays within its bounds, whatever happens', () => {
    const phase = fc.record({
      ms: fc.integer({ min: 500, max: 8_000 }),
      arrivals: fc.integer({ min: 0, max: 2_000 }),
      service: SERVICES,
    })
    fc.assert(
      fc.property(fc.array(phase, { maxLength: 6 }), fc.integer(), (phases, seed) => {
        const { run } = simulate(BOUNDS, seed)
        for (const { ms, arrivals, service } of phases) {
          const { limits } = run(ms, arrivals, service)
          expect(Math.min(...limits)).toBeGreaterThanOrEqual(BOUNDS.floor)
          expect(Math.max(...limits)).toBeLessThanOrEqual(BOUNDS.ceiling)
        }
      }),
      { numRuns: 30 },
    )
  })

  it('keeps its base while the demand stays below it', () => {
    const { run } = simulate(BOUNDS, 1)
    const { limits } = run(30_000, 20, { perSecond: 200, aloneMs: 100 })
    expect(new Set(limits)).toEqual(new Set([67]))
  })

  it('does not take requests that failed for throughput', () => {
    const limit = createConcurrencyLimit(BOUNDS, 0)
    // Every request fails after 100 ms, however many there are: with `isServed` that would be throughput without end.
    const running: number[] = []
    for (let now = 0; now < 60_000; now += 10) {
      while (running[0] !== undefined && now - running[0] >= 100)
        limit.ended(now, { startedAt: running.shift() ?? 0, isServed: false })
      while (running.length < limit.current()) {
        limit.started(now)
        running.push(now)
      }
      limit.reached()
    }
    expect(limit.current()).toBeLessThan(BOUNDS.initial)
  })
})

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
