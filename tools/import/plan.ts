// Joins the tables of an import into a plan: products with the stock that the orders need, and orders by time.
import { OperatorError } from '#platform/domain/errors.ts'
import type { Mapping, Outcome, TenderKind } from '#tools/import/mapping.ts'
import type {
  Address,
  CustomerRow,
  LineRow,
  Located,
  OrderRow,
  PaymentRow,
  ProductRow,
  RejectedRow,
  RowRef,
  Table,
  Tables,
} from '#tools/import/tables.ts'

export type PlannedProduct = Pick<ProductRow, 'sku' | 'title' | 'category' | 'weightGrams' | 'dimensions'> & {
  readonly at: RowRef
  readonly priceMinor: number
  /** Description, pictures and variants, as the command takes them. */
  readonly shown: ProductRow['shown']
  readonly stock: readonly { readonly warehouse: string; readonly quantity: number }[]
}

export type PlannedOrder = {
  readonly at: RowRef
  /** The order's rows in the files of lines and payments. */
  readonly rows: readonly RowRef[]
  readonly sourceId: string
  readonly outcome: Outcome
  readonly customer: { readonly sourceId: string; readonly name: string; readonly email: string }
  readonly address: Address
  readonly lines: readonly {
    readonly sku: string
    readonly quantity: number
    readonly unitPriceMinor: number
  }[]
  readonly freightMinor: number
  readonly discountMinor: number
  /** Amount paid beyond goods, freight and discount, such as interest of instalments; negative when less was paid. */
  readonly surplusMinor: number
  readonly tenders: readonly { readonly kind: TenderKind; readonly amountMinor: number }[]
  readonly totalMinor: number
  readonly units: number
}

export type Plan = {
  readonly products: readonly PlannedProduct[]
  readonly orders: readonly PlannedOrder[]
  /** Rows that cannot be used, sorted by file and line. */
  readonly rejects: readonly RejectedRow[]
  /** Products and customers that no order of the plan needs. */
  readonly unused: readonly RejectedRow[]
  /** How many orders could be imported and are past the limit. */
  readonly beyondLimit: number
}

type Joined = { readonly order: PlannedOrder; readonly lines: readonly LineRow[] }

/**
 * Plans the first `limit` orders of `tables`. Every row ends up in the plan, in `rejects` or in
 * `unused`. Throws OperatorError NOTHING_TO_IMPORT when no order can be imported.
 */
export function planImport(tables: Tables, mapping: Mapping, limit = Number.POSITIVE_INFINITY): Plan {
  const orders = lastOfEach(tables.orders)
  const products = lastOfEach(tables.products)
  const customers = lastOfEach(tables.customers)
  const sources: Sources = {
    mapping,
    tables,
    lines: Map.groupBy(tables.lines.rows, ({ row }) => row.order),
    payments: Map.groupBy(tables.payments.rows, ({ row }) => row.order),
    products: products.byId,
    customers: customers.byId,
    highestPrices: highestPrices(tables.lines.rows),
  }
  const outcomes = inTimeOrder(orders.byId).map(located => joinOrder(located, sources))
  const joined = outcomes.flatMap(outcome => ('order' in outcome ? [outcome] : []))
  const rejects = [
    ...Object.values(tables).flatMap(table => table.rejects),
    ...orders.overruled,
    ...products.overruled,
    ...customers.overruled,
    ...outcomes.flatMap(outcome => ('reason' in outcome ? [outcome] : [])),
    ...orphans(tables.lines, tables.orders, orders.byId),
    ...orphans(tables.payments, tables.orders, orders.byId),
  ].sort(byPlace)
  if (joined.length === 0) throw nothingToImport(tables, rejects)
  return { ...taken(joined, sources, limit), rejects, unused: unusedOf(joined, sources).sort(byPlace) }
}

/** Gives products the stock for all orders whatever the limit, so that a run with another limit finds them unchanged. */
function taken(joined: readonly Joined[], sources: Sources, limit: number) {
  const orders = joined.slice(0, limit).map(({ order }) => order)
  const wanted = new Set(orders.flatMap(order => order.lines.map(line => line.sku)))
  return {
    orders,
    products: planProducts(joined, sources).filter(({ sku }) => wanted.has(sku)),
    beyondLimit: joined.length - orders.length,
  }
}

type Sources = {
  readonly mapping: Mapping
  readonly tables: Tables
  readonly lines: ReadonlyMap<string, readonly Located<LineRow>[]>
  readonly payments: ReadonlyMap<string, readonly Located<PaymentRow>[]>
  readonly products: ReadonlyMap<string, Located<ProductRow>>
  readonly customers: ReadonlyMap<string, Located<CustomerRow>>
  /** The highest price at which each product was sold. */
  readonly highestPrices: ReadonlyMap<string, number>
}

