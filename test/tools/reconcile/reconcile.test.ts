import { describe, expect, test } from 'vitest'
import type { ProductDoc } from '#subgraphs/inventory/queries/product-documents.ts'
import type { ReservationDoc } from '#subgraphs/inventory/queries/views.ts'
import type { Difference, OrderRecords } from '#tools/reconcile/compare.ts'
import { reconcile } from '#tools/reconcile/reconcile.ts'
import type { Sources } from '#tools/reconcile/sources.ts'

const units = { sku: 'mug', warehouse: 'BER-1', quantity: 2 }
const held: ReservationDoc = {
  ...{ orderId: 'ord_1', customerId: 'cus_1', status: 'COMMITTED', expiresAt: '2026-01-01T00:00:00.000Z' },
  allocations: [{ ...units, shipped: 0, status: 'COMMITTED' }],
}
const product = (onHand: number, heldUnits: number): ProductDoc => ({
  ...{ sku: 'mug', title: 'Mug', category: null, price: { minor: 1, currency: 'EUR' }, weightGrams: 1 },
  ...{ dimensions: { lengthCm: 1, widthCm: 1, heightCm: 1 }, lowStockThreshold: 0, sortTitle: 'mug' },
  ...{ addedAt: '2026-01-01T00:00:00.000Z', sortPrice: 0.01, leads: true },
  ...{ stock: [{ warehouse: 'BER-1', onHand, held: heldUnits }], available: 0, inStock: false, low: true },
})

const orphan = (orderId: string, status: ReservationDoc['status'] = 'COMMITTED'): OrderRecords => ({
  orderId,
  reservation: { ...held, orderId, status },
  shipments: [],
})
const gone: OrderRecords = { orderId: 'ord_1', shipments: [] }

type Looks = {
  /** The records of the one order at each comparison; the last one stays. */
  readonly orders?: readonly OrderRecords[]
  readonly products?: readonly ProductDoc[]
  readonly reservations?: readonly ReservationDoc[]
}

/** Reconciles sources that change with each pause. */
async function run({ orders = [], products = [], reservations = [] }: Looks) {
  const found: Difference[] = []
  let look = 0
  const seen = <T>(states: readonly T[]): T[] => states.slice(Math.min(look, states.length - 1)).slice(0, 1)
  const sources: Sources = {
    orders: async function* () {
      yield* seen(orders)
    },
    order: async orderId => seen(orders)[0] ?? { orderId, shipments: [] },
    products: async function* () {
      yield* seen(products)
    },
    reservations: async function* () {
      yield* seen(reservations)
    },
    async [Symbol.asyncDispose]() {},
  }
  const summary = await reconcile(sources, {
    pause: async () => void look++,
    now: () => 0,
    report: difference => found.push(difference),
  })
  return { summary, kinds: found.map(({ kind }) => kind), looks: look + 1 }
}

describe('an order', () => {
  test('that differs the same way twice is reported', async () => {
    const { kinds, summary, looks } = await run({ orders: [orphan('ord_1')] })
    expect(kinds).toEqual(['reservation-without-order'])
    expect(summary).toMatchObject({ orders: 1, differences: 1, inMotion: 0 })
    expect(looks).toBe(2)
  })

  test('that differs once and agrees the next time is not reported', async () => {
    const { kinds, summary } = await run({ orders: [orphan('ord_1'), gone] })
    expect(kinds).toEqual([])
    expect(summary).toMatchObject({ differences: 0, inMotion: 0 })
  })

  test('that differs another way each time is counted as in motion', async () => {
    const moving = (['HELD', 'COMMITTED', 'SHIPPED', 'RELEASED', 'EXPIRED', 'HELD'] as const).map(status =>
      orphan('ord_1', status),
    )
    const { kinds, summary, looks } = await run({ orders: moving })
    expect(kinds).toEqual([])
    expect(summary.inMotion).toBe(1)
    expect(looks).toBe(6)
  })
})

describe('stock', () => {
  test('that matches the open reservations has no difference', async () => {
    expect((await run({ products: [product(5, 2)], reservations: [held] })).kinds).toEqual([])
  })

  test('that is held for no reservation is reported once', async () => {
    const { kinds } = await run({ products: [product(5, 3)], reservations: [held] })
    expect(kinds).toEqual(['stock-unlike-reservations'])
  })

  test('that was being reserved during the first comparison is not reported', async () => {
    const { kinds } = await run({ products: [product(5, 0), product(5, 2)], reservations: [held] })
    expect(kinds).toEqual([])
  })

  test('below the held units is reported as impossible', async () => {
    const { kinds } = await run({ products: [product(1, 2)], reservations: [held] })
    expect(kinds).toEqual(['stock-impossible'])
  })
})
