// Prices an order from the request, the current products and the shipping fee.
import { CallerError } from '#platform/domain/errors.ts'
import type { JsonObject } from '#platform/domain/json.ts'
import { MAX_MINOR, type Money, toDecimal } from '#platform/domain/money.ts'
import type { OrderDetails, OrderedLine, Tender, TenderKind } from '#subgraphs/orders/domain/events.ts'
import { unitsBySku } from '#subgraphs/orders/domain/order.ts'

export type RequestedLine = {
  readonly sku: string
  readonly quantity: number
  readonly agreedUnitPrice?: Money
}
/** A tender without an amount pays the rest, which may be nothing; at most one tender has none. */
export type RequestedTender = { readonly kind: TenderKind; readonly token: string; readonly amount?: Money }

/** A well-formed request for an order, which pricing may still refuse. */
export type OrderRequest = OrderDetails & {
  readonly customerId: string
  readonly lines: readonly RequestedLine[]
  readonly tenders: readonly RequestedTender[]
  readonly expectedTotal?: Money
  readonly agreedShippingFee?: Money
}

export type PricedProduct = {
  readonly sku: string
  readonly title: string
  readonly price: Money
  /** The weight of one unit. */
  readonly weightGrams: number
  readonly dimensions: Dimensions
  readonly available: number
}
/** The size of one unit in whole centimetres. */
type Dimensions = { readonly lengthCm: number; readonly widthCm: number; readonly heightCm: number }

type Shortage = { readonly sku: string; readonly requested: number; readonly available: number }

/** A refused placement, as it is recorded with its key; `is` names the member of the result union. */
export type PlacementRefusal = { readonly code: string; readonly message: string } & (
  | { readonly is: 'UnknownProduct'; readonly skus: readonly string[] }
  | { readonly is: 'UnknownCustomer'; readonly customerId: string }
  | { readonly is: 'OutOfStock'; readonly shortages: readonly Shortage[] }
  | { readonly is: 'TotalChanged'; readonly expected: Money; readonly actual: Money }
  | { readonly is: 'TenderMismatch'; readonly total: Money; readonly tendered: Money }
  | { readonly is: 'MixedCurrencies'; readonly currencies: readonly string[] }
)
export type Priced<T> = { readonly priced: T } | { readonly refused: PlacementRefusal }

/** Units of one kind, as shipping quotes for them. */
export type Goods = Pick<PricedProduct, 'weightGrams' | 'dimensions'> & { readonly quantity: number }
export type Items = {
  readonly lines: readonly OrderedLine[]
  readonly total: Money
  /** The goods to quote shipping for, one entry per line. */
  readonly goods: readonly Goods[]
}

/** Returns the lines with title, price and weight, or a refusal when a product is unknown or short, or currencies differ. */
export function priceItems(
  request: OrderRequest,
  products: ReadonlyMap<string, PricedProduct>,
): Priced<Items> {
  const skus = request.lines.map(line => line.sku).filter(sku => !products.has(sku))
  if (skus.length > 0) return { refused: unknownProduct(distinct(skus)) }
  const shortages = shortagesOf(request, products)
  if (shortages.length > 0) return { refused: outOfStock(shortages) }
  const lines = request.lines.flatMap((line, index) => {
    const product = products.get(line.sku)
    return product ? [orderedLine(line, product, index)] : []
  })
  const currencies = distinct(lines.map(line => line.unitPrice.currency))
  const [currency] = currencies
  if (currency === undefined || currencies.length > 1) return { refused: mixedCurrencies(currencies) }
  const minor = sum(lines.map(line => line.unitPrice.minor * line.quantity))
  const goods = request.lines.flatMap(({ sku, quantity }) => {
    const product = products.get(sku)
    return product ? [{ quantity, weightGrams: product.weightGrams, dimensions: product.dimensions }] : []
  })
  return { priced: { lines, total: within('lines', { minor, currency }), goods } }
}

function orderedLine(line: RequestedLine, product: PricedProduct, index: number): OrderedLine {
  const { sku, title, price, weightGrams } = product
  const unitPrice = line.agreedUnitPrice ?? price
  within(`lines[${index}]`, { minor: unitPrice.minor * line.quantity, currency: unitPrice.currency })
  return { lineNo: index + 1, sku, title, quantity: line.quantity, unitPrice, weightGrams }
}

function shortagesOf(
  { lines }: OrderRequest,
  products: ReadonlyMap<string, PricedProduct>,
): readonly Shortage[] {
  return [...unitsBySku(lines)].flatMap(([sku, requested]) => {
    const available = products.get(sku)?.available ?? 0
    return available < requested ? [{ sku, requested, available }] : []
  })
}

/** Stock is ample when it is this many times the demand. */
const AMPLE_TIMES = 10

/** True when the orders of this moment hardly use up the stock. `demand` counts their units by SKU, this order's included. */
export function isAmple(
  products: ReadonlyMap<string, PricedProduct>,
  demand: ReadonlyMap<string, number>,
): boolean {
  return [...demand].every(([sku, units]) => (products.get(sku)?.available ?? 0) >= AMPLE_TIMES * units)
}

