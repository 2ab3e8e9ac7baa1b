// Reads the mapping of an import: which file and column holds what, and how a value is derived from a row.
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { OperatorError } from '#platform/domain/errors.ts'
import { CURRENCIES } from '#platform/domain/money.ts'
import { faultOf } from '#platform/process/fault.ts'

const MAPPINGS = new URL('./mappings/', import.meta.url)

/** The fate of an order after its confirmation. */
export const OUTCOMES = ['delivered', 'shipped', 'held', 'cancelled'] as const
export type Outcome = (typeof OUTCOMES)[number]
export const TENDER_KINDS = ['CARD', 'VOUCHER', 'BANK_SLIP'] as const
export type TenderKind = (typeof TENDER_KINDS)[number]

const name = z.string().min(1).max(200)
const SOURCES = ['column', 'template', 'value'] as const

/** The source of a text and the transformations of it, applied in this order. */
const derivation = z.strictObject({
  column: name.optional(),
  template: z.string().min(1).max(500).optional(),
  value: z.string().max(500).optional(),
  replace: z.record(z.string().min(1), z.string()).optional(),
  lookup: name.optional(),
  map: z.record(z.string(), z.string()).optional(),
  spread: z.array(z.string().min(1)).min(1).max(100).optional(),
  otherwise: z.string().optional(),
})
export type Field = z.infer<typeof derivation>

/** A column's name stands for the text in that column. */
const field = z.union([
  name.transform((column): Field => ({ column })),
  derivation.refine(given => SOURCES.filter(source => given[source] !== undefined).length === 1, {
    message: `should have exactly one of ${SOURCES.join(', ')}`,
  }),
])

const file = z.string().regex(/^[\w.-]+$/, 'should be the name of a file in the folder')
const address = z.strictObject({
  name: field.optional(),
  line1: field,
  line2: field.optional(),
  city: field,
  region: field.optional(),
  postalCode: field.optional(),
  country: field,
})

const image = z.strictObject({ url: field, width: field, height: field, altText: field.optional() })

const mapping = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9-]{1,40}$/, 'should be 1 to 40 lower case letters, digits and dashes'),
    currency: z.string().refine(code => Object.hasOwn(CURRENCIES, code), {
      message: `should be one of ${Object.keys(CURRENCIES).join(', ')}`,
    }),
    encoding: z.string().default('utf-8'),
    delimiter: z.string().length(1).default(','),
    decimalSeparator: z.enum(['.', ',']).default('.'),
    dateFormat: z.string().regex(/YYYY/, 'should hold YYYY, MM and DD, such as YYYY-MM-DD'),
    lookups: z.record(name, z.strictObject({ file, key: name, value: name })).default({}),
    orders: z.strictObject({
      file,
      id: field,
      customer: field,
      placedAt: field,
      outcome: field,
      freight: field.optional(),
      discount: field.optional(),
      address: address.optional(),
    }),
    lines: z.strictObject({
      file,
      order: field,
      number: field.optional(),
      product: field,
      quantity: field,
      unitPrice: field,
      discount: field.optional(),
      discountAs: z.enum(['fraction', 'percent', 'amount']).default('amount'),
      freight: field.optional(),
      warehouse: field,
      onePerProduct: z.boolean().default(false),
    }),
    payments: z.union([
      z.strictObject({ file, order: field, number: field.optional(), kind: field, amount: field }),
      z.strictObject({ kind: z.enum(TENDER_KINDS) }),
    ]),
    products: z.strictObject({
      file,
      id: field,
      sku: field,
      title: field,
      category: field.optional(),
      price: field.optional(),
      weightGrams: field,
      lengthCm: field,
      widthCm: field,
      heightCm: field,
      spareStock: field,
      description: field.optional(),
      images: z.array(image).max(20).default([]),
      family: field.optional(),
      options: z.record(z.string().min(1).max(30), field).default({}),
    }),
    customers: z.strictObject({
      file,
      id: field,
      name: field,
      email: field,
      address: address.optional(),
    }),
  })
  .refine(
    ({ products }) => (products.family === undefined) === (Object.keys(products.options).length === 0),
    {
      message: 'should have both a family and options of products, or neither',
    },
  )
  .refine(({ orders, customers }) => (orders.address === undefined) !== (customers.address === undefined), {
    message: 'should have the address either of orders or of customers',
  })

