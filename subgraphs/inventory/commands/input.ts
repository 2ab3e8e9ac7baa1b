// Checks what callers of inventory send, before anything is loaded or written. Free of I/O.
import { CallerError } from '#platform/domain/errors.ts'
import { isId } from '#platform/domain/ids.ts'
import type { Money } from '#platform/domain/money.ts'
import { type MoneyText, moneyIn } from '#platform/graphql/scalars.ts'
import type {
  AddProductInput,
  AdjustStockInput,
  ChangePriceInput,
  ReservationInput,
  ReserveStockInput,
  RestockInput,
  SetLowStockThresholdInput,
  ShipStockInput,
} from '#schema/generated/inventory.ts'
import type { Line } from '#subgraphs/inventory/domain/allocation.ts'
import type { Units } from '#subgraphs/inventory/domain/holds.ts'
import type { ProductFacts } from '#subgraphs/inventory/domain/stock.ts'

export const MAX_SKUS = 500
const MAX_WAREHOUSES = 100
const MAX_UNITS = 1_000_000
const MAX_LINE_QUANTITY = 10_000
/** No hold lasts longer. */
const MAX_HOLD_MS = 366 * 24 * 3600 * 1000

const SKU = /^[A-Za-z0-9._-]{1,64}$/
const WAREHOUSE = /^[A-Z0-9][A-Z0-9-]{0,31}$/
const CONTROL = /\p{Cc}/u

/** Always throws: BAD_USER_INPUT that says what `field` should be, and what it is. */
function malformed(field: string, expected: string, got: unknown): never {
  const shown = (JSON.stringify(got) ?? String(got)).slice(0, 60)
  throw new CallerError('BAD_USER_INPUT', `${field}: should be ${expected}; got ${shown}`, { field })
}

export function isSku(text: string): boolean {
  return SKU.test(text)
}

export function checkSku(field: string, sku: string): string {
  return isSku(sku) ? sku : malformed(field, '1 to 64 letters, digits, dots, dashes and underscores', sku)
}

export function checkSkus(field: string, skus: readonly string[]): string[] {
  checkCount(field, skus, 1, MAX_SKUS)
  return [...new Set(skus.map((sku, index) => checkSku(`${field}[${index}]`, sku)))].sort()
}

function checkWarehouse(field: string, code: string): string {
  return WAREHOUSE.test(code)
    ? code
    : malformed(field, '1 to 32 upper case letters, digits and dashes, such as BER-1', code)
}

/** Text that a database can hold, without the white space around it. */
export function checkText(field: string, text: string, max: number): string {
  const trimmed = text.trim()
  const fits =
    trimmed.length >= 1 && trimmed.length <= max && trimmed.isWellFormed() && !CONTROL.test(trimmed)
  return fits ? trimmed : malformed(field, `1 to ${max} characters, none of them a control character`, text)
}

export function checkWhole(field: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max)
    malformed(field, `a whole number from ${min} to ${max}`, value)
  return value
}

export function checkCount(field: string, list: readonly unknown[], min: number, max: number): void {
  if (list.length < min || list.length > max) malformed(field, `a list of ${min} to ${max}`, list.length)
}

export function checkKey(key: string): string {
  return checkText('idempotencyKey', key, 200)
}

function checkOrderId(id: string): string {
  return isId('order', id) ? id : malformed('orderId', 'an id such as ord_0190a5b2-…', id)
}

function checkPrice(price: MoneyText): Money {
  const money = moneyIn(price)
  return money.minor > 0 ? money : malformed('price.amount', 'more than 0', price.amount)
}

export function parseAddProduct(input: AddProductInput): {
  sku: string
  facts: ProductFacts
  units: Units[]
} {
  const { lengthCm, widthCm, heightCm } = input.dimensions
  return {
    sku: checkSku('sku', input.sku),
    facts: {
      title: checkText('title', input.title, 200),
      category: input.category == null ? null : checkText('category', input.category, 100),
      price: checkPrice(input.price),
      weightGrams: checkWhole('weightGrams', input.weightGrams, 1, 1_000_000),
      dimensions: {
        lengthCm: checkWhole('dimensions.lengthCm', lengthCm, 1, 1000),
        widthCm: checkWhole('dimensions.widthCm', widthCm, 1, 1000),
        heightCm: checkWhole('dimensions.heightCm', heightCm, 1, 1000),
      },
      lowStockThreshold: checkThreshold('lowStockThreshold', input.lowStockThreshold ?? 0),
    },
    units: parseUnits(input.stock ?? []),
  }
}

function checkThreshold(field: string, threshold: number): number {
  return checkWhole(field, threshold, 0, MAX_UNITS)
}

function parseUnits(stock: readonly Units[]): Units[] {
  checkCount('stock', stock, 0, MAX_WAREHOUSES)
  const seen = new Set<string>()
  return stock.map(({ warehouse, quantity }, index) => {
    if (seen.has(warehouse)) malformed(`stock[${index}].warehouse`, 'named once', warehouse)
    seen.add(warehouse)
    return {
      warehouse: checkWarehouse(`stock[${index}].warehouse`, warehouse),
      quantity: checkWhole(`stock[${index}].quantity`, quantity, 0, MAX_UNITS),
    }
  })
}

export function parseChangePrice({ sku, price }: ChangePriceInput): { sku: string; price: Money } {
  return { sku: checkSku('sku', sku), price: checkPrice(price) }
}

export function parseThreshold(input: SetLowStockThresholdInput): { sku: string; threshold: number } {
  return { sku: checkSku('sku', input.sku), threshold: checkThreshold('threshold', input.threshold) }
}

export function parseAdjustment(input: AdjustStockInput): Units & { sku: string; reason: string } {
  const quantity = checkWhole('quantity', input.quantity, -MAX_UNITS, MAX_UNITS)
  if (quantity === 0) malformed('quantity', 'anything but 0', 0)
  return {
    sku: checkSku('sku', input.sku),
    warehouse: checkWarehouse('warehouse', input.warehouse),
    quantity,
    reason: checkText('reason', input.reason, 200),
  }
}

export function parseReserve(
  input: ReserveStockInput,
  now: Date,
): { orderId: string; customerId: string; lines: Line[]; expiresAt: string } {
  if (Date.parse(input.expiresAt) - now.getTime() > MAX_HOLD_MS)
    malformed('expiresAt', 'at most 366 days ahead', input.expiresAt)
  return {
    orderId: checkOrderId(input.orderId),
    customerId: checkText('customerId', input.customerId, 128),
    lines: parseLines(input.lines),
    expiresAt: input.expiresAt,
  }
}

function parseLines(lines: readonly Line[]): Line[] {
  checkCount('lines', lines, 1, MAX_SKUS)
  return lines.map(({ sku, quantity }, index) => ({
    sku: checkSku(`lines[${index}].sku`, sku),
    quantity: checkWhole(`lines[${index}].quantity`, quantity, 1, MAX_LINE_QUANTITY),
  }))
}

export function parseReservation({ orderId, skus }: ReservationInput): { orderId: string; skus: string[] } {
  return { orderId: checkOrderId(orderId), skus: checkSkus('skus', skus) }
}

export function parseRestock({ orderId, lines }: RestockInput): { orderId: string; lines: Line[] } {
  return { orderId: checkOrderId(orderId), lines: parseLines(lines) }
}

export function parseShip(input: ShipStockInput): { orderId: string; warehouse: string; lines: Line[] } {
  return { ...parseRestock(input), warehouse: checkWarehouse('warehouse', input.warehouse) }
}
