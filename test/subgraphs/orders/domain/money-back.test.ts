// Tests that the money back for an order adds up to what was paid, whatever is lost or returned in whatever order.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { apportion } from '#platform/domain/money.ts'
import type { SkuQuantity } from '#subgraphs/orders/domain/events.ts'
import {
  goodsTotal,
  moneyBack,
  packUnits,
  type Sale,
  type SoldLine,
  valuer,
} from '#subgraphs/orders/domain/money-back.ts'
import { usd } from '#test/subgraphs/orders/domain/order-fixture.ts'

const NOTHING = new Set<string>()

/** Parcels `p1`, `p2` … with these contents, which share the charges by their number of units. */
function saleOf(lines: SoldLine[], goods: number, charges: number, contents: SkuQuantity[][]): Sale {
  const packed = packUnits(lines, contents)
  const parts = apportion(
    charges,
    packed.map(units => units.reduce((sum, { from, to }) => sum + to - from, 0)),
  )
  const parcels = packed.map((units, index) => ({
    ...{ id: `p${index + 1}`, units, unpaid: 0 },
    charges: parts[index] ?? 0,
  }))
  return { lines, goods, parcels }
}

describe('the price of the goods', () => {
  const adjusted = (...amounts: number[]) =>
    goodsTotal({
      itemsTotal: usd(1000),
      total: usd(1400 + amounts.reduce((sum, minor) => sum + minor, 0)),
      adjustments: amounts.map(minor => ({ amount: usd(minor) })),
    })

  test('is the lines less the discounts, whatever the fee and the surcharges are', () => {
    expect(adjusted()).toBe(1000)
    expect(adjusted(-100)).toBe(900)
    expect(adjusted(-500)).toBe(500)
    expect(adjusted(-100, 300)).toBe(900)
    expect(adjusted(300)).toBe(1000)
  })

  test('is nothing when the discounts exceed the lines, and never more than the total', () => {
    expect(adjusted(-1200)).toBe(0)
    expect(adjusted(-1400)).toBe(0)
    expect(goodsTotal({ itemsTotal: usd(1000), total: usd(700), adjustments: [] })).toBe(700)
  })
})

describe('the money back', () => {
  const sock = (minor: number): SoldLine => ({ sku: 'SOCK', quantity: 1, unitPrice: usd(minor) })
  const one = [{ sku: 'SOCK', quantity: 1 }]
  const twoPrices = saleOf([sock(1000), sock(200)], 1200, 500, [one, one])

  test('for a product at two prices is the price of the lost unit, and the cheapest remaining price for a returned one', () => {
    expect(moneyBack(twoPrices, { lost: new Set(['p2']), returned: [] })).toBe(200 + 250)
    expect(moneyBack(twoPrices, { lost: new Set(['p1']), returned: [] })).toBe(1000 + 250)
    expect(moneyBack(twoPrices, { lost: NOTHING, returned: one })).toBe(200)
    expect(moneyBack(twoPrices, { lost: new Set(['p2']), returned: one })).toBe(1200 + 250)
    expect(moneyBack(twoPrices, { lost: new Set(['p1']), returned: one })).toBe(1200 + 250)
  })

  test('is zero for a lost parcel that was not paid, and its units count as returned first', () => {
    const parcels = twoPrices.parcels.map(parcel => ({ ...parcel, unpaid: parcel.id === 'p1' ? 1250 : 0 }))
    const unpaid = { ...twoPrices, parcels }
    expect(moneyBack(unpaid, { lost: new Set(['p1']), returned: [] })).toBe(0)
    expect(moneyBack(unpaid, { lost: NOTHING, returned: one })).toBe(0)
    expect(moneyBack(unpaid, { lost: NOTHING, returned: [...one, ...one] })).toBe(200)
  })

  test('is zero for units that do not ship', () => {
    const half = { ...twoPrices, parcels: twoPrices.parcels.slice(0, 1) }
    expect(moneyBack(half, { lost: NOTHING, returned: [...one, ...one] })).toBe(1000)
  })

  test('spreads a discount over the units of a line to the last minor unit', () => {
    const lines = [{ sku: 'PEN', quantity: 3, unitPrice: { minor: 100, currency: 'JPY' } }]
    const pens = saleOf(lines, 200, 0, [[{ sku: 'PEN', quantity: 3 }]])
    const back = [1, 2, 3].map(quantity =>
      moneyBack(pens, { lost: NOTHING, returned: [{ sku: 'PEN', quantity }] }),
    )
    expect(back).toEqual([66, 133, 200])
  })
})

// Any order of up to five lines of three products, in up to three parcels, with any discount and charges.

const sku = fc.constantFrom('A', 'B', 'C')
const line = fc.record({
  sku,
  quantity: fc.integer({ min: 1, max: 5 }),
  unitPrice: fc.nat(9_999).map(usd),
})

