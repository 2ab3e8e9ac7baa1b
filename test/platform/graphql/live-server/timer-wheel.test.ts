import { describe, expect, it } from 'vitest'
import { createTimerWheel } from '#platform/graphql/live-server/timer-wheel.ts'

const waitFor = (wheel: ReturnType<typeof createTimerWheel>, ms: number) =>
  new Promise<number>(resolve => {
    const begin = performance.now()
    wheel.after(ms, () => resolve(performance.now() - begin))
  })

describe('a deadline', () => {
  it.each([0, 1, 30, 120, -5])('of %i ms fires, and not too early', async ms => {
    const late = (await waitFor(createTimerWheel(), ms)) - ms
    expect(late).toBeGreaterThanOrEqual(0)
  })

  it('that was cancelled never fires, and takes no memory', async () => {
    const wheel = createTimerWheel()
    const cancelled = wheel.after(10, () => expect.unreachable())
    const other = waitFor(wheel, 60)
    wheel.cancel(cancelled)
    wheel.cancel(cancelled)
    wheel.cancel(undefined)
    expect(wheel.size()).toBe(1)
    await other
    wheel.cancel(cancelled)
    expect(wheel.size()).toBe(0)
  })

  it('may be set by another, and may cancel one of the same tick', async () => {
    const wheel = createTimerWheel()
    const came: string[] = []
    const first = wheel.after(5, () => {
      came.push('first')
      wheel.cancel(second)
      wheel.after(0, () => came.push('third'))
    })
    const second = wheel.after(5, () => came.push('second'))
    if (first.tick === second.tick) {
      await waitFor(wheel, 150)
      expect(came).toEqual(['first', 'third'])
    }
    expect(wheel.size()).toBeLessThan(3)
  })

  it('fires in order after an idle wheel starts again', async () => {
    const wheel = createTimerWheel()
    await waitFor(wheel, 10)
    expect(wheel.size()).toBe(0)
    const came: number[] = []
    await Promise.all([90, 30, 60].map(ms => waitFor(wheel, ms).then(() => came.push(ms))))
    expect(came).toEqual([30, 60, 90])
  })
})
