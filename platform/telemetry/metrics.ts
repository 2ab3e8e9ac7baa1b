// Prometheus metrics of this process: get-or-create by name, one registry however many services share the process.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { createDurations, type Durations } from '#platform/telemetry/durations.ts'

type Metric<Label extends string> = Counter<Label> | Gauge<Label> | Histogram<Label>

export type { Counter, Gauge, Histogram }

const registry = new Registry()
const metrics = new Map<string, Metric<string>>()
const tallies: (() => void)[] = []
const timed = new Map<string, Durations<string>>()
let processMetricsOn = false

/** Seconds, from a cache hit to a settle wait. */
export const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Asking again for a name gives the same counter; its help and labels are those of the first time. */
export function counter<const Label extends string>(
  name: string,
  help: string,
  labelNames: readonly Label[] = [],
): Counter<Label> {
  const found = metrics.get(name)
  if (found instanceof Counter) return found
  return register(name, new Counter({ name, help, labelNames: [...labelNames], registers: [registry] }))
}

/**
 * Counts for one set of labels at the cost of an addition: `metric` has it when the metrics are read. One is kept for good
 * for each call, so it is for sets of labels that are few and known.
 */
export function deferredCounter<Label extends string>(
  metric: Counter<Label>,
  labels: Readonly<Record<Label, string>>,
): () => void {
  let pending = 0
  tallies.push(() => {
    if (pending > 0) metric.inc({ ...labels }, pending)
    pending = 0
  })
  return () => {
    pending++
  }
}

/** As `tally`, for a gauge that goes up and down. Several callers add to one. */
export function deferredGauge<Label extends string>(
  metric: Gauge<Label>,
  labels: Readonly<Record<Label, string>>,
): (change: number) => void {
  let pending = 0
  tallies.push(() => {
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
  const found = metrics.get(name)
  if (found instanceof Gauge) return found
  return register(name, new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] }))
}

/** Buckets are upper bounds; durations in seconds when left out. */
export function histogram<const Label extends string>(
  name: string,
  help: string,
  labelNames: readonly Label[] = [],
  buckets: readonly number[] = DURATION_BUCKETS,
): Histogram<Label> {
  const found = metrics.get(name)
  if (found instanceof Histogram) return found
  const made = new Histogram({
    name,
    help,
    labelNames: [...labelNames],
    buckets: [...buckets],
    registers: [registry],
  })
  return register(name, made)
}

/** A histogram of seconds for what happens at every request: quicker to observe than `histogram`, otherwise its like. */
export function durationHistogram<const Label extends string>(name: string, help: string): Durations<Label> {
  const found = timed.get(name) ?? createDurations<string>(name, help, DURATION_BUCKETS)
  timed.set(name, found)
  return found
}

function register<M extends Metric<string>>(name: string, metric: M): M {
  metrics.set(name, metric)
  return metric
}

/** Everything in the Prometheus text format, the process's own memory, CPU and event loop included. */
export async function metricsText(): Promise<string> {
  startProcessMetrics()
  for (const hand of tallies) hand()
  const texts = [...timed.values()].map(durations => durations.text())
  return `${await registry.metrics()}${texts.join('')}`
}

export const METRICS_CONTENT_TYPE = registry.contentType

/** Process metrics run from the first call on; servers call it when they are made. */
export function startProcessMetrics(): void {
  if (processMetricsOn) return
  processMetricsOn = true
  collectDefaultMetrics({ register: registry })
}
