// The reconciler's result as a file for the textfile collector of Prometheus' node_exporter, replaced in one step.
import { rename, writeFile } from 'node:fs/promises'
import process from 'node:process'
import { Gauge, Registry } from 'prom-client'
import { DIFFERENCE_KINDS, type Difference } from '#tools/reconcile/compare.ts'
import type { Summary } from '#tools/reconcile/reconcile.ts'

/** The metrics in the Prometheus text format: each kind of difference, none of them left out. */
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

/** Readers see the file before or after, never a part of it. */
export async function writeMetrics(file: string, text: string): Promise<void> {
  const partial = `${file}.${process.pid}.tmp`
  await writeFile(partial, text)
  await rename(partial, file)
}
