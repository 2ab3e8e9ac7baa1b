// Reads the files of an import into tables by their mapping, and names each unusable row with file, line and reason.
import path from 'node:path'
import { OperatorError } from '#platform/domain/errors.ts'
import { SKU, SKU_FORM } from '#platform/domain/sku.ts'
import { type CsvRecord, type CsvRow, readCsv } from '#tools/import/csv.ts'
import {
  columnsOf,
  evaluate,
  type Field,
  type Lookups,
  type Mapping,
  OUTCOMES,
  TENDER_KINDS,
} from '#tools/import/mapping.ts'
import {
  amount,
  fraction,
  instant,
  matching,
  oneOf,
  optionalLines,
  optionalText,
  type Parser,
  text,
  whole,
} from '#tools/import/values.ts'

export type RowRef = { readonly file: string; readonly line: number }
/** A row that is not used; `with` are the rows that depend on it. */
export type RejectedRow = RowRef & { readonly reason: string; readonly with?: readonly RowRef[] }

type RowBuilders = ReturnType<typeof rowBuilders>
export type OrderRow = ReturnType<RowBuilders['order']>
export type LineRow = ReturnType<RowBuilders['line']>
export type PaymentRow = ReturnType<ReturnType<RowBuilders['payment']>>
export type ProductRow = ReturnType<RowBuilders['product']>
export type CustomerRow = ReturnType<RowBuilders['customer']>
export type Address = NonNullable<ReturnType<typeof readAddress>>

export type Located<Row> = { readonly line: number; readonly row: Row }
export type Table<Row> = {
  readonly file: string
  readonly rows: readonly Located<Row>[]
  readonly rejects: readonly RejectedRow[]
  /** The line of a rejected row, by the key of what it belongs to. */
  readonly rejectedKeys: ReadonlyMap<string, number>
}
export type Tables = {
  readonly orders: Table<OrderRow>
  readonly lines: Table<LineRow>
  readonly payments: Table<PaymentRow>
  readonly products: Table<ProductRow>
  readonly customers: Table<CustomerRow>
}

/** All rows of an import are joined in memory, at about 1 KB each. */
const MAX_ROWS = 2_000_000

type Cell = <Value>(field: Field | undefined, read: Parser<Value>) => Value
type Source = { readonly folder: string; readonly mapping: Mapping; readonly encoding: string; rows: number }

/**
 * Reads the tables from `folder`. Throws OperatorError when a file cannot be read, when headers lack columns of the
 * mapping (all such files at once), or when there are no rows or more than 2,000,000.
 */
export async function readTables(
  folder: string,
  mapping: Mapping,
  encoding = mapping.encoding,
): Promise<Tables> {
  const source: Source = { folder, mapping, encoding, rows: 0 }
  const { orders, lines, payments, products, customers } = mapping
  const lookups = await readLookups(source)
  const build = rowBuilders(mapping)
  const read = <Row>(section: { file: string }, key: Field, toRow: (cell: Cell) => Row) =>
    readTable(source, { section, key, lookups, toRow })
  const reading = [
    read(orders, orders.id, build.order),
    read(lines, lines.order, build.line),
    'file' in payments ? read(payments, payments.order, build.payment(payments)) : noTable<PaymentRow>(),
    read(products, products.id, build.product),
    read(customers, customers.id, build.customer),
  ] as const
  await throwEveryFault(reading)
  const [ordersRead, linesRead, paymentsRead, productsRead, customersRead] = await Promise.all(reading)
  return {
    orders: ordersRead,
    lines: linesRead,
    payments: paymentsRead,
    products: productsRead,
    customers: customersRead,
  }
}

/** Waits for all reads, so that the faults of several files are reported at once. */
async function throwEveryFault(work: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(work)
  const faults = outcomes.flatMap((outcome): unknown[] =>
    outcome.status === 'rejected' ? [outcome.reason] : [],
  )
  const operatorFaults = faults.filter(fault => fault instanceof OperatorError)
  const [first] = operatorFaults
  if (first && operatorFaults.length === faults.length)
    throw new OperatorError(first.code, operatorFaults.map(({ message }) => message).join('\n'), first)
}