function highestPrices(lines: readonly Located<LineRow>[]): Map<string, number> {
  const prices = new Map<string, number>()
  for (const { row } of lines) prices.set(row.product, Math.max(prices.get(row.product) ?? 0, row.unitPrice))
  return prices
}

function priceOf(row: ProductRow, { highestPrices }: Pick<Sources, 'highestPrices'>): number {
  return row.price ?? highestPrices.get(row.id) ?? 0
}

/** Keeps the last of several rows with one id, as in a file with corrections appended. */
function lastOfEach<Row extends { readonly id: string }>(table: Table<Row>) {
  const byId = new Map<string, Located<Row>>()
  for (const located of table.rows) byId.set(located.row.id, located)
  const overruled = table.rows.flatMap(({ line, row }): RejectedRow[] => {
    const last = byId.get(row.id)?.line ?? line
    return last === line ? [] : [{ file: table.file, line, reason: `${row.id} is overruled by line ${last}` }]
  })
  return { byId, overruled }
}

/** Returns the order as it will be placed, or why it cannot be. A gap in its rows' numbers means a lost row. */
function joinOrder({ line, row }: Located<OrderRow>, sources: Sources): Joined | RejectedRow {
  const lines = sources.lines.get(row.id) ?? []
  const payments = sources.payments.get(row.id) ?? []
  const { tables } = sources
  const rows = [
    ...lines.map(of => ({ file: tables.lines.file, line: of.line })),
    ...payments.map(of => ({ file: tables.payments.file, line: of.line })),
  ]
  const at = { file: tables.orders.file, line }
  const reason = faultOf({ row, lines, payments }, sources)
  const customer = sources.customers.get(row.customer)
  const address = row.address ?? customer?.row.address
  if (reason !== undefined || !customer || !address)
    return { ...at, reason: `order ${row.id}: ${reason ?? 'it has no address'}`, with: rows }
  const lineRows = inNumberOrder(lines)
  const order = price({ row, lines: lineRows, payments: inNumberOrder(payments) }, sources)
  const { id, name, email } = customer.row
  return {
    order: { at, rows, customer: { sourceId: id, name, email }, address, ...order },
    lines: lineRows,
  }
}

type OrderRows = {
  readonly row: OrderRow
  readonly lines: readonly Located<LineRow>[]
  readonly payments: readonly Located<PaymentRow>[]
}

function faultOf({ row, lines, payments }: OrderRows, sources: Sources): string | undefined {
  const { tables, mapping, products, customers } = sources
  const broken = brokenRow(row.id, tables.lines) ?? brokenRow(row.id, tables.payments)
  if (broken) return broken
  if (lines.length === 0) return `it has no row in ${tables.lines.file} (${row.outcome})`
  const gap = gapIn(lines, tables.lines.file) ?? gapIn(payments, tables.payments.file)
  if (gap) return gap
  if (mapping.lines.onePerProduct && new Set(lines.map(of => of.row.product)).size < lines.length)
    return `a product of it stands twice in ${tables.lines.file}`
  if ('file' in mapping.payments && payments.length === 0) return `it has no row in ${tables.payments.file}`
  if (!customers.has(row.customer)) return absent('customer', row.customer, tables.customers)
  for (const { row: line } of lines) {
    const product = products.get(line.product)
    if (!product) return absent('product', line.product, tables.products)
    if (priceOf(product.row, sources) === 0)
      return `product ${line.product} is sold at 0 only, and the catalogue needs a price above 0`
  }
  const net = netOf(
    row,
    lines.map(of => of.row),
  )
  return net < 0 ? 'its discounts are more than its goods and freight' : undefined
}

function brokenRow(id: string, table: Table<unknown>): string | undefined {
  const line = table.rejectedKeys.get(id)
  return line === undefined ? undefined : `its row ${table.file}:${line} cannot be used`
}

function gapIn(
  rows: readonly Located<{ readonly number: number | null }>[],
  file: string,
): string | undefined {
  const numbers = rows.flatMap(({ row }) => row.number ?? []).sort((a, b) => a - b)
  if (numbers.length === 0 || numbers.every((number, index) => number === index + 1)) return undefined
  return `a row of it in ${file} is missing or stands twice`
}

function absent(what: string, key: string, { file, rejectedKeys }: Table<unknown>): string {
  const line = rejectedKeys.get(key)
  return line === undefined
    ? `${what} ${key} is not in ${file}`
    : `${what} ${key} cannot be used (${file}:${line})`
}

function netOf(row: OrderRow, lines: readonly LineRow[]): number {
  const goods = sum(lines.map(line => line.unitPrice * line.quantity))
  return goods + row.freight + sum(lines.map(line => line.freight - line.discount)) - row.discount
}

type UsableRows = {
  readonly row: OrderRow
  readonly lines: readonly LineRow[]
  readonly payments: readonly PaymentRow[]
}

