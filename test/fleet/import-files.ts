// Writes files for the import: orders of every outcome, with parcels from several sellers and split payments.
import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'

const PRODUCTS = 60
const SELLERS = 9
/** Counts per hundred orders; the rest is delivered. */
const FATES = ['canceled', 'canceled', 'shipped', 'shipped', 'shipped', 'processing', 'approved'] as const

type Row = readonly (string | number)[]

/** Writes the same files for the same `count`. */
export async function writeImportFiles(folder: string, count: number): Promise<void> {
  const orders = Array.from({ length: count }, (_, index) => orderRows(index))
  await mkdir(folder, { recursive: true })
  const write = (name: string, head: string, rows: readonly Row[]) =>
    writeFile(path.join(folder, `${name}.csv`), `${[head, ...rows.map(row => row.join(','))].join('\n')}\n`)
  await write(
    'orders',
    'order_id,customer_id,status,purchased_at',
    orders.map(({ order }) => order),
  )
  await write(
    'items',
    'order_id,item_no,product_id,seller_id,unit_price,freight',
    orders.flatMap(({ items }) => items),
  )
  await write(
    'payments',
    'order_id,seq,type,installments,amount',
    orders.flatMap(({ payments }) => payments),
  )
  await write(
    'customers',
    'customer_id,zip_prefix,city,state',
    orders.map(({ customer }) => customer),
  )
  await write(
    'products',
    'product_id,category_en,weight_g,length_cm,height_cm,width_cm',
    Array.from({ length: PRODUCTS }, (_, index) => [
      key('product', index),
      'test_goods',
      500 + index,
      30,
      10,
      20,
    ]),
  )
}

function orderRows(index: number) {
  const [id, customerId] = [key('order', index), key('customer', index)]
  const units = 1 + (index % 3)
  const items = Array.from({ length: units }, (_, item): Row => {
    const product = (index * 7 + item * 13) % PRODUCTS
    return [id, item + 1, key('product', product), key('seller', product % SELLERS), priceOf(product), '1.50']
  })
  const paid = items.reduce((total, row) => total + Math.round(Number(row[4]) * 100) + 150, 0)
  return {
    order: [id, customerId, FATES[index % 100] ?? 'delivered', purchasedAt(index)] satisfies Row,
    customer: [customerId, '01310', 'sao paulo', 'SP'] satisfies Row,
    items,
    payments: paymentRows(id, index, paid),
  }
}

function paymentRows(id: string, index: number, paid: number): Row[] {
  if (index % 5 === 1)
    return [
      [id, 1, 'voucher', 1, '2.00'],
      [id, 2, 'credit_card', 3, ((paid - 200) / 100).toFixed(2)],
    ]
  return [[id, 1, index % 7 === 3 ? 'boleto' : 'credit_card', 1, (paid / 100).toFixed(2)]]
}

function priceOf(product: number): string {
  return (5 + product * 1.25).toFixed(2)
}

function purchasedAt(index: number): string {
  return new Date(Date.UTC(2018, 0, 1) + index * 60_000).toISOString().slice(0, 19).replace('T', ' ')
}

function key(kind: string, index: number): string {
  return createHash('sha256').update(`${kind} ${index}`).digest('hex').slice(0, 32)
}
