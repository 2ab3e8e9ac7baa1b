// Prometheus metrics by name, in one registry for all services of the process.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { createDurations, type Durations } from '#platform/telemetry/durations.ts'

const registry = new Registry()
const deferred: (() => void)[] = []
const timed = new Map<string, Durations<string>>()
let processMetricsOn = false

/** Upper bounds in seconds. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Returns the counter of that name. Its help and labels are those of the first call. */
export function counter<const Label extends string>(
  name: string,
  help: string,
  labelNames: readonly Label[] = [],
): Counter<Label> {
  const found = registry.getSingleMetric(name)
  if (found instanceof Counter) return found
  return new Counter({ name, help, labelNames: [...labelNames], registers: [registry] })
}

/**
 * Returns what counts for one set of labels at the cost of an addition; `metric` gets the count when metrics are read. It is
 * kept for good, so it is for sets of labels that are few and known.
 */
export function deferredCounter<Label extends string>(
  metric: Counter<Label>,
  labels: Readonly<Record<Label, string>>,
): () => void {
  let pending = 0
  deferred.push(() => {
    if (pending > 0) metric.inc({ ...labels }, pending)
    pending = 0
  })
  return () => {
    pending++
  }
}

/** Like `deferredCounter`, for a gauge that goes up and down. Several callers may change one gauge. */
export function deferredGauge<Label extends string>(
  metric: Gauge<Label>,
  labels: Readonly<Record<Label, string>>,
): (change: number) => void {
  let pending = 0
  deferred.push(() => {
    metric.inc({ ...labels }, pending)
    pending = 0
  })
  return change => {
    pending += change
  }
}

export function gauge<const Label extends string>(
  name: string,
  help: string,
  labelNames: readonly Label[] = [],
): Gauge<Label> {
  const found = registry.getSingleMetric(name)
  if (found instanceof Gauge) return found
  return new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] })
}

/** Returns the histogram of that name, for durations in seconds. */
export function histogram<const Label extends string>(
  name: string,
  help: string,
  labelNames: readonly Label[] = [],
): Histogram<Label> {
  const found = registry.getSingleMetric(name)
  if (found instanceof Histogram) return found
  return new Histogram({
    name,
    help,
    labelNames: [...labelNames],
    buckets: DURATION_BUCKETS,
    registers: [registry],
  })
}

/** Returns a histogram like `histogram` that is cheaper to observe, for what happens at every request. */
export function durationHistogram<const Label extends string>(name: string, help: string): Durations<Label> {
  const found = timed.get(name) ?? createDurations<string>(name, help, DURATION_BUCKETS)
  timed.set(name, found)
  return found
}

/** Returns all metrics in the Prometheus text format, including the memory, CPU and event loop of the process. */
export async function metricsText(): Promise<string> {
  startProcessMetrics()
  for (const flush of deferred) flush()
  const texts = [...timed.values()].map(durations => durations.text())
  return `${await registry.metrics()}${texts.join('')}`
}

export const METRICS_CONTENT_TYPE = registry.contentType

/** Starts the collection of process metrics, once. Servers call it when they are created. */
export function startProcessMetrics(): void {
  if (processMetricsOn) return
  processMetricsOn = true
  collectDefaultMetrics({ register: registry })
}
