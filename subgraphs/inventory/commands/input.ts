// Checks the input of inventory's commands and converts it to domain types.
import type { Money } from '#platform/domain/money.ts'
import { isSku, SKU_FORM } from '#platform/domain/sku.ts'
import type { MoneyText } from '#platform/graphql/scalars.ts'
import {
  checkCount,
  checkId,
  checkInt,
  checkLine,
  checkMoney,
  checkOptionalText,
  checkSku,
  malformed,
} from '#platform/subgraph/input.ts'
import type {
  AddProductInput,
  AdjustStockInput,
  ChangePriceInput,
  DescribeProductInput,
  ProductImageInput,
  ReservationInput,
  ReserveStockInput,
  RestockInput,
  SetLowStockThresholdInput,
  ShipStockInput,
} from '#schema/generated/inventory.ts'
import type { Joining } from '#subgraphs/inventory/commands/family-append.ts'
import type { Line } from '#subgraphs/inventory/domain/allocation.ts'
import { foldName, type ProductOption } from '#subgraphs/inventory/domain/family.ts'
import type { Units } from '#subgraphs/inventory/domain/holds.ts'
import type { Description, ProductFacts, ProductImage } from '#subgraphs/inventory/domain/product.ts'

const MAX_SKUS = 500
const MAX_WAREHOUSES = 100
const MAX_UNITS = 1_000_000
const MAX_LINE_QUANTITY = 10_000
const MAX_HOLD_MS = 366 * 24 * 3600 * 1000
const MAX_DESCRIPTION = 5000
const MAX_IMAGES = 20
const MAX_PIXELS = 10_000
const MAX_OPTIONS = 5

const WAREHOUSE = /^[A-Z0-9][A-Z0-9-]{0,31}$/

type Joins = { readonly joins?: Joining }

export function readAddProduct(
  input: AddProductInput,
): Joins & { sku: string; facts: ProductFacts; units: Units[] } {
  const { lengthCm, widthCm, heightCm } = input.dimensions
  return {
    sku: checkSku('sku', input.sku),
    facts: {
      title: checkLine('title', input.title, 200),
      category: input.category == null ? null : checkCategory(input.category),
      price: checkPrice(input.price),
      weightGrams: checkInt('weightGrams', input.weightGrams, { min: 1, max: 1_000_000 }),
      dimensions: {
        lengthCm: checkInt('dimensions.lengthCm', lengthCm, { min: 1, max: 1000 }),
        widthCm: checkInt('dimensions.widthCm', widthCm, { min: 1, max: 1000 }),
        heightCm: checkInt('dimensions.heightCm', heightCm, { min: 1, max: 1000 }),
      },
      lowStockThreshold: checkThreshold('lowStockThreshold', input.lowStockThreshold ?? 0),
      ...(input.description != null && { description: readDescription(input.description) }),
      ...(input.images != null && { images: readImages(input.images) }),
    },
    units: readUnits(input.stock ?? []),
    ...readJoining(input),
  }
}

function readUnits(stock: readonly Units[]): Units[] {
  const seen = new Set<string>()
  return checkCount('stock', stock, { min: 0, max: MAX_WAREHOUSES }).map(({ warehouse, quantity }, index) => {
    if (seen.has(warehouse)) malformed(`stock[${index}].warehouse`, 'named once', warehouse)
    seen.add(warehouse)
    return {
      warehouse: checkWarehouse(`stock[${index}].warehouse`, warehouse),
      quantity: checkInt(`stock[${index}].quantity`, quantity, { min: 0, max: MAX_UNITS }),
    }
  })
}

/** Null removes the category or the description; of the title and the images it is the same as leaving them out. */
export function readDescribe(input: DescribeProductInput): Joins & { sku: string; given: Description } {
  const { sku, title, category, description, images } = input
  const given: Description = {
    ...(title != null && { title: checkLine('title', title, 200) }),
    ...(category !== undefined && { category: category === null ? null : checkCategory(category) }),
    ...(description !== undefined && { description: readDescription(description) }),
    ...(images != null && { images: readImages(images) }),
  }
  const joining = readJoining(input)
  if (Object.keys(given).length === 0 && !joining.joins)
    malformed('input', 'at least one of title, category, description, images and family')
  return { sku: checkSku('sku', sku), given, ...joining }
}

/** A family and options come together or not at all. */
function readJoining({
  family,
  options,
}: Pick<AddProductInput, 'family' | 'options'> | Pick<DescribeProductInput, 'family' | 'options'>): Joins {
  const given = options ?? []
  if (family == null) return given.length === 0 ? {} : malformed('family', 'given together with options')
  if (!isSku(family)) malformed('family', SKU_FORM, family)
  const names = new Set<string>()
  const checked = checkCount('options', given, { min: 1, max: MAX_OPTIONS }).map(({ name, value }, index) => {
    const field = `options[${index}].name`
    if (names.has(foldName(name.trim()))) malformed(field, 'named once', name)
    names.add(foldName(name.trim()))
    return readOption(`options[${index}]`, { name, value })
  })
  return { joins: { family, options: checked } }
}