async function noTable<Row>(): Promise<Table<Row>> {
  return { file: '', rows: [], rejects: [], rejectedKeys: new Map() }
}

type TableOptions<Row> = {
  readonly section: { readonly file: string }
  readonly key: Field
  readonly lookups: Lookups
  readonly toRow: (cell: Cell) => Row
}

async function readTable<Row>(
  source: Source,
  { section, key, lookups, toRow }: TableOptions<Row>,
): Promise<Table<Row>> {
  const rows: Located<Row>[] = []
  const rejects: RejectedRow[] = []
  const rejectedKeys = new Map<string, number>()
  for await (const csv of rowsOf(source, section.file, columnsOf(section))) {
    const read = readRow(csv, lookups, toRow)
    if ('row' in read) rows.push({ line: csv.line, row: read.row })
    else {
      rejects.push({ file: section.file, line: csv.line, reason: read.reason })
      const owner = keyOf(key, 'record' in csv ? csv.record : csv.fields, lookups)
      if (owner !== '') rejectedKeys.set(owner, csv.line)
    }
  }
  return { file: section.file, rows, rejects, rejectedKeys }
}

async function* rowsOf(source: Source, file: string, columns: readonly string[]): AsyncGenerator<CsvRow> {
  const { delimiter } = source.mapping
  const options = { encoding: source.encoding, delimiter, columns }
  for await (const row of readCsv(path.join(source.folder, file), options)) {
    source.rows++
    if (source.rows > MAX_ROWS)
      throw new OperatorError(
        'IMPORT_TOO_LARGE',
        `The files have more than ${MAX_ROWS} rows, which is the most for one import: import them in parts, by order.`,
      )
    yield row
  }
}

function readRow<Row>(
  csv: CsvRow,
  lookups: Lookups,
  toRow: (cell: Cell) => Row,
): { readonly row: Row } | { readonly reason: string } {
  if ('unreadable' in csv) return { reason: csv.unreadable }
  try {
    return { row: toRow(cellsOf(csv.record, lookups)) }
  } catch (error) {
    if (error instanceof RangeError) return { reason: error.message }
    throw error
  }
}

/** Returns a function that reads one field of a row; a field that is not mapped is an empty text. */
function cellsOf(record: CsvRecord, lookups: Lookups): Cell {
  return (field, read) => {
    try {
      return read(field ? evaluate(field, record, lookups) : '')
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new RangeError(`${columnsOf(field).join(' and ') || 'a value of the mapping'}: ${reason}`)
    }
  }
}

function keyOf(key: Field, record: CsvRecord, lookups: Lookups): string {
  try {
    return evaluate(key, record, lookups)
  } catch {
    return ''
  }
}

async function readLookups(source: Source): Promise<Lookups> {
  const lookups = new Map<string, ReadonlyMap<string, string>>()
  for (const [name, { file, key, value }] of Object.entries(source.mapping.lookups)) {
    const values = new Map<string, string>()
    for await (const row of rowsOf(source, file, [key, value])) {
      if ('unreadable' in row)
        throw new OperatorError('IMPORT_FILE_UNREADABLE', `${file}:${row.line} is ${row.unreadable}.`)
      values.set(row.record[key] ?? '', row.record[value] ?? '')
    }
    lookups.set(name, values)
  }
  return lookups
}

const id = text(100)
const sku = matching(SKU, SKU_FORM)
const WAREHOUSE = matching(/^[A-Z0-9][A-Z0-9-]{0,31}$/, '1 to 32 upper case letters, digits and dashes')
const COUNTRY = matching(/^[A-Z]{2}$/, 'an ISO 3166-1 alpha-2 code such as DE')
const IMAGE_URL = matching(
  /^(?:https?:\/)?\/\S{1,1990}$/,
  'an http or https URL, or a path that begins with /images/',
)
const pixels = whole(1, 10_000)
const LARGEST_NUMBER = 1_000_000
const number: Parser<number | null> = given => (given === '' ? null : whole(1, LARGEST_NUMBER)(given))