const anySale = fc
  .record({
    lines: fc.array(line, { minLength: 1, maxLength: 5 }),
    keeps: fc.integer({ min: 0, max: 100 }),
    charges: fc.nat(2_000),
    warehouses: fc.array(fc.nat(2), { minLength: 25, maxLength: 25 }),
    paid: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
  })
  .map(({ lines, keeps, charges, warehouses, paid }) => {
    const units = lines.flatMap(({ sku: of, quantity }) => new Array<string>(quantity).fill(of)).sort()
    const contents = [0, 1, 2].map(at =>
      units.filter((_, index) => warehouses[index] === at).map(of => ({ sku: of, quantity: 1 })),
    )
    const items = lines.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice.minor, 0)
    const sale = saleOf(lines, Math.floor((items * keeps) / 100), charges, contents)
    return { sale, charges, paid, contents }
  })

type Happening = { readonly lost: string } | { readonly returned: string }

/** Every parcel is lost, or some of its units come back: in the order in which `shuffled` says. */
const anyStory = anySale.chain(given => {
  const ends = given.contents.map((content, index) =>
    fc.oneof(
      fc.constant<Happening[]>([{ lost: `p${index + 1}` }]),
      fc
        .subarray(content.map((_, at) => at))
        .map(chosen => chosen.map<Happening>(at => ({ returned: content[at]?.sku ?? '' }))),
    ),
  )
  const story = fc.tuple(...ends).map(chosen => chosen.flat())
  return story.chain(told =>
    fc
      .shuffledSubarray(told, { minLength: told.length, maxLength: told.length })
      .map(shuffled => ({ ...given, story: told, shuffled })),
  )
})

/** Returns what each loss or return adds to the money back, in sequence. */
function refundsOf(sale: Sale, story: readonly Happening[]): number[] {
  let before = 0
  return story.map((_, index) => {
    const back = after(sale, story.slice(0, index + 1))
    const refund = back - before
    before = back
    return refund
  })
}

function after(sale: Sale, story: readonly Happening[]): number {
  const lost = new Set(story.flatMap(happening => ('lost' in happening ? [happening.lost] : [])))
  const returned = story.flatMap(happening =>
    'returned' in happening ? [{ sku: happening.returned, quantity: 1 }] : [],
  )
  return moneyBack(sale, { lost, returned })
}

function total(amounts: readonly number[]): number {
  return amounts.reduce((sum, amount) => sum + amount, 0)
}

describe('for every order and every history', () => {
  const holds = (
    check: (told: {
      sale: Sale
      charges: number
      story: readonly Happening[]
      shuffled: readonly Happening[]
      contents: readonly SkuQuantity[][]
    }) => void,
  ) => {
    fc.assert(fc.property(anyStory, check), { numRuns: 2000 })
    // The parcels include some that were never paid, or not in full.
    fc.assert(
      fc.property(anyStory, fc.array(fc.double({ min: 0, max: 1, noNaN: true })), (told, parts) => {
        const worthOf = valuer(told.sale)
        const parcels = told.sale.parcels.map((parcel, at) => {
          const billed = parcel.charges + total(parcel.units.map(worthOf))
          return { ...parcel, unpaid: told.paid[at] === true ? 0 : Math.round(billed * (parts[at] ?? 1)) }
        })
        check({ ...told, sale: { ...told.sale, parcels } })
      }),
      { numRuns: 1000 },
    )
  }

  test('the sum does not depend on the order of losses and returns, and no refund is negative', () => {
    holds(({ sale, story, shuffled }) => {
      const refunds = refundsOf(sale, shuffled)
      expect(Math.min(0, ...refunds)).toBe(0)
      expect(total(refunds)).toBe(after(sale, story))
    })
  })

  test('the sum never exceeds what was paid', () => {
    holds(({ sale, story }) => {
      expect(after(sale, story)).toBeLessThanOrEqual(paidFor(sale))
    })
  })

  test('the loss or return of all goods gives back their full price, and the loss of all also the charges', () => {
    holds(({ sale, contents }) => {
      const ids = sale.parcels.map(({ id }) => id)
      const worthOf = valuer(sale)
      for (const lost of subsetsOf(ids)) {
        const returned = contents.filter((_, at) => !lost.has(`p${at + 1}`)).flat()
        const back = sale.parcels.map(({ id, units, charges, unpaid }) => {
          const goods = total(units.map(worthOf))
          return Math.max((lost.has(id) ? charges : 0) + goods - unpaid, 0)
        })
        expect(moneyBack(sale, { lost, returned })).toBe(total(back))
      }
      expect(moneyBack(sale, { lost: new Set(ids), returned: [] })).toBe(paidFor(sale))
    })
  })

  test('the price of the goods and the charges add up to what is paid', () => {
    fc.assert(
      fc.property(anySale, ({ sale, charges }) => {
        expect(paidFor(sale)).toBe(sale.goods + charges)
      }),
    )
  })
})

function paidFor(sale: Sale): number {
  const worthOf = valuer(sale)
  return total(sale.parcels.map(({ units, charges, unpaid }) => charges + total(units.map(worthOf)) - unpaid))
}

function subsetsOf(ids: readonly string[]): ReadonlySet<string>[] {
  return Array.from(
    { length: 2 ** ids.length },
    (_, bits) => new Set(ids.filter((_id, at) => Math.floor(bits / 2 ** at) % 2 === 1)),
  )
}