function readOption(field: string, { name, value }: ProductOption): ProductOption {
  return { name: checkLine(`${field}.name`, name, 30), value: checkLine(`${field}.value`, value, 60) }
}

function checkCategory(category: string): string {
  return checkLine('category', category, 100)
}

/** Blank text is no description. */
function readDescription(description: string | null): string | null {
  return checkOptionalText('description', description, MAX_DESCRIPTION) ?? null
}

function readImages(images: readonly ProductImageInput[]): ProductImage[] {
  return checkCount('images', images, { min: 0, max: MAX_IMAGES }).map((image, index) => {
    const field = `images[${index}]`
    return {
      url: checkImageUrl(`${field}.url`, image.url),
      width: checkInt(`${field}.width`, image.width, { min: 1, max: MAX_PIXELS }),
      height: checkInt(`${field}.height`, image.height, { min: 1, max: MAX_PIXELS }),
      altText: checkLine(`${field}.altText`, image.altText, 300),
    }
  })
}

/** A path that the shop serves itself, perhaps with a version; each step begins with a character that is no dot. */
const IMAGE_PATH = /^\/images(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*)+(?:\?v=[A-Za-z0-9._-]+)?$/
const WEB_URL = /^https?:\/\/[^\s\\]+$/i
const MAX_URL = 2000

function checkImageUrl(field: string, url: string): string {
  // A parser takes `http:x` and `http:\\x` too; a browser reads the first as a path of the page it is on.
  const parsed = url.length <= MAX_URL && WEB_URL.test(url) && URL.parse(url)
  const isWeb = parsed && !parsed.username && !parsed.password
  if (isWeb || (url.length <= MAX_URL && IMAGE_PATH.test(url))) return url
  return malformed(
    field,
    `an http or https URL without a user name, or a path such as /images/mug.svg, of at most ${MAX_URL} characters`,
    url,
  )
}

export function readChangePrice({ sku, price }: ChangePriceInput): { sku: string; price: Money } {
  return { sku: checkSku('sku', sku), price: checkPrice(price) }
}

export function readThreshold(input: SetLowStockThresholdInput): { sku: string; threshold: number } {
  return { sku: checkSku('sku', input.sku), threshold: checkThreshold('threshold', input.threshold) }
}

export function readAdjustment(input: AdjustStockInput): Units & { sku: string; reason: string } {
  const quantity = checkInt('quantity', input.quantity, { min: -MAX_UNITS, max: MAX_UNITS })
  if (quantity === 0) malformed('quantity', 'anything but 0', 0)
  return {
    sku: checkSku('sku', input.sku),
    warehouse: checkWarehouse('warehouse', input.warehouse),
    quantity,
    reason: checkLine('reason', input.reason, 200),
  }
}

export function readReserve(
  input: ReserveStockInput,
  now: Date,
): { orderId: string; customerId: string; lines: Line[]; expiresAt: string } {
  if (Date.parse(input.expiresAt) - now.getTime() > MAX_HOLD_MS)
    malformed('expiresAt', 'at most 366 days ahead', input.expiresAt)
  return {
    orderId: checkId('orderId', 'order', input.orderId),
    customerId: checkLine('customerId', input.customerId, 128),
    lines: readLines(input.lines),
    expiresAt: input.expiresAt,
  }
}

export function readReservation({ orderId, skus }: ReservationInput): { orderId: string; skus: string[] } {
  return { orderId: checkId('orderId', 'order', orderId), skus: readSkus(skus) }
}

export function readRestock({ orderId, lines }: RestockInput): { orderId: string; lines: Line[] } {
  return { orderId: checkId('orderId', 'order', orderId), lines: readLines(lines) }
}

export function readShip(input: ShipStockInput): { orderId: string; warehouse: string; lines: Line[] } {
  return { ...readRestock(input), warehouse: checkWarehouse('warehouse', input.warehouse) }
}

/** Returns each SKU once, sorted. */
function readSkus(skus: readonly string[]): string[] {
  const checked = checkCount('skus', skus, { min: 1, max: MAX_SKUS })
  return [...new Set(checked.map((sku, index) => checkSku(`skus[${index}]`, sku)))].sort()
}

function readLines(lines: readonly Line[]): Line[] {
  return checkCount('lines', lines, { min: 1, max: MAX_SKUS }).map(({ sku, quantity }, index) => ({
    sku: checkSku(`lines[${index}].sku`, sku),
    quantity: checkInt(`lines[${index}].quantity`, quantity, { min: 1, max: MAX_LINE_QUANTITY }),
  }))
}

function checkPrice(price: MoneyText): Money {
  return checkMoney('price', price, 1)
}

function checkThreshold(field: string, threshold: number): number {
  return checkInt(field, threshold, { min: 0, max: MAX_UNITS })
}

function checkWarehouse(field: string, code: string): string {
  return WAREHOUSE.test(code)
    ? code
    : malformed(field, '1 to 32 upper case letters, digits and dashes, such as BER-1', code)
}
