// Defines the seed data of a first start: a small catalogue and two customers.

export const SEED_CUSTOMERS = [
  { id: 'cus_01920000-0000-7000-8000-000000000001', name: 'Ada Example', email: 'ada@waybill.example' },
  { id: 'cus_01920000-0000-7000-8000-000000000002', name: 'Ben Example', email: 'ben@waybill.example' },
] as const

export const WAREHOUSES = ['BER-1', 'NYC-1'] as const

type SeedProduct = {
  readonly sku: string
  readonly title: string
  readonly category: string
  readonly price: string
  readonly weightGrams: number
  readonly size: readonly [number, number, number]
  /** Quantities in BER-1 and NYC-1. */
  readonly stock: readonly [number, number]
}

export const SEED_PRODUCTS: readonly SeedProduct[] = [
  {
    sku: 'mug-01',
    title: 'Stoneware mug',
    category: 'kitchen',
    price: '14.00',
    weightGrams: 380,
    size: [10, 10, 11],
    stock: [400, 300],
  },
  {
    sku: 'kettle-01',
    title: 'Pour-over kettle',
    category: 'kitchen',
    price: '59.00',
    weightGrams: 1200,
    size: [28, 18, 22],
    stock: [60, 40],
  },
  {
    sku: 'grinder-01',
    title: 'Hand coffee grinder',
    category: 'kitchen',
    price: '89.00',
    weightGrams: 700,
    size: [8, 8, 20],
    stock: [25, 0],
  },
  {
    sku: 'knife-01',
    title: 'Paring knife',
    category: 'kitchen',
    price: '24.50',
    weightGrams: 120,
    size: [22, 4, 3],
    stock: [150, 150],
  },
  {
    sku: 'lamp-01',
    title: 'Desk lamp',
    category: 'office',
    price: '72.00',
    weightGrams: 2100,
    size: [45, 20, 20],
    stock: [0, 75],
  },
  {
    sku: 'notebook-01',
    title: 'Dotted notebook',
    category: 'office',
    price: '11.90',
    weightGrams: 310,
    size: [21, 15, 2],
    stock: [900, 700],
  },
  {
    sku: 'pen-01',
    title: 'Fountain pen',
    category: 'office',
    price: '39.00',
    weightGrams: 40,
    size: [15, 4, 3],
    stock: [80, 0],
  },
  {
    sku: 'chair-01',
    title: 'Oak chair',
    category: 'furniture',
    price: '189.00',
    weightGrams: 6800,
    size: [90, 50, 55],
    stock: [12, 8],
  },
  {
    sku: 'shelf-01',
    title: 'Wall shelf',
    category: 'furniture',
    price: '64.00',
    weightGrams: 4200,
    size: [80, 22, 8],
    stock: [20, 20],
  },
  {
    sku: 'tent-01',
    title: 'Two-person tent',
    category: 'outdoor',
    price: '229.00',
    weightGrams: 2300,
    size: [50, 18, 18],
    stock: [15, 10],
  },
  {
    sku: 'bottle-01',
    title: 'Steel bottle',
    category: 'outdoor',
    price: '27.00',
    weightGrams: 350,
    size: [8, 8, 27],
    stock: [200, 250],
  },
  {
    sku: 'rope-01',
    title: 'Climbing rope, the last two',
    category: 'outdoor',
    price: '149.00',
    weightGrams: 3900,
    size: [35, 35, 15],
    stock: [2, 0],
  },
]
