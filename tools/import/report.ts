// The import's closing report: statuses, money and stock beside what the files demand, and every row that was not used.
import { toDecimal } from '#platform/domain/money.ts'
import type { Reject } from '#tools/import/csv.ts'
import { CURRENCY } from '#tools/import/olist.ts'
import type { Reconciliation, Sums } from '#tools/import/reconcile.ts'

export type ImportReport = {
  readonly orders: number
  readonly products: number
  readonly seconds: number
  readonly rejects: readonly Reject[]
  readonly refusals: readonly string[]
  readonly reconciliation: Reconciliation
}

const MONEY: readonly (keyof Sums)[] = ['placed', 'authorised', 'captured', 'refunded']
const UNITS: readonly (keyof Sums)[] = ['reserved', 'shipped', 'released', 'held']
const LISTED_DIFFERENCES = 50

export function reconciles(report: ImportReport): boolean {
  const { actual, expected, differences } = report.reconciliation
  return (
    differences.length === 0 &&
    report.refusals.length === 0 &&
    [...MONEY, ...UNITS].every(name => actual[name] === expected[name])
  )
}

/** The report as text, for a terminal or a file. */
export function describe(report: ImportReport): string {
  const { byStatus, actual, expected, differences } = report.reconciliation
  const amount = (minor: number) => `${toDecimal({ minor, currency: CURRENCY })} ${CURRENCY}`
  const row = (name: keyof Sums, show: (value: number) => string) =>
    `  ${name.padEnd(11)}${show(actual[name]).padStart(18)}${show(expected[name]).padStart(18)}  ${actual[name] === expected[name] ? 'ok' : 'DIFFERS'}`
  const head = (title: string) => `${title.padEnd(13)}${'platform'.padStart(18)}${'files'.padStart(18)}`
  return [
    `\nImported ${report.orders} orders of ${report.products} products in ${report.seconds.toFixed(1)} s`,
    '\nOrders by final status',
    ...[...byStatus].sort().map(([status, count]) => `  ${status.padEnd(20)}${String(count).padStart(7)}`),
    '',
    head('Money'),
    ...MONEY.map(name => row(name, amount)),
    '',
    head('Units'),
    ...UNITS.map(name => row(name, String)),
    `\nRows not used: ${report.rejects.length}`,
    ...report.rejects.map(reject => `  ${reject.file}:${reject.line}  ${reject.reason}`),
    ...(report.refusals.length > 0
      ? [`\nRefused: ${report.refusals.length}`, ...report.refusals.map(line => `  ${line}`)]
      : []),
    ...(differences.length > 0
      ? [
          `\nDifferences: ${differences.length}`,
          ...differences.slice(0, LISTED_DIFFERENCES).map(line => `  ${line}`),
        ]
      : []),
    `\n${reconciles(report) ? 'Reconciles to the cent and to the unit.' : 'DOES NOT RECONCILE: see above.'}`,
  ].join('\n')
}
