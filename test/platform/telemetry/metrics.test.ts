import { expect, it } from 'vitest'
import { counter, histogram, metricsText } from '#platform/telemetry/metrics.ts'

it('the registry returns the same metric for the same name', async () => {
  counter('test_things_total', 'Things', ['kind']).inc({ kind: 'a' })
  counter('test_things_total', 'Things', ['kind']).inc({ kind: 'a' })
  histogram('test_seconds', 'Seconds').observe(0.2)
  const text = await metricsText()
  expect(text).toContain('test_things_total{kind="a"} 2')
  expect(text).toContain('test_seconds_count 1')
})

it('the registry has metrics of the process itself', async () => {
  expect(await metricsText()).toContain('process_resident_memory_bytes')
})
