import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PAST_ITS_TIME, play, steps } from '#test/platform/cache/simulation.ts'

test('no value without a received change is served, in any order of loads, changes and commands', async () => {
  const sources: Record<string, number> = {}
  await fc.assert(
    fc.asyncProperty(steps, async taken => {
      const played = await play(taken)
      for (const [source, count] of Object.entries(played.sources))
        sources[source] = (sources[source] ?? 0) + count
      expect(played.faults).toEqual([])
    }),
    { numRuns: 1_000, examples: [[[...PAST_ITS_TIME]]] },
  )
  // The runs went through every way to answer.
  expect(Object.keys(sources).sort()).toEqual(['load', 'memory', 'stale'])
})