type Totals = { readonly total: Money; readonly tenders: readonly Tender[] }

/** Returns the total and its tenders, or a refusal when currencies differ, the total is not as expected, or the tenders do not add up. */
export function priceOrder(request: OrderRequest, items: Money, shippingFee: Money): Priced<Totals> {
  const given = [...request.adjustments, ...request.tenders].flatMap(({ amount }) => amount ?? [])
  const currencies = distinct([items, shippingFee, ...given].map(amount => amount.currency))
  if (currencies.length > 1) return { refused: mixedCurrencies(currencies) }
  const adjusted = sum(request.adjustments.map(({ amount }) => amount.minor))
  const total = within('total', {
    minor: items.minor + shippingFee.minor + adjusted,
    currency: items.currency,
  })
  if (total.minor < 0)
    throw new CallerError(
      'BAD_USER_INPUT',
      `adjustments: they bring the total to ${toDecimal(total)} ${total.currency}; it should not be negative`,
    )
  const { expectedTotal: expected } = request
  if (expected && !isSame(expected, total)) return { refused: totalChanged(expected, total) }
  return settleTenders(request.tenders, total)
}

function settleTenders(requested: readonly RequestedTender[], total: Money): Priced<Totals> {
  const named = sum(requested.map(({ amount }) => amount?.minor ?? 0))
  const rest = total.minor - named
  const takesRest = requested.some(({ amount }) => amount === undefined)
  if (rest < 0 || (rest > 0 && !takesRest))
    return { refused: tenderMismatch(total, { ...total, minor: named }) }
  const tenders = requested.map(({ kind, token, amount }) => ({
    kind,
    token,
    amount: amount ?? { ...total, minor: rest },
  }))
  return { priced: { total, tenders: tenders.filter(({ amount }) => amount.minor > 0) } }
}

function within(field: string, amount: Money): Money {
  if (amount.minor <= MAX_MINOR) return amount
  const most = toDecimal({ minor: MAX_MINOR, currency: amount.currency })
  throw new CallerError('BAD_USER_INPUT', `${field}: comes to more than ${most} ${amount.currency}`)
}

function isSame(one: Money, other: Money): boolean {
  return one.minor === other.minor && one.currency === other.currency
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}

function unknownProduct(skus: readonly string[]): PlacementRefusal {
  const message = `There is no product ${skus.join(', ')}.`
  return { is: 'UnknownProduct', code: 'PRODUCT_UNKNOWN', message, skus }
}

export function unknownCustomer(customerId: string): PlacementRefusal {
  const message = 'The customer is not registered: call registerCustomer first.'
  return { is: 'UnknownCustomer', code: 'CUSTOMER_UNKNOWN', message, customerId }
}

export function outOfStock(shortages: readonly Shortage[]): PlacementRefusal {
  const parts = shortages.map(({ sku, available }) => `${sku} (${available} left)`)
  const message = `There is not enough in stock of ${parts.join(', ')}.`
  return { is: 'OutOfStock', code: 'OUT_OF_STOCK', message, shortages }
}

function mixedCurrencies(currencies: readonly string[]): PlacementRefusal {
  const message = `An order is in one currency, not in ${currencies.join(' and ')}.`
  return { is: 'MixedCurrencies', code: 'CURRENCIES_MIXED', message, currencies }
}

function totalChanged(expected: Money, actual: Money): PlacementRefusal {
  const message = `The order comes to ${formatMoney(actual)}, not to ${formatMoney(expected)}.`
  return { is: 'TotalChanged', code: 'TOTAL_CHANGED', message, expected, actual }
}

function tenderMismatch(total: Money, tendered: Money): PlacementRefusal {
  const message = mismatchText(total, tendered)
  return { is: 'TenderMismatch', code: 'TENDER_MISMATCH', message, total, tendered }
}

function mismatchText(total: Money, tendered: Money): string {
  const difference = formatMoney({ ...total, minor: Math.abs(total.minor - tendered.minor) })
  if (tendered.minor === 0)
    return `The order comes to ${formatMoney(total)}, and no tender pays for it: give one.`
  if (tendered.minor > total.minor)
    return `The tenders come to ${formatMoney(tendered)}, ${difference} more than the order's ${formatMoney(total)}: lower an amount.`
  return (
    `The tenders come to ${formatMoney(tendered)}, ${difference} less than the order's ${formatMoney(total)}: ` +
    "raise an amount, or leave out one tender's amount so that it takes the rest."
  )
}

function formatMoney(amount: Money): string {
  return `${toDecimal(amount)} ${amount.currency}`
}

/** Returns the shortages in the details of a cancelled order, as inventory's refusal gave them. */
export function shortagesIn(details: JsonObject): Shortage[] {
  const { shortages } = details
  if (!Array.isArray(shortages)) return []
  return shortages.flatMap((shortage: JsonObject) => {
    const { sku, requested, available } = shortage
    if (typeof sku !== 'string' || typeof requested !== 'number' || typeof available !== 'number') return []
    return [{ sku, requested, available }]
  })
}
