// Adds up, compares and scales what was counted of an instance's work.
import type { LateCounts, StatementCount, WalCounts } from '#testbed/counts/database-meter.ts'
import type { CpuTimes } from '#testbed/counts/process-cpu.ts'

export type Counts = WalCounts & Readonly<Record<'statements' | 'httpExchanges', number>>

/** The work that was done in some time, or the part of it that falls to one order or one second. */
export type Measured = {
  readonly counts: Counts
  readonly late: LateCounts
  readonly cpuMs: CpuTimes
  /** By their text. */
  readonly statements: ReadonlyMap<string, StatementCount>
}

/** The counts of some work, and how long it took. */
export type Observed = {
  readonly all: Measured
  readonly seconds: number
  /** The longer time in which late counts were reported. */
  readonly lateSeconds: number
}

export type CountedOrders = Observed & { readonly orders: number }

const NEVER_RAN: StatementCount = { calls: 0, ms: 0, rows: 0, walBytes: 0 }

/** Returns the part that falls to one order, less what an idle instance does in the same time. */
export function perOrder({ all, orders, seconds, lateSeconds }: CountedOrders, idle: Measured): Measured {
  const lessIdle = (over: number) => (value: number, idleValue: number) => (value - idleValue * over) / orders
  return {
    counts: zip(all.counts, idle.counts, lessIdle(seconds)),
    late: zip(all.late, idle.late, lessIdle(lateSeconds)),
    cpuMs: zip(all.cpuMs, idle.cpuMs, lessIdle(seconds)),
    statements: zipStatements(all.statements, idle.statements, lessIdle(seconds)),
  }
}

/** Returns the part that falls to one second. */
export function perSecond({ all, seconds, lateSeconds }: Observed): Measured {
  const by = (divisor: number) => (value: number) => value / divisor
  return {
    counts: zip(all.counts, all.counts, by(seconds)),
    late: zip(all.late, all.late, by(lateSeconds)),
    cpuMs: zip(all.cpuMs, all.cpuMs, by(seconds)),
    statements: zipStatements(all.statements, all.statements, by(seconds)),
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
