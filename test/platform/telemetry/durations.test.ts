import { Histogram, Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { createDurations } from '#platform/telemetry/durations.ts'
import { counter, deferredCounter, durationHistogram, metricsText } from '#platform/telemetry/metrics.ts'

it('durations are formatted as the metrics library formats a histogram', async () => {
  const buckets = [0.001, 0.5, 2]
  const registry = new Registry()
  const theirs = new Histogram({
    name: 'd',
    help: 'Some help',
    labelNames: ['route', 'status'],
    buckets,
    registers: [registry],
  })
  const ours = createDurations<'route' | 'status'>('d', 'Some help', buckets)
  for (const route of ['/a', '/with "quotes" and \\'])
    for (const seconds of [0.0005, 0.001, 0.25, 0.5, 1, 8]) {
      theirs.observe({ route, status: '200' }, seconds)
      ours.of({ route, status: '200' })(seconds)
    }
  const sorted = (text: string) => text.trim().split('\n').sort()
  expect(sorted(ours.text())).toEqual(sorted(await registry.metrics()))
})

it('durations without observations have no output', () => {
  expect(createDurations('d', 'Some help', [1]).text()).toBe('')
})

it("durations and tallies are part of the process's metrics", async () => {
  const count = deferredCounter(counter('tallied_total', 'Tallied', ['kind']), { kind: 'a' })
  count()
  count()
  durationHistogram<'kind'>('timed_seconds', 'Timed').of({ kind: 'b' })(0.2)
  const text = await metricsText()
  expect(text).toContain('\ntallied_total{kind="a"} 2\n')
  expect(text).toContain('\ntimed_seconds_count{kind="b"} 1\n')
  count()
  expect(await metricsText()).toContain('\ntallied_total{kind="a"} 3\n')
})