function price({ row, lines, payments }: UsableRows, { mapping, products }: Sources) {
  const net = netOf(row, lines)
  const tenders =
    'file' in mapping.payments
      ? payments.map(({ kind, amount }) => ({ kind, amountMinor: amount }))
      : [{ kind: mapping.payments.kind, amountMinor: net }]
  const totalMinor = sum(tenders.map(tender => tender.amountMinor))
  return {
    sourceId: row.id,
    outcome: row.outcome,
    lines: mergeUnits(lines, products),
    freightMinor: row.freight + sum(lines.map(line => line.freight)),
    discountMinor: row.discount + sum(lines.map(line => line.discount)),
    surplusMinor: totalMinor - net,
    tenders: tenders.filter(tender => tender.amountMinor > 0),
    totalMinor,
    units: sum(lines.map(line => line.quantity)),
  }
}

/** Merges the rows of one product at one price into one line. */
function mergeUnits(lines: readonly LineRow[], products: Sources['products']): PlannedOrder['lines'] {
  const groups = Map.groupBy(lines, line => `${line.unitPrice} ${line.product}`)
  return [...groups.values()].flatMap(group =>
    group.slice(0, 1).map(({ product, unitPrice }) => ({
      sku: products.get(product)?.row.sku ?? product,
      quantity: sum(group.map(line => line.quantity)),
      unitPriceMinor: unitPrice,
    })),
  )
}

function planProducts(joined: readonly Joined[], sources: Sources): PlannedProduct[] {
  const sold = Map.groupBy(
    joined.flatMap(({ lines }) => lines),
    line => line.product,
  )
  return [...sold].flatMap(([id, lines]) => {
    const found = sources.products.get(id)
    if (!found) return []
    const { sku, title, category, weightGrams, dimensions, spareStock, shown } = found.row
    const stock = stockFor(lines, spareStock)
    const priceMinor = priceOf(found.row, sources)
    const at = { file: sources.tables.products.file, line: found.line }
    return [{ at, sku, title, category, priceMinor, weightGrams, dimensions, stock, shown }]
  })
}

/** Returns, per warehouse, what is sold from it plus what should remain. */
function stockFor(lines: readonly LineRow[], spare: number): PlannedProduct['stock'] {
  const byWarehouse = Map.groupBy(lines, line => line.warehouse)
  return [...byWarehouse].map(([warehouse, group]) => ({
    warehouse,
    quantity: sum(group.map(line => line.quantity)) + spare,
  }))
}

function orphans(
  table: Table<{ readonly order: string }>,
  orders: Table<OrderRow>,
  known: ReadonlyMap<string, unknown>,
): RejectedRow[] {
  return table.rows
    .filter(({ row }) => !known.has(row.order))
    .map(({ line, row }) => ({ file: table.file, line, reason: absent('order', row.order, orders) }))
}

function unusedOf(joined: readonly Joined[], { tables, products, customers }: Sources): RejectedRow[] {
  const sold = new Set(joined.flatMap(({ lines }) => lines.map(line => line.product)))
  const buyers = new Set(joined.map(({ order }) => order.customer.sourceId))
  const reason = (what: string, id: string) => `no order that is imported needs ${what} ${id}`
  return [
    ...[...products].flatMap(([id, { line }]) =>
      sold.has(id) ? [] : [{ file: tables.products.file, line, reason: reason('product', id) }],
    ),
    ...[...customers].flatMap(([id, { line }]) =>
      buyers.has(id) ? [] : [{ file: tables.customers.file, line, reason: reason('customer', id) }],
    ),
  ]
}

function nothingToImport({ orders }: Tables, rejects: readonly RejectedRow[]): OperatorError {
  const listed = rejects.slice(0, 20).map(({ file, line, reason }) => `\n  ${file}:${line}  ${reason}`)
  const more = rejects.length > listed.length ? `\n  and ${rejects.length - listed.length} more` : ''
  const why =
    orders.rows.length + orders.rejects.length === 0 ? `${orders.file} has no rows` : 'no order can be used'
  return new OperatorError('NOTHING_TO_IMPORT', `Nothing is imported: ${why}.${listed.join('')}${more}`)
}

function inTimeOrder(orders: ReadonlyMap<string, Located<OrderRow>>): Located<OrderRow>[] {
  return [...orders.values()].sort(
    (a, b) => a.row.placedAt - b.row.placedAt || (a.row.id < b.row.id ? -1 : a.row.id > b.row.id ? 1 : 0),
  )
}

function inNumberOrder<Row extends { readonly number: number | null }>(rows: readonly Located<Row>[]): Row[] {
  return rows.map(({ row }) => row).sort((a, b) => (a.number ?? 0) - (b.number ?? 0))
}

function byPlace(a: RowRef, b: RowRef): number {
  return a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
