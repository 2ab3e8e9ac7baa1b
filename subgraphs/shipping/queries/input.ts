// Checks the input of shipping quotes and estimates, and converts it to the tariff's types.
import { checkCount, checkCountry, checkInt, checkOptionalText, malformed } from '#platform/subgraph/input.ts'
import type { ProductShippingEstimateArgs, QuoteShippingInput } from '#schema/generated/shipping.ts'
import { type Consignment, type Goods, MAX_WEIGHT_GRAMS } from '#subgraphs/shipping/domain/tariff.ts'

export function readQuote(input: QuoteShippingInput): Consignment {
  const { country, postalCode, option, currency } = input
  checkOptionalText('postalCode', postalCode, 20)
  return {
    country: checkCountry('country', country),
    option: option ?? 'STANDARD',
    currency,
    goods: readGoods(input),
  }
}

/** Goods by their kinds and sizes, or by their weight alone. */
function readGoods({ weightGrams, goods }: QuoteShippingInput): Goods[] {
  if ((weightGrams == null) === (goods == null))
    malformed('goods', 'given, or weightGrams instead: one of them, not both')
  if (goods == null) return [{ quantity: 1, weightGrams: checkWeight('weightGrams', weightGrams ?? 0) }]
  return checkCount('goods', goods, { min: 1, max: 100 }).map((unit, index) =>
    readUnit(unit, `goods[${index}]`),
  )
}

function readUnit(
  { quantity, weightGrams, dimensions }: NonNullable<QuoteShippingInput['goods']>[number],
  field: string,
): Goods {
  const centimetres = (name: 'lengthCm' | 'widthCm' | 'heightCm') =>
    checkInt(`${field}.dimensions.${name}`, dimensions[name], { min: 1, max: 1000 })
  return {
    quantity: checkInt(`${field}.quantity`, quantity, { min: 1, max: 10_000 }),
    weightGrams: checkWeight(`${field}.weightGrams`, weightGrams),
    dimensions: {
      lengthCm: centimetres('lengthCm'),
      widthCm: centimetres('widthCm'),
      heightCm: centimetres('heightCm'),
    },
  }
}

export function readEstimate(args: ProductShippingEstimateArgs): Omit<Consignment, 'goods'> {
  const { country, option, currency } = args
  return { country: checkCountry('country', country), option: option ?? 'STANDARD', currency }
}

function checkWeight(field: string, grams: number): number {
  return checkInt(field, grams, { min: 1, max: MAX_WEIGHT_GRAMS })
}
