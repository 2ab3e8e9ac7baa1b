// Prints what an order costs: counts, CPU time by process, and the statements that run most often.
import { atMost, type Goal, printTable, rounded } from '#bench/harness/benchmark.ts'
import type { Measured } from '#testbed/counts/measured.ts'
import type { AnswerCounts } from '#testbed/counts/order-counts.ts'

const STATEMENTS_SHOWN = 25
const TEXT_SHOWN = 110

/** Counts of an order, and of a second without orders. */
export type CheckoutCounts = {
  /** Before the instance was used. */
  readonly unused: Measured
  /** Between orders, while the BFF still follows the bus. */
  readonly idle: Measured
  /** With one order under way. */
  readonly oneByOne: Measured
  readonly beforeAnswer: AnswerCounts
  /** At 10 callers. */
  readonly together: Measured
  /** At as many callers as it takes for the highest rate. */
  readonly sustained: Measured
}

type Numbers = Readonly<Record<string, number>>

const ROWS = {
  statements: 'statements',
  transactions: 'transactions, reads included',
  commits: 'commits that changed something',
  appends: 'of these, appends of events',
  appendsToConfirmation: 'of these, until the confirmation is durable',
  fsyncs: 'fsyncs of the WAL',
  walBytes: 'WAL bytes without page images',
  fullPageBytes: 'WAL bytes of page images',
  httpExchanges: 'HTTP exchanges',
}

export function printCounts(counts: CheckoutCounts): void {
  const { unused, idle, beforeAnswer, oneByOne, together, sustained } = counts
  const columns: readonly (readonly [string, Numbers])[] = Object.entries({
    'an order until its answer': { ...beforeAnswer },
    'until Completed': numbersOf(oneByOne),
    'at 10 callers': numbersOf(together),
    sustained: numbersOf(sustained),
    'idle, a second': numbersOf(idle),
    'unused, a second': numbersOf(unused),
  })
  printTable(
    ['', ...columns.map(([name]) => name)],
    Object.entries(ROWS).map(([name, title]) => [
      title,
      ...columns.map(([, column]) => (column[name] === undefined ? '' : rounded(column[name]))),
    ]),
  )
  console.log()
  printTable(
    ['CPU ms', ...Object.keys(idle.cpuMs)],
    Object.entries({
      'an order, one by one': oneByOne,
      'an order at 10 callers': together,
      'an order, sustained': sustained,
      'idle, a second': idle,
      'unused, a second': unused,
    }).map(([name, { cpuMs }]) => [name, ...Object.values(cpuMs).map(rounded)]),
  )
  console.log()
  printStatements(counts)
}

function numbersOf({ counts, late }: Measured): Numbers {
  return { ...counts, ...late }
}

/** Prints the statements that run most often at 10 callers. */
function printStatements({ oneByOne, together }: CheckoutCounts): void {
  const most = [...together.statements]
    .sort(([, one], [, other]) => other.calls - one.calls)
    .slice(0, STATEMENTS_SHOWN)
  printTable(
    ['statements of an order at 10 callers', 'calls', 'ms', 'rows', 'WAL bytes', 'calls one by one'],
    most.map(([text, { calls, ms, rows, walBytes }]) => [
      text.replace(/\s+/g, ' ').slice(0, TEXT_SHOWN),
      ...[calls, ms, rows, walBytes, oneByOne.statements.get(text)?.calls ?? 0].map(rounded),
    ]),
  )
}

/** Returns the counts for the report's file. */
export function countFigures(counts: CheckoutCounts): Readonly<Record<string, unknown>> {
  const { beforeAnswer, ...measured } = counts
  const figures = Object.entries(measured).map(([name, { statements, ...count }]) => [
    name,
    { ...count, statements: Object.fromEntries(statements) },
  ])
  return { beforeAnswer, ...Object.fromEntries(figures) }
}

export function countGoals({ unused, beforeAnswer, oneByOne, together }: CheckoutCounts): readonly Goal[] {
  return [
    atMost('statements of an order alone', oneByOne.counts.statements, '', 70),
    atMost('statements of an order at 10 callers', together.counts.statements, '', 70),
    atMost('commits of an order at 10 callers', together.counts.commits, '', 20),
    atMost('fsyncs of an order at 10 callers', together.late.fsyncs, '', 14),
    atMost('WAL of an order at 10 callers', together.counts.walBytes / 1000, 'KB', 50),
    atMost('statements before the answer', beforeAnswer.statements, '', 30),
    atMost('appends until the confirmation', beforeAnswer.appendsToConfirmation, '', 6),
    atMost('statements of an unused second', unused.counts.statements, '', 2),
  ]
}
