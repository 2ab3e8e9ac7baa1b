// The Olist files as a plan: products with the stock that the orders need, and the orders in time order. Free of network.
import path from 'node:path'
import { z } from 'zod'
import { fromDecimal } from '#platform/domain/money.ts'
import { type Reject, type Rows, readRows } from '#tools/import/csv.ts'

export const CURRENCY = 'BRL'
/** Sellers are spread over these by their id, so that orders with several sellers ship in several parcels. */
export const WAREHOUSES = ['SAO-1', 'RIO-1', 'CWB-1'] as const
/** Units beyond what the orders need, so that no product ends at zero. */
const SPARE_UNITS = 5

export type PlannedProduct = {
  readonly sku: string
  readonly title: string
  readonly category: string | null
  readonly priceMinor: number
  readonly weightGrams: number
  readonly dimensions: { readonly lengthCm: number; readonly widthCm: number; readonly heightCm: number }
  readonly stock: readonly { readonly warehouse: string; readonly quantity: number }[]
}

/** What becomes of the order after its confirmation. */
export type Fate = 'delivered' | 'shipped' | 'held' | 'cancelled'

export type PlannedOrder = {
  readonly sourceId: string
  readonly fate: Fate
  readonly customer: { readonly id: string; readonly name: string; readonly email: string }
  readonly address: { readonly city: string; readonly region: string; readonly postalCode: string }
  readonly lines: readonly {
    readonly sku: string
    readonly quantity: number
    readonly unitPriceMinor: number
  }[]
  readonly freightMinor: number
  /** Paid beyond goods and freight: interest of instalments. Negative: paid less. */
  readonly adjustmentMinor: number
  readonly tenders: readonly {
    readonly kind: 'CARD' | 'VOUCHER' | 'BANK_SLIP'
    readonly amountMinor: number
  }[]
  readonly totalMinor: number
  readonly units: number
}

export type Plan = {
  readonly products: readonly PlannedProduct[]
  readonly orders: readonly PlannedOrder[]
  readonly rejects: readonly Reject[]
}

const key = z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 hexadecimal digits')
const amount = z.string().transform((text, context) => {
  try {
    return fromDecimal(text, CURRENCY).minor
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) })
    return z.NEVER
  }
})
const centimetres = z.coerce.number().int().min(1).max(1000)

const STATUSES = [
  'delivered',
  'shipped',
  'invoiced',
  'processing',
  'approved',
  'canceled',
  'unavailable',
  'created',
] as const
const orderRow = z.object({
  order_id: key,
  customer_id: key,
  status: z.enum(STATUSES),
  purchased_at: z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/, 'expected YYYY-MM-DD HH:MM:SS'),
})
const itemRow = z.object({
  order_id: key,
  item_no: z.coerce.number().int().min(1),
  product_id: key,
  seller_id: key,
  unit_price: amount,
  freight: amount,
})
const paymentRow = z.object({
  order_id: key,
  seq: z.coerce.number().int().min(1),
  type: z.enum(['credit_card', 'debit_card', 'voucher', 'boleto']),
  amount,
})
const productRow = z.object({
  product_id: key,
  category_en: z.string(),
  weight_g: z.coerce.number().int().min(1).max(1_000_000),
  length_cm: centimetres,
  height_cm: centimetres,
  width_cm: centimetres,
})
const customerRow = z.object({
  customer_id: key,
  zip_prefix: z.string().regex(/^\d{5}$/, 'expected five digits'),
  city: z.string().min(1),
  state: z.string().regex(/^[A-Z]{2}$/, 'expected two capital letters'),
})

type OrderRow = z.infer<typeof orderRow>
type ItemRow = z.infer<typeof itemRow>
type PaymentRow = z.infer<typeof paymentRow>
type ProductRow = z.infer<typeof productRow>
type CustomerRow = z.infer<typeof customerRow>

const FATES: Readonly<Record<OrderRow['status'], Fate>> = {
  delivered: 'delivered',
  shipped: 'shipped',
  invoiced: 'held',
  processing: 'held',
  approved: 'held',
  created: 'held',
  unavailable: 'cancelled',
  canceled: 'cancelled',
}
const TENDER_KINDS = {
  credit_card: 'CARD',
  debit_card: 'CARD',
  voucher: 'VOUCHER',
  boleto: 'BANK_SLIP',
} as const

/**
 * Reads the five files in `folder`. Rows that cannot be used are in `rejects`, with the orders that they spoil. Of the
 * orders the first `limit` are planned, with the products that they need.
 */
export async function planOlist(folder: string, limit = Number.POSITIVE_INFINITY): Promise<Plan> {
  const file = (name: string) => path.join(folder, `${name}.csv`)
  const [orders, items, payments, products, customers] = await Promise.all([
    readRows(file('orders'), orderRow),
    readRows(file('items'), itemRow),
    readRows(file('payments'), paymentRow),
    readRows(file('products'), productRow),
    readRows(file('customers'), customerRow),
  ])
  const sources = {
    items: groupBy(items.rows, ({ row }) => row.order_id),
    payments: groupBy(payments.rows, ({ row }) => row.order_id),
    products: new Map(products.rows.map(({ row }) => [row.product_id, row])),
    customers: new Map(customers.rows.map(({ row }) => [row.customer_id, row])),
  }
  const rejects = [orders, items, payments, products, customers].flatMap(file => file.rejects)
  const spoiled = new Set([items, payments].flatMap(file => file.rejects.flatMap(({ key }) => key ?? [])))
  const planned: { order: PlannedOrder; items: readonly ItemRow[] }[] = []
  const seen = new Set<string>()
  for (const { line, row } of inTimeOrder(orders)) {
    const fault = seen.has(row.order_id)
      ? 'the order stands twice in the file'
      : spoiled.has(row.order_id) && 'a row of its items or payments cannot be used'
    seen.add(row.order_id)
    const outcome = fault || planOrder(row, sources)
    if (typeof outcome === 'string')
      rejects.push({ file: 'orders.csv', line, reason: `order ${row.order_id}: ${outcome}` })
    else planned.push(outcome)
  }
  const taken = planned.slice(0, limit)
  const wanted = new Set(taken.flatMap(({ order }) => order.lines.map(line => line.sku)))
  return {
    // With the stock for all orders, whatever the limit: the next run, with another one, finds its products as they are.
    products: planProducts(planned, sources.products).filter(({ sku }) => wanted.has(sku)),
    orders: taken.map(({ order }) => order),
    rejects,
  }
}

