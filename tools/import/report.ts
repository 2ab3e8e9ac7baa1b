// Formats the import's report: what became of the orders, money and stock against the files, and every unused row.
import { toDecimal } from '#platform/domain/money.ts'
import type { Plan, PlannedOrder } from '#tools/import/plan.ts'
import type { ImportFailure, Placement } from '#tools/import/replay.ts'
import type { RejectedRow, RowRef } from '#tools/import/tables.ts'
import { type ImportCheck, MONEY_SUMS, type Sums, UNIT_SUMS } from '#tools/import/validation.ts'

type ImportReport = {
  readonly plan: Plan
  readonly currency: string
  readonly seconds: number
  /** Failures by SKU. */
  readonly failedProducts: ReadonlyMap<string, ImportFailure>
  /** Orders that were not placed. */
  readonly failedOrders: readonly Exclude<Placement, { status: 'placed' }>[]
  readonly check: ImportCheck
}

/** The exit codes; docs/how-to/import-orders.md explains each. */
export const EXIT = { imported: 0, differs: 1, notBegun: 2, rowsLeftOut: 3, unfinished: 4 } as const
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const MOST_SILENCES = 50

const VERDICTS: Readonly<Record<ExitCode, string>> = {
  [EXIT.imported]: 'All orders are imported, and reconcile to the cent and to the unit.',
  [EXIT.differs]: 'DOES NOT RECONCILE: orders are not as the files demand; see the differences.',
  [EXIT.notBegun]: 'NOTHING WAS IMPORTED.',
  [EXIT.rowsLeftOut]:
    'What was imported reconciles to the cent and to the unit. ROWS WERE LEFT OUT: each is named above.',
  [EXIT.unfinished]: 'NOT FINISHED: the platform did not answer for some rows. Run the same command again.',
}

export function exitCodeOf(report: ImportReport): ExitCode {
  const { plan, check, failedOrders, failedProducts } = report
  const failures = [...failedOrders, ...failedProducts.values()]
  if (check.orders.some(({ verdict }) => verdict === 'differs')) return EXIT.differs
  if (failures.some(({ status }) => status === 'unanswered')) return EXIT.unfinished
  if (check.orders.some(({ verdict, placement }) => verdict === 'unknown' && placement.status === 'placed'))
    return EXIT.unfinished
  if (!check.orders.some(({ verdict }) => verdict === 'as planned')) return EXIT.notBegun
  return plan.rejects.length > 0 || failures.length > 0 ? EXIT.rowsLeftOut : EXIT.imported
}

/** Formats the report for a terminal or a file. */
export function formatReport(report: ImportReport): string {
  const { plan, check, currency, seconds } = report
  const asPlanned = check.orders.filter(({ verdict }) => verdict === 'as planned').length
  const differing = check.orders.filter(({ verdict }) => verdict === 'differs')
  const products = plan.products.length - report.failedProducts.size
  return [
    `\nImported ${asPlanned} of ${several(plan.orders.length, 'order')}, with ${products} of ${several(plan.products.length, 'product')}, in ${seconds.toFixed(1)} s`,
    ...section(
      'Orders by status',
      [...check.byStatus].sort().map(([status, count]) => counted(status, count)),
    ),
    ...comparison(check, currency),
    ...section(`Differences: ${differing.length}`, differing.map(differenceLine)),
    ...section('Refused by the platform', refusals(report)),
    ...section('Not answered, and left for another run', silences(report)),
    ...rowSections(plan),
    `\n${VERDICTS[exitCodeOf(report)]}`,
  ].join('\n')
}

/** Lists every row that the platform refused, with the rows that depend on it. */
function refusals({ plan, failedProducts, failedOrders }: ImportReport): string[] {
  const products = plan.products.flatMap(({ sku, at }) => {
    const failure = failedProducts.get(sku)
    return failure?.status === 'refused' ? [lineOf(at, `product ${sku}: ${failure.reason}`)] : []
  })
  const orders = failedOrders
    .filter(({ status }) => status === 'refused')
    .map(({ order, reason }) => lineOf(order.at, `order ${order.sourceId}: ${reason}`, order.rows))
  return [...products, ...orders]
}