export type Mapping = z.infer<typeof mapping>

/** Lookup tables by name. */
export type Lookups = ReadonlyMap<string, ReadonlyMap<string, string>>

/**
 * Reads the mapping in the JSON file `source`, or the shipped one when `source` is a bare name such as `olist`. Throws
 * OperatorError MAPPING_INVALID that lists every problem with its place.
 */
export async function readMapping(source: string): Promise<Mapping> {
  const given = /^[a-z0-9-]+$/.test(source) ? await shippedFile(source) : source
  const read = mapping.safeParse(await readJson(given))
  if (read.success) return read.data
  const problems = read.error.issues.map(
    ({ path, message }) => `  ${path.join('.') || 'the mapping'}: ${message}`,
  )
  throw new OperatorError('MAPPING_INVALID', `The mapping ${given} cannot be used:\n${problems.join('\n')}`)
}

async function shippedFile(name: string): Promise<string> {
  const shipped = (await readdir(MAPPINGS)).map(file => file.replace(/\.json$/, '')).sort()
  if (shipped.includes(name)) return fileURLToPath(new URL(`${name}.json`, MAPPINGS))
  throw new OperatorError(
    'MAPPING_INVALID',
    `No mapping ${name} is shipped: there are ${shipped.join(' and ')}. One of yours is named by its file, such as ./${name}.json.`,
  )
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch(cause => {
    throw new OperatorError('MAPPING_INVALID', `The mapping cannot be read: ${faultOf(cause).message}`, cause)
  })
  try {
    return JSON.parse(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError('MAPPING_INVALID', `The mapping ${path} is no JSON: ${reason}.`, cause)
  }
}

const PLACEHOLDER = /\{([^{}:]+)(?::(\d{1,3}))?\}/g

/** Members of a field that map texts to texts and hold no fields. */
const TABLES: ReadonlySet<string> = new Set(['map', 'replace'])

/** Returns the columns that a field, or anything that contains fields, reads. */
export function columnsOf(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return []
  const own = 'column' in part && typeof part.column === 'string' ? [part.column] : []
  const named =
    'template' in part && typeof part.template === 'string'
      ? [...part.template.matchAll(PLACEHOLDER)].map(([, column = '']) => column)
      : []
  const inner = Object.entries(part).flatMap(([key, value]) => (TABLES.has(key) ? [] : columnsOf(value)))
  return [...new Set([...own, ...named, ...inner])]
}

/** Returns the text that `field` derives from a row. Throws RangeError with the reason when it cannot. */
export function evaluate(field: Field, row: Readonly<Record<string, string>>, lookups: Lookups): string {
  const raw = sourceText(field, row)
  const replaced = Object.entries(field.replace ?? {}).reduce(
    (text, [from, to]) => text.replaceAll(from, to),
    raw,
  )
  const found = field.lookup === undefined ? replaced : lookUp(field.lookup, replaced, lookups)
  if (field.spread) return spread(found, field.spread)
  if (field.map) return mapped(found, field)
  return found === '' ? (field.otherwise ?? '') : found
}

function sourceText({ column, template, value }: Field, row: Readonly<Record<string, string>>): string {
  if (column !== undefined) return (row[column] ?? '').trim()
  if (template === undefined) return value ?? ''
  return template
    .replace(PLACEHOLDER, (_, name: string, length?: string) =>
      (row[name] ?? '').trim().slice(0, Number(length ?? 500)),
    )
    .trim()
}

function lookUp(name: string, key: string, lookups: Lookups): string {
  if (key === '') return ''
  const found = lookups.get(name)?.get(key)
  if (found === undefined) throw new RangeError(`${name} has no ${JSON.stringify(key)}`)
  return found
}

function mapped(text: string, { map = {}, otherwise }: Field): string {
  const to = Object.hasOwn(map, text) ? map[text] : otherwise
  if (to === undefined)
    throw new RangeError(
      `${JSON.stringify(text)} is not in the mapping, which has ${Object.keys(map).join(', ')}`,
    )
  return to
}

/** Picks one of `places` by a hash of the text. */
function spread(text: string, places: readonly string[]): string {
  let hash = 0
  for (const character of text) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003
  return places[hash % places.length] ?? ''
}