type Sources = {
  readonly items: ReadonlyMap<string, readonly { readonly row: ItemRow }[]>
  readonly payments: ReadonlyMap<string, readonly { readonly row: PaymentRow }[]>
  readonly products: ReadonlyMap<string, ProductRow>
  readonly customers: ReadonlyMap<string, CustomerRow>
}

/** The order, or the reason why it cannot be replayed. A number missing in `item_no` or `seq` means a lost row. */
function planOrder(
  row: OrderRow,
  sources: Sources,
): { order: PlannedOrder; items: readonly ItemRow[] } | string {
  const items = (sources.items.get(row.order_id) ?? [])
    .map(({ row }) => row)
    .sort((a, b) => a.item_no - b.item_no)
  const payments = (sources.payments.get(row.order_id) ?? [])
    .map(({ row }) => row)
    .sort((a, b) => a.seq - b.seq)
  const customer = sources.customers.get(row.customer_id)
  if (items.length === 0) return `no items in items.csv (status ${row.status})`
  if (items.some((item, index) => item.item_no !== index + 1))
    return 'a row of it in items.csv is missing or stands twice'
  if (payments.length === 0) return 'no payments in payments.csv'
  if (payments.some((payment, index) => payment.seq !== index + 1))
    return 'a row of it in payments.csv is missing or stands twice'
  if (!customer) return `customer ${row.customer_id} is not in customers.csv`
  const unknown = items.find(item => !sources.products.has(item.product_id))
  if (unknown) return `product ${unknown.product_id} is not in products.csv`

  const goods = sum(items.map(item => item.unit_price))
  const freight = sum(items.map(item => item.freight))
  const paid = sum(payments.map(payment => payment.amount))
  const order: PlannedOrder = {
    sourceId: row.order_id,
    fate: FATES[row.status],
    customer: {
      id: `cus_${asUuid(row.customer_id)}`,
      name: `Olist customer ${row.customer_id.slice(0, 8)}`,
      email: `${row.customer_id}@olist.example`,
    },
    address: { city: customer.city, region: customer.state, postalCode: `${customer.zip_prefix}-000` },
    lines: mergeUnits(items),
    freightMinor: freight,
    adjustmentMinor: paid - goods - freight,
    tenders: payments
      .filter(payment => payment.amount > 0)
      .map(({ type, amount }) => ({ kind: TENDER_KINDS[type], amountMinor: amount })),
    totalMinor: paid,
    units: items.length,
  }
  return { order, items }
}

/** One row of items.csv is one unit: rows of one product at one price become one line. */
function mergeUnits(items: readonly ItemRow[]): PlannedOrder['lines'] {
  const groups = groupBy(items, item => `${item.product_id} ${item.unit_price}`)
  return [...groups.values()].flatMap(([first, ...rest]) =>
    first ? [{ sku: first.product_id, quantity: rest.length + 1, unitPriceMinor: first.unit_price }] : [],
  )
}

function planProducts(
  planned: readonly { items: readonly ItemRow[] }[],
  rows: ReadonlyMap<string, ProductRow>,
): PlannedProduct[] {
  const units = groupBy(
    planned.flatMap(({ items }) => items),
    item => item.product_id,
  )
  return [...units].flatMap(([sku, sold]) => {
    const row = rows.get(sku)
    const first = sold[0]
    if (!row || !first) return []
    const category = row.category_en.replaceAll('_', ' ')
    return {
      sku,
      title: `${category ? capitalise(category) : 'Product'} ${sku.slice(0, 6)}`,
      category: category || null,
      priceMinor: first.unit_price,
      weightGrams: row.weight_g,
      dimensions: { lengthCm: row.length_cm, widthCm: row.width_cm, heightCm: row.height_cm },
      stock: stockFor(sold),
    }
  })
}

function stockFor(sold: readonly ItemRow[]): PlannedProduct['stock'] {
  const byWarehouse = groupBy(
    sold,
    item => WAREHOUSES[Number.parseInt(item.seller_id.slice(0, 6), 16) % WAREHOUSES.length] ?? WAREHOUSES[0],
  )
  return [...byWarehouse].map(([warehouse, items]) => ({ warehouse, quantity: items.length + SPARE_UNITS }))
}

function inTimeOrder(orders: Rows<OrderRow>): Rows<OrderRow>['rows'] {
  return orders.rows.toSorted(
    (a, b) => compare(a.row.purchased_at, b.row.purchased_at) || compare(a.row.order_id, b.row.order_id),
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function groupBy<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  return Map.groupBy(values, keyOf)
}

function asUuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
