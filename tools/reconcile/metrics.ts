// Writes the reconciler's result for the textfile collector of Prometheus' node_exporter.
import { rename, writeFile } from 'node:fs/promises'
import process from 'node:process'
import { Gauge, Registry } from 'prom-client'
import { DIFFERENCE_KINDS, type Difference } from '#tools/reconcile/compare.ts'
import type { Summary } from '#tools/reconcile/reconcile.ts'

/** Returns the metrics in the Prometheus text format, with a value for each kind of difference. */
export async function metricsText(
  summary: Summary,
  byKind: ReadonlyMap<Difference['kind'], number>,
  completedAt: Date,
): Promise<string> {
  const registry = new Registry()
  const registers = [registry]
  const differences = new Gauge({
    name: 'waybill_reconcile_differences',
    help: 'Differences between the services that the last reconciliation found, by kind',
    labelNames: ['kind'],
    registers,
  })
  for (const kind of Object.keys(DIFFERENCE_KINDS)) differences.set({ kind }, 0)
  for (const [kind, count] of byKind) differences.set({ kind }, count)
  new Gauge({
    name: 'waybill_reconcile_orders',
    help: 'Orders that the last reconciliation looked at',
    registers,
  }).set(summary.orders)
  new Gauge({
    name: 'waybill_reconcile_completed_timestamp_seconds',
    help: 'When the last reconciliation came to its end, in seconds since 1970',
    registers,
  }).set(Math.floor(completedAt.getTime() / 1000))
  return registry.metrics()
}

/** Replaces the file atomically. */
export async function writeMetrics(file: string, text: string): Promise<void> {
  const partial = `${file}.${process.pid}.tmp`
  await writeFile(partial, text)
  await rename(partial, file)
}