/** Lists the rows without a response. The next run retries them, so only the first of thousands are named. */
function silences({ plan, failedOrders, failedProducts, check }: ImportReport): string[] {
  const products = plan.products.flatMap(({ sku, at }) => {
    const failure = failedProducts.get(sku)
    return failure?.status === 'unanswered' ? [lineOf(at, `product ${sku}: ${failure.reason}`)] : []
  })
  const orders = failedOrders
    .filter(({ status }) => status === 'unanswered')
    .map(({ order, reason }) => lineOf(order.at, `order ${order.sourceId}: ${reason}`))
  const unchecked = check.orders
    .filter(({ verdict, placement }) => verdict === 'unknown' && placement.status === 'placed')
    .map(({ placement: { order } }) =>
      lineOf(order.at, `order ${order.sourceId}: it is placed, and not checked`),
    )
  const all = [...products, ...orders, ...unchecked]
  const more = all.length - MOST_SILENCES
  return more > 0 ? [...all.slice(0, MOST_SILENCES), `and ${several(more, 'more row')}`] : all
}

/** Formats what an import would do. */
export function formatPlan(plan: Plan, currency: string): string {
  const byOutcome = Map.groupBy(plan.orders, ({ outcome }) => outcome)
  const total = (pick: (order: PlannedOrder) => number) =>
    plan.orders.reduce((sum, order) => sum + pick(order), 0)
  const money = (minor: number) => `${toDecimal({ minor, currency })} ${currency}`
  return [
    `\nWould import ${several(plan.orders.length, 'order')} of ${several(plan.products.length, 'product')}`,
    ...section(
      'Orders by outcome',
      [...byOutcome].map(([outcome, orders]) => counted(outcome, orders.length)).sort(),
    ),
    ...section('Sums', [
      `paid        ${money(total(order => order.totalMinor))}`,
      `freight     ${money(total(order => order.freightMinor))}`,
      `discounts   ${money(total(order => order.discountMinor))}`,
      `units       ${total(order => order.units)}`,
    ]),
    ...rowSections(plan),
    '\nNothing was changed: this was a dry run.',
  ].join('\n')
}

function rowSections({ rejects, unused, beyondLimit }: Plan): string[] {
  const named = (rows: readonly RejectedRow[]) => rows.map(row => lineOf(row, row.reason, row.with))
  const count = rejects.reduce((sum, { with: others = [] }) => sum + 1 + others.length, 0)
  return [
    `\nRows not used: ${count}`,
    ...named(rejects).map(indented),
    ...section(`Rows not needed: ${unused.length}`, named(unused)),
    ...(beyondLimit > 0 ? [`\nPast the limit, and not imported: ${several(beyondLimit, 'order')}`] : []),
  ]
}

function comparison({ actual, expected }: ImportCheck, currency: string): string[] {
  const amount = (minor: number) => `${toDecimal({ minor, currency })} ${currency}`
  const row = (name: keyof Sums, show: (value: number) => string) =>
    `  ${name.padEnd(11)}${show(actual[name]).padStart(18)}${show(expected[name]).padStart(18)}  ${actual[name] === expected[name] ? 'ok' : 'DIFFERS'}`
  const head = (title: string) => `\n${title.padEnd(13)}${'platform'.padStart(18)}${'files'.padStart(18)}`
  return [
    head('Money'),
    ...MONEY_SUMS.map(name => row(name, amount)),
    head('Units'),
    ...UNIT_SUMS.map(name => row(name, String)),
  ]
}

function differenceLine({ placement, difference = '' }: ImportCheck['orders'][number]): string {
  return lineOf(placement.order.at, `order ${placement.order.sourceId}: ${difference}`)
}

/** Formats a row as `orders.csv:7  why, and with it items.csv:9,10`. */
function lineOf({ file, line }: RowRef, reason: string, others: readonly RowRef[] = []): string {
  const byFile = [...Map.groupBy(others, other => other.file)].map(
    ([name, rows]) => `${name}:${rows.map(row => row.line).join(',')}`,
  )
  return `${file}:${line}  ${reason}${byFile.length > 0 ? `; with it ${byFile.join(' and ')}` : ''}`
}

function several(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function counted(name: string, count: number): string {
  return `${name.padEnd(20)}${String(count).padStart(7)}`
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length > 0 ? [`\n${title}`, ...lines.map(indented)] : []
}

function indented(line: string): string {
  return `  ${line}`
}
