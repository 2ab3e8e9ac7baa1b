// Writes import files for tests: the five files of the olist mapping, valid unless a test changes them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { readMapping } from '#tools/import/mapping.ts'
import { type Plan, planImport } from '#tools/import/plan.ts'
import { readTables } from '#tools/import/tables.ts'

const HEADS = {
  orders: 'order_id,customer_id,status,purchased_at',
  items: 'order_id,item_no,product_id,seller_id,unit_price,freight',
  payments: 'order_id,seq,type,amount',
  products: 'product_id,category_en,weight_g,length_cm,height_cm,width_cm',
  customers: 'customer_id,zip_prefix,city,state',
} as const
const NAMES = ['orders', 'items', 'payments', 'products', 'customers'] as const
export type Rows = Partial<Record<keyof typeof HEADS, readonly string[]>>

/** Two orders, one of each product, one by each customer. */
export const WHOLE = {
  orders: ['o1,c1,delivered,2024-02-29 10:00:00', 'o2,c2,delivered,2024-03-01 10:00:00'],
  items: ['o1,1,p1,s1,10.00,1.50', 'o2,1,p2,s1,10.00,1.50'],
  payments: ['o1,1,credit_card,11.50', 'o2,1,credit_card,11.50'],
  products: ['p1,home_comfort,500,30,20,10', 'p2,home_comfort,500,30,20,10'],
  customers: ['c1,01310,sao paulo,SP', 'c2,01310,sao paulo,SP'],
} as const satisfies Required<Rows>

/** Creates a folder with these files; `rows` replaces those of a file in WHOLE. */
export async function importFolder(rows: Rows = {}): Promise<AsyncDisposable & { readonly folder: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'waybill-import-'))
  for (const name of NAMES) {
    const lines = [HEADS[name], ...(rows[name] ?? WHOLE[name])]
    await writeFile(path.join(folder, `${name}.csv`), `${lines.join('\n')}\n`)
  }
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

/** Returns the plan of these files by the olist mapping. */
export async function planOf(rows: Rows): Promise<Plan> {
  await using files = await importFolder(rows)
  const mapping = await readMapping('olist')
  return planImport(await readTables(files.folder, mapping), mapping)
}

/** Formats a rejected row as `file:line reason`, with the rows that depend on it. */
export function named(plan: Plan): string[] {
  return [...plan.rejects, ...plan.unused].map(({ file, line, reason, with: others = [] }) =>
    [`${file}:${line} ${reason}`, ...others.map(other => `${other.file}:${other.line}`)].join(' + '),
  )
}