/** Returns a function for each table that reads a row. Times are milliseconds since 1970. */
function rowBuilders(mapping: Mapping) {
  const { orders, lines, products, customers } = mapping
  const money = amount(mapping)
  const moneyOrZero = amount(mapping, true)
  const centimetres = whole(1, 1000)
  return {
    order: (cell: Cell) => ({
      id: cell(orders.id, id),
      customer: cell(orders.customer, id),
      placedAt: cell(orders.placedAt, instant(mapping.dateFormat)),
      outcome: cell(orders.outcome, oneOf(OUTCOMES)),
      freight: cell(orders.freight, moneyOrZero),
      discount: cell(orders.discount, moneyOrZero),
      address: readAddress(cell, orders.address),
    }),
    /** Amounts are in minor units: `unitPrice` per unit, `discount` and `freight` per row. */
    line: (cell: Cell) => {
      const quantity = cell(lines.quantity, whole(1, 10_000))
      const unitPrice = cell(lines.unitPrice, money)
      return {
        order: cell(lines.order, id),
        number: cell(lines.number, number),
        product: cell(lines.product, id),
        quantity,
        unitPrice,
        discount: discountOf(cell, mapping, unitPrice * quantity),
        freight: cell(lines.freight, moneyOrZero),
        warehouse: cell(lines.warehouse, WAREHOUSE),
      }
    },
    payment: (payments: Extract<Mapping['payments'], { file: string }>) => (cell: Cell) => ({
      order: cell(payments.order, id),
      number: cell(payments.number, number),
      kind: cell(payments.kind, oneOf(TENDER_KINDS)),
      amount: cell(payments.amount, money),
    }),
    product: (cell: Cell) => ({
      id: cell(products.id, id),
      sku: cell(products.sku, sku),
      title: cell(products.title, text(200)),
      category: cell(products.category, optionalText(100)),
      // Without prices in the files, the highest price at which it was sold counts.
      price: products.price ? cell(products.price, money) : null,
      weightGrams: cell(products.weightGrams, whole(1, 1_000_000)),
      dimensions: {
        lengthCm: cell(products.lengthCm, centimetres),
        widthCm: cell(products.widthCm, centimetres),
        heightCm: cell(products.heightCm, centimetres),
      },
      spareStock: cell(products.spareStock, whole(0, 1_000_000)),
      shown: readShown(cell, products),
    }),
    customer: (cell: Cell) => ({
      id: cell(customers.id, id),
      name: cell(customers.name, text(200)),
      email: cell(customers.email, text(200)),
      address: readAddress(cell, customers.address),
    }),
  }
}

/** Reads what a shop shows of a product beside its title; what is empty is left out. */
function readShown(cell: Cell, { title, description, images, family, options }: Mapping['products']) {
  const text = cell(description, optionalLines(5000))
  const pictures = images.flatMap(image => {
    if (cell(image.url, given => given) === '') return []
    return {
      url: cell(image.url, IMAGE_URL),
      width: cell(image.width, pixels),
      height: cell(image.height, pixels),
      altText: cell(image.altText, optionalText(300)) ?? cell(title, given => given),
    }
  })
  const name = cell(family, given => (given === '' ? null : sku(given)))
  const values = Object.entries(options).flatMap(([option, field]) => {
    const value = cell(field, optionalText(60))
    return value === null ? [] : { name: option, value }
  })
  return {
    ...(text !== null && { description: text }),
    ...(pictures.length > 0 && { images: pictures }),
    ...(name !== null && { family: name, options: values }),
  }
}

function readAddress(cell: Cell, fields: Mapping['orders']['address']) {
  if (!fields) return null
  return {
    name: cell(fields.name, optionalText(200)),
    line1: cell(fields.line1, text(200)),
    line2: cell(fields.line2, optionalText(200)),
    city: cell(fields.city, text(100)),
    region: cell(fields.region, optionalText(100)),
    postalCode: cell(fields.postalCode, optionalText(20)),
    country: cell(fields.country, COUNTRY),
  }
}

function discountOf(cell: Cell, mapping: Mapping, gross: number): number {
  const { discount, discountAs } = mapping.lines
  if (discountAs !== 'amount')
    return cell(discount, fraction(mapping.decimalSeparator, discountAs === 'percent' ? 100 : 1)).of(gross)
  return cell(discount, given => {
    const minor = amount(mapping, true)(given)
    if (minor > gross) throw new RangeError(`${JSON.stringify(given)} is more than the line`)
    return minor
  })
}
