// Finds the orders that earlier runs of an import have placed, by the references that the files give them.
import { createHash } from 'node:crypto'
import { toDecimal } from '#platform/domain/money.ts'
import type { MoneyText } from '#platform/graphql/scalars.ts'
import type { PlannedOrder } from '#tools/import/plan.ts'
import type { WebClient } from '#tools/import/web-client.ts'

const BY_REFERENCE = `query ImportedEarlier($filter: OrderFilter!, $after: String) {
  orders(filter: $filter, first: 100, after: $after) {
    nodes { id reference status lines { sku quantity } total { amount currency } }
    pageInfo { hasNextPage endCursor }
  }
}`

/** Where the orders of a mapping are placed. */
export type Shop = {
  readonly web: WebClient
  /** The mapping's name, the prefix of every key. */
  readonly source: string
  readonly currency: string
}

export type EarlierOrder = {
  readonly id: string
  readonly reference: string | null
  readonly status: string
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[]
  readonly total: MoneyText
}
type EarlierOrders = {
  readonly orders: {
    readonly nodes: readonly EarlierOrder[]
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null }
  }
}

/** Returns all orders of the customer with the order's reference, newest first. The search finds its words, and more. */
export async function earlierOrders({ web, source }: Shop, order: PlannedOrder): Promise<EarlierOrder[]> {
  const filter = { text: order.sourceId, customerId: customerIdOf(source, order) }
  const found: EarlierOrder[] = []
  for (let after: string | null | undefined; after !== null; ) {
    const { orders }: EarlierOrders = await web.send(BY_REFERENCE, { filter, after })
    found.push(...orders.nodes.filter(({ reference }) => reference === order.sourceId))
    after = orders.pageInfo.hasNextPage ? orders.pageInfo.endCursor : null
  }
  return found
}

export function isStanding({ status }: EarlierOrder): boolean {
  return status !== 'CANCELLED'
}

/** Compares lines and total, which the shop never changes once an order is placed. */
export function hasContentOf(
  { currency }: Shop,
  { lines, total }: EarlierOrder,
  order: PlannedOrder,
): boolean {
  const { amount } = moneyText(order.totalMinor, currency)
  const isSame = (line: EarlierOrder['lines'][number], index: number) =>
    line.sku === order.lines[index]?.sku && line.quantity === order.lines[index]?.quantity
  const isSameTotal = total.amount === amount && total.currency === currency
  return isSameTotal && lines.length === order.lines.length && lines.every(isSame)
}

/** Derives a customer id from source and customer, the same in every run: a UUID of version 8. */
export function customerIdOf(source: string, { customer }: Pick<PlannedOrder, 'customer'>): string {
  const hex = createHash('sha256').update(`${source}\n${customer.sourceId}`).digest('hex')
  return `cus_${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

export function moneyText(minor: number, currency: string): MoneyText {
  return { amount: toDecimal({ minor, currency }), currency }
}
