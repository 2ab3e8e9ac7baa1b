// Calculates the price and the duration of shipping from integer tables by country, option, weight and size.
import { CURRENCIES, type Money } from '#platform/domain/money.ts'
import type { ShippingOption } from './shipment.ts'

const ZONES = ['domestic', 'continental', 'europe', 'americas', 'asia-pacific', 'world'] as const
type Zone = (typeof ZONES)[number]

/** The heaviest consignment that is quoted, in chargeable grams. */
export const MAX_WEIGHT_GRAMS = 1_000_000
/** The time for which a quoted price is valid. */
export const QUOTE_VALID_MS = 10 * 60_000

/** Listed countries by zone. Whatever else is a country goes by `world`; UNSERVED goes by no zone. */
const COUNTRIES: Readonly<Record<Exclude<Zone, 'world'>, string>> = {
  domestic: 'AT BR DE LU',
  continental: 'BE CH CZ DK ES FR IT LI NL PL PT SI SK',
  europe: 'BG EE FI GB GR HR HU IE IS LT LV NO RO SE',
  americas: 'AR CA CL CO MX PE US UY',
  'asia-pacific': 'AU CN HK ID IN JP KR MY NZ SG TH',
}
const UNSERVED: ReadonlySet<string> = new Set(['AQ'])

const ZONE_OF: ReadonlyMap<string, Zone> = new Map(
  ZONES.flatMap(zone =>
    zone === 'world' ? [] : COUNTRIES[zone].split(' ').map(country => [country, zone] as const),
  ),
)

/** The upper limits of the weight brackets in grams. A heavier consignment is priced as several parcels. */
const BRACKETS = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 31_500] as const
const PARCEL_GRAMS = 31_500

/** Euro cents by zone and bracket, STANDARD. */
const PRICES: Readonly<Record<Zone, readonly number[]>> = {
  domestic: [390, 490, 590, 790, 1_090, 1_690, 2_390],
  continental: [690, 890, 1_190, 1_590, 2_190, 3_290, 4_490],
  europe: [890, 1_190, 1_490, 1_990, 2_890, 4_290, 5_890],
  americas: [1_290, 1_790, 2_490, 3_990, 6_490, 10_990, 15_900],
  'asia-pacific': [1_490, 1_990, 2_890, 4_590, 7_490, 12_900, 18_900],
  world: [1_790, 2_390, 3_490, 5_590, 8_990, 15_900, 22_900],
}

/** The price of EXPRESS in percent of STANDARD. */
const EXPRESS_PERCENT = 220

const DAYS: Readonly<Record<ShippingOption, Readonly<Record<Zone, number>>>> = {
  STANDARD: { domestic: 2, continental: 4, europe: 6, americas: 10, 'asia-pacific': 12, world: 15 },
  EXPRESS: { domestic: 1, continental: 1, europe: 2, americas: 3, 'asia-pacific': 4, world: 5 },
}

/** Price level: minor units of each currency for one euro of the table. Set by hand, not an exchange rate of the day. */
const FACTORS: Readonly<Record<string, number>> = {
  AUD: 165,
  BRL: 600,
  CAD: 150,
  CHF: 95,
  CLP: 1_000,
  CNY: 780,
  CZK: 2_500,
  DKK: 746,
  EUR: 100,
  GBP: 86,
  HKD: 850,
  HUF: 40_000,
  INR: 9_200,
  JPY: 165,
  KRW: 1_500,
  KWD: 335,
  MXN: 2_000,
  NOK: 1_160,
  NZD: 180,
  PLN: 430,
  SEK: 1_130,
  SGD: 145,
  TND: 3_400,
  USD: 108,
  ZAR: 2_000,
}

/** The size of one unit in whole centimetres. */
export type Dimensions = { readonly lengthCm: number; readonly widthCm: number; readonly heightCm: number }
/** Units of one kind. Without dimensions they are charged by their weight. */
export type Goods = {
  readonly quantity: number
  /** The weight of one unit. */
  readonly weightGrams: number
  readonly dimensions?: Dimensions
}
export type Consignment = {
  /** ISO 3166-1 alpha-2, upper case. */
  readonly country: string
  readonly goods: readonly Goods[]
  readonly option: ShippingOption
  readonly currency: string
}
type Parcel = Omit<Consignment, 'goods'> & { readonly weightGrams: number }
type QuoteRefusal = { readonly code: 'COUNTRY_NOT_SERVED' | 'TOO_HEAVY'; readonly message: string }
type Quote = { readonly fee: Money; readonly days: number }

