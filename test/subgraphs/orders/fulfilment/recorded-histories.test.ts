// Tests that histories which an older build recorded still request exactly what they requested then.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import type { HistoryEvent } from './fulfilment-fixture.ts'
import { names, replay } from './fulfilment-fixture.ts'

/**
 * Each line is a history of the build before payments were authorised beside the hold, with the steps that each of its
 * events requested and a digest of all effects. The lines are never written anew: they stand for orders under way.
 */
const RECORDED = readFileSync(new URL('./recorded-histories.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
const recorded = z.object({
  events: z.array(z.custom<HistoryEvent>()),
  effects: z.array(z.array(z.string())),
  digest: z.string(),
})

test('histories of an older build replay exactly as they were recorded', () => {
  expect(RECORDED.length).toBeGreaterThan(30)
  for (const line of RECORDED) {
    const { events, effects, digest } = recorded.parse(JSON.parse(line))
    const replayed = events.map((_, index) => names(replay(...events.slice(0, index + 1)).effects))
    expect(replayed).toEqual(effects)
    const { all, phase } = replay(...events)
    expect(createHash('sha256').update(JSON.stringify(all)).digest('hex')).toBe(digest)
    expect(phase).toBe('ended')
  }
})
