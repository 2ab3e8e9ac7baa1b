import { expect, test } from 'vitest'
import { playRuns } from '#test/platform/cache/simulation.ts'

test('no value without a received change is served, in any order of loads, changes and commands', async () => {
  // The runs went through every way to answer.
  expect(await playRuns(1_000)).toEqual(['load', 'memory', 'stale'])
})
