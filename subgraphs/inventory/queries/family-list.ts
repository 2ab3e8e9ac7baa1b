// Lists products with each family once: of the variants that a list finds, the one that joined the family first.
import { findAll } from '#platform/read-models/find-all.ts'
import type { Collection, Filter, Page, Query } from '#platform/read-models/read-models.ts'
import type { ProductDoc } from '#subgraphs/inventory/queries/product-documents.ts'

type Products = Pick<Collection<ProductDoc>, 'find'>
type ProductList = Pick<Collection<ProductDoc>, 'find' | 'count'>
type Item = Page<ProductDoc>['items'][number]

const SCAN = 1_000
/** Documents that are read for a page beyond what it shows, since variants next to each other are one entry. */
const SPARE = 20
const LEADERS: readonly Filter[] = [{ path: 'leads', equals: true }]

/** Returns the products as lists that show a family once, with the cursors, order and counts of such lists. */
export function eachFamilyOnce(products: Collection<ProductDoc>): ProductList {
  return {
    find: query =>
      isWhole(query.where) ? products.find({ ...query, where: LEADERS }) : find(products, query),
    count: (where = [], atMost) =>
      isWhole(where) ? products.count(LEADERS, atMost) : count(products, where, atMost),
  }
}

/** Returns what a product is counted as in such a list. */
export function entryOf({ family, sku }: ProductDoc): string {
  return family === undefined ? `product ${sku}` : `family ${family}`
}

/** Without conditions a family is shown by its first product, which an index knows. */
function isWhole(where: readonly Filter[] = []): boolean {
  return where.length === 0
}

async function find(products: Products, query: Query): Promise<Page<ProductDoc>> {
  const { limit, after, before, fromEnd = false } = query
  const listed = await gather(products, query, limit + 1)
  const isCut = listed.length > limit
  const items = listed.slice(0, limit)
  return {
    items: fromEnd ? items.reverse() : items,
    hasNext: async () => (isCut && !fromEnd) || (before !== undefined && goesOn(products, query, { before })),
    hasPrevious: async () =>
      (isCut && fromEnd) || (after !== undefined && goesOn(products, query, { after })),
  }
}

/** Resolves to whether the list has anything at the cursor or on its other side. */
async function goesOn(
  products: Products,
  { where = [], orderBy }: Query,
  bound: { readonly after: string } | { readonly before: string },
): Promise<boolean> {
  const page = { where, ...(orderBy && { orderBy }), limit: 1, ...bound }
  return 'before' in bound
    ? (await products.find({ ...page, fromEnd: true })).hasNext()
    : (await products.find(page)).hasPrevious()
}

/** Returns up to `wanted` entries, from the front of what the cursors leave, or from its end backwards. */
async function gather(products: Products, query: Query, wanted: number): Promise<Item[]> {
  const { where = [], fromEnd = false } = query
  const limit = Math.min(wanted + SPARE, SCAN)
  const listed: Item[] = []
  let range: Query = { ...query, limit }
  for (;;) {
    const { items } = await products.find(range)
    const entries = await firstOfFamilies(products, where, items)
    listed.push(...(fromEnd ? entries.reverse() : entries))
    const cursor = (fromEnd ? items.at(0) : items.at(-1))?.cursor
    if (listed.length >= wanted || items.length < limit || cursor === undefined)
      return listed.slice(0, wanted)
    range = { ...range, ...(fromEnd ? { before: cursor } : { after: cursor }) }
  }
}

/** Keeps of each family the product that joined it first among all that fit, wherever in the list those are. */
async function firstOfFamilies(
  products: Products,
  where: readonly Filter[],
  items: readonly Item[],
): Promise<Item[]> {
  const families = [...new Set(items.flatMap(({ doc }) => doc.family ?? []))]
  if (families.length === 0) return [...items]
  const first = new Map<string, number>()
  // The open range shows the planner that the index of products in families will do.
  const members: Filter[] = [...where, { path: 'family', in: families }, { path: 'family', from: '' }]
  for await (const { doc } of findAll(products, { where: members, limit: SCAN }))
    first.set(
      doc.family ?? '',
      Math.min(first.get(doc.family ?? '') ?? Number.POSITIVE_INFINITY, doc.familyPlace ?? 0),
    )
  return items.filter(({ doc }) => doc.family === undefined || first.get(doc.family) === doc.familyPlace)
}

async function count(
  products: Products,
  where: readonly Filter[],
  atMost = Number.POSITIVE_INFINITY,
): Promise<number> {
  const entries = new Set<string>()
  for await (const { doc } of findAll(products, { where, limit: SCAN })) {
    entries.add(entryOf(doc))
    if (entries.size >= atMost) break
  }
  return entries.size
}
