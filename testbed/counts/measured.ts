// Adds up, compares and scales what was counted of an instance's work.
import type { LateCounts, StatementCount, WalCounts } from '#testbed/counts/database-meter.ts'
import type { CpuTimes } from '#testbed/counts/process-cpu.ts'

export type Counts = WalCounts & Readonly<Record<'statements' | 'httpExchanges', number>>

/** What happened in some time, or the part of it that falls to one order or one second. */
export type Measured = {
  readonly counts: Counts
  readonly late: LateCounts
  readonly cpuMs: CpuTimes
  /** By their text. */
  readonly statements: ReadonlyMap<string, StatementCount>
}

/** Seconds of the work, and of the longer time in which its late counts were reported. */
export type Span = { readonly seconds: number; readonly lateSeconds: number }

const NEVER_RAN: StatementCount = { calls: 0, ms: 0, rows: 0, walBytes: 0 }

/** Returns the part of `all` that falls to one order, less what an idle instance does in the same time. */
export function perOrder(
  all: Measured,
  { orders, idle, span }: { readonly orders: number; readonly idle: Measured; readonly span: Span },
): Measured {
  const less = (seconds: number) => (value: number, idleValue: number) =>
    (value - idleValue * seconds) / orders
  return {
    counts: zip(all.counts, idle.counts, less(span.seconds)),
    late: zip(all.late, idle.late, less(span.lateSeconds)),
    cpuMs: zip(all.cpuMs, idle.cpuMs, less(span.seconds)),
    statements: zipStatements(all.statements, idle.statements, less(span.seconds)),
  }
}

/** Returns the part of `all` that falls to one second. */
export function perSecond(all: Measured, span: Span): Measured {
  const by = (seconds: number) => (value: number) => value / seconds
  return {
    counts: zip(all.counts, all.counts, by(span.seconds)),
    late: zip(all.late, all.late, by(span.lateSeconds)),
    cpuMs: zip(all.cpuMs, all.cpuMs, by(span.seconds)),
    statements: zipStatements(all.statements, all.statements, by(span.seconds)),
  }
}

/** Returns how often each statement ran between two looks; those that did not are left out. */
export function statementsBetween(
  before: Measured['statements'],
  after: Measured['statements'],
): Measured['statements'] {
  const changes = zipStatements(after, before, (now, then) => now - then)
  return new Map([...changes].filter(([, { calls }]) => calls > 0))
}

function zipStatements(
  one: Measured['statements'],
  other: Measured['statements'],
  combine: (one: number, other: number) => number,
): Measured['statements'] {
  return new Map(
    [...one].map(([text, count]) => [text, zip(count, other.get(text) ?? NEVER_RAN, combine)] as const),
  )
}

/** Combines the numbers of the same name. */
export function zip<Name extends string>(
  one: Readonly<Record<Name, number>>,
  other: Readonly<Record<Name, number>>,
  combine: (one: number, other: number) => number,
): Record<Name, number> {
  const all: Record<string, number> = {}
  for (const name in one) all[name] = combine(one[name], other[name])
  return all
}
