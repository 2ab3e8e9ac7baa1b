// Checks what callers send, beyond what the schema can say. Throws CallerError BAD_USER_INPUT that says what is wrong.
import { z } from 'zod'
import { COUNTRY_CODE, isCountry } from '#platform/domain/country.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { type IdKind, isId } from '#platform/domain/ids.ts'
import { type Goods, MAX_WEIGHT_GRAMS } from '../domain/tariff.ts'

/** The longest text that an error repeats. */
const SHOWN = 60

const text = (most: number) => z.string().trim().min(1, 'is empty').max(most)
const idOf = (kind: IdKind) => z.string().refine(value => isId(kind, value), `is not the id of a ${kind}`)
const orNull = <T extends z.ZodType>(schema: T) => schema.nullish().transform(value => value ?? null)
const country = z.string().refine(isCountry, {
  error: ({ input }) => `should be ${COUNTRY_CODE}; got ${JSON.stringify(String(input).slice(0, SHOWN))}`,
})
const option = z.enum(['STANDARD', 'EXPRESS'])
const weightGrams = z.int().min(1).max(MAX_WEIGHT_GRAMS)
const idempotencyKey = text(200)

/** The country was checked when the order was placed, by the rules of that day. */
const address = z.object({
  name: text(200),
  line1: text(200),
  line2: orNull(z.string().trim().max(200)),
  city: text(100),
  region: orNull(z.string().trim().max(100)),
  postalCode: orNull(text(20)),
  country: z.string().regex(/^[A-Z]{2}$/, 'should be two letters in capitals, such as DE'),
})

export const createShipmentInput = z.object({
  idempotencyKey,
  orderId: idOf('order'),
  customerId: text(100),
  warehouse: text(64),
  option,
  lines: z
    .array(z.object({ sku: text(64), quantity: z.int().min(1).max(1_000_000) }))
    .min(1)
    .max(500),
  weightGrams,
  address,
  instructions: orNull(z.string().max(500)),
})

export const shipmentInput = z.object({ idempotencyKey, shipmentId: idOf('shipment') })

const centimetres = z.int().min(1).max(1000)
const goods = z.object({
  quantity: z.int().min(1).max(10_000),
  weightGrams,
  dimensions: z.object({ lengthCm: centimetres, widthCm: centimetres, heightCm: centimetres }),
})

export const quoteInput = z
  .object({
    country,
    postalCode: orNull(z.string().max(20)),
    weightGrams: orNull(weightGrams),
    goods: orNull(z.array(goods).min(1).max(100)),
    option: option.nullish().transform(value => value ?? 'STANDARD'),
    currency: z.string(),
  })
  .refine(input => (input.weightGrams === null) !== (input.goods === null), {
    path: ['goods'],
    error: 'should be given, or weightGrams instead: one of them, not both',
  })
  .transform(({ weightGrams: grams, goods: given, ...rest }) => ({
    ...rest,
    goods: given ?? byWeight(grams),
  }))

function byWeight(grams: number | null): Goods[] {
  return grams === null ? [] : [{ quantity: 1, weightGrams: grams }]
}

export const estimateInput = z.object({
  country,
  option: option.nullish().transform(value => value ?? 'STANDARD'),
  currency: z.string(),
})

export const shipmentsInput = z.object({
  status: z.array(z.string()).max(20).nullish(),
  first: z.int().min(1).max(100).nullish(),
  after: z.string().max(500).nullish(),
})

export const shipmentIdInput = z.object({ id: idOf('shipment') })

export function checked<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues
    .slice(0, 10)
    .map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new CallerError('BAD_USER_INPUT', problems.join('; '))
}