/** Returns undefined for a country that the carrier does not serve. */
function zoneOf(country: string): Zone | undefined {
  return UNSERVED.has(country) ? undefined : (ZONE_OF.get(country) ?? 'world')
}

/** Returns the days from booking to delivery, or undefined for a country that the carrier does not serve. */
export function deliveryDays(country: string, option: ShippingOption): number | undefined {
  const zone = zoneOf(country)
  return zone && DAYS[option][zone]
}

/**
 * Returns the shipping price of goods, the same on a product page, in a quote and for an order. Refused where the carrier
 * does not go, and when the goods together are charged as more than MAX_WEIGHT_GRAMS.
 */
export function quoteGoods({
  goods,
  ...consignment
}: Consignment): Quote | { readonly refused: QuoteRefusal } {
  const { country } = consignment
  const weightGrams = goods.reduce((sum, one) => sum + one.quantity * chargeableGrams(one), 0)
  if (weightGrams > MAX_WEIGHT_GRAMS)
    return { refused: { code: 'TOO_HEAVY', message: tooHeavy(weightGrams) } }
  const quoted = quote({ ...consignment, weightGrams })
  return quoted ?? { refused: { code: 'COUNTRY_NOT_SERVED', message: `Nothing is shipped to ${country}.` } }
}

function tooHeavy(grams: number): string {
  return `The goods are charged as ${grams} g by their weight and size; up to ${MAX_WEIGHT_GRAMS} g are shipped at the tariff.`
}

/** Returns undefined for a country that the carrier does not serve. Throws a RangeError for an invalid weight or currency. */
export function quote({ country, weightGrams, option, currency }: Parcel): Quote | undefined {
  if (!Number.isSafeInteger(weightGrams) || weightGrams < 1 || weightGrams > MAX_WEIGHT_GRAMS)
    throw new RangeError(`weightGrams is ${weightGrams}; it should be 1 to ${MAX_WEIGHT_GRAMS}`)
  const zone = zoneOf(country)
  if (!zone) return undefined
  const standard = standardCents(zone, weightGrams)
  const cents = option === 'EXPRESS' ? ceilDivide(standard * EXPRESS_PERCENT, 100) : standard
  return { fee: { minor: inCurrency(cents, currency), currency }, days: DAYS[option][zone] }
}

/** Returns a unit's chargeable weight: the larger of its weight and its volume weight, length x width x height / 5000 in kg. */
export function chargeableGrams({ weightGrams, dimensions }: Omit<Goods, 'quantity'>): number {
  const { lengthCm, widthCm, heightCm } = dimensions ?? { lengthCm: 0, widthCm: 0, heightCm: 0 }
  return Math.max(weightGrams, ceilDivide(lengthCm * widthCm * heightCm, 5), 1)
}

function standardCents(zone: Zone, grams: number): number {
  const prices = PRICES[zone]
  const rest = grams % PARCEL_GRAMS
  const full = (grams - rest) / PARCEL_GRAMS
  const bracket = BRACKETS.findIndex(upTo => rest <= upTo)
  return full * (prices.at(-1) ?? 0) + (rest > 0 ? (prices[bracket] ?? 0) : 0)
}

function inCurrency(cents: number, currency: string): number {
  const factor = FACTORS[currency]
  if (factor === undefined || CURRENCIES[currency] === undefined)
    throw new RangeError(`unknown currency ${JSON.stringify(currency)}`)
  return ceilDivide(cents * factor, 100)
}

/** Divides whole numbers and rounds up, without an intermediate fraction. */
function ceilDivide(dividend: number, divisor: number): number {
  const rest = dividend % divisor
  return (dividend - rest) / divisor + (rest > 0 ? 1 : 0)
}
