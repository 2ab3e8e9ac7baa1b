// Counts by what a list of products can be narrowed: categories, availability, options and prices.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { moneyOut } from '#platform/graphql/scalars.ts'
import { findAll } from '#platform/read-models/find-all.ts'
import type { Collection } from '#platform/read-models/read-models.ts'
import type { ConnectionSource } from '#platform/subgraph/connection.ts'
import { foldName } from '#subgraphs/inventory/domain/family.ts'
import type { ProductSource } from '#subgraphs/inventory/queries/loaders.ts'
import { availabilityOf, optionKey, type ProductDoc } from '#subgraphs/inventory/queries/product-documents.ts'
import { type ListConditions, whereOf } from '#subgraphs/inventory/queries/product-filter.ts'

export type ProductConnectionSource = ConnectionSource<ProductSource> & {
  readonly facets: ProductFacetsSource
}

/** A field that is a function is counted only when it is selected. */
export type ProductFacetsSource = ReturnType<typeof facetsOf>

type FacetOptions = {
  readonly conditions: ListConditions
  /** Returns what a product is counted as: each entry counts once for each value that one of its products has. */
  readonly entryOf: (doc: ProductDoc) => string
}
type Counted = { readonly docs: readonly ProductDoc[]; readonly isCapped: boolean }

/** The most products that are looked at for a facet, the first by title. */
const MAX_COUNTED = 5_000
const SCAN = 1_000
const MAX_VALUES = 50
const MAX_OPTIONS = 20
const AVAILABILITIES = ['IN_STOCK', 'LOW_STOCK', 'OUT_OF_STOCK'] as const

/**
 * Returns the facets, each of which is counted when it is asked for. A facet counts what the list would have without the
 * condition about the facet itself: so it shows what else could be chosen.
 */
export function facetsOf(
  products: Pick<Collection<ProductDoc>, 'find'>,
  { conditions, entryOf }: FacetOptions,
) {
  const readings = new Map<string | undefined, Promise<Counted>>()
  const read = (facet?: string) => {
    const left = facet !== undefined && conditions[facet]?.length ? facet : undefined
    const reading = readings.get(left) ?? readAll(products, conditions, left)
    readings.set(left, reading)
    return reading
  }
  return {
    async categories() {
      const { docs } = await read('category')
      return mostFrequent(tally(docs, entryOf, ({ category }) => category)).slice(0, MAX_VALUES)
    },
    async availability() {
      const counts = tally((await read('availability')).docs, entryOf, availabilityOf)
      return AVAILABILITIES.map(availability => ({ availability, count: counts.get(availability) ?? 0 }))
    },
    async options() {
      const names = optionNames((await read()).docs).slice(0, MAX_OPTIONS)
      const facets: { name: string; values: { value: string; count: number }[] }[] = []
      for (const name of names) {
        const { docs } = await read(optionKey(name))
        facets.push({ name, values: mostFrequent(valuesOf(docs, entryOf, name)).slice(0, MAX_VALUES) })
        await nextTurn() // thousands of products are counted for each name
      }
      return facets
    },
    async prices() {
      const byCurrency = Map.groupBy((await read('price')).docs, ({ price }) => price.currency)
      return [...byCurrency]
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([currency, docs]) => {
          const minors = docs.map(({ price }) => price.minor)
          const amount = (minor: number) => moneyOut({ minor, currency }).amount
          return { currency, min: amount(Math.min(...minors)), max: amount(Math.max(...minors)) }
        })
    },
    async capped() {
      const facets = Object.keys(conditions).filter(about => about !== 'text')
      const counted = await Promise.all([read(), ...facets.map(facet => read(facet))])
      return counted.some(({ isCapped }) => isCapped)
    },
  }
}

async function readAll(
  products: Pick<Collection<ProductDoc>, 'find'>,
  conditions: ListConditions,
  left: string | undefined,
): Promise<Counted> {
  const docs: ProductDoc[] = []
  const query = { where: whereOf(conditions, left), orderBy: { path: 'sortTitle' }, limit: SCAN }
  for await (const { doc } of findAll(products, query)) {
    if (docs.length === MAX_COUNTED) return { docs, isCapped: true }
    docs.push(doc)
  }
  return { docs, isCapped: false }
}

/** Returns how many entries have each value; a product without one counts for none. */
function tally(
  docs: readonly ProductDoc[],
  entryOf: FacetOptions['entryOf'],
  read: (doc: ProductDoc) => string | null | undefined,
): Map<string, number> {
  const entries = new Map<string, Set<string>>()
  for (const doc of docs) {
    const value = read(doc)
    if (value == null) continue
    const found = entries.get(value) ?? new Set()
    entries.set(value, found.add(entryOf(doc)))
  }
  return new Map([...entries].map(([value, found]) => [value, found.size]))
}

/**
 * Returns the names of options by how many products have them, each as the first product writes it. Thousands of products
 * write a name in a few ways, and only those are folded.
 */
function optionNames(docs: readonly ProductDoc[]): string[] {
  const written = new Map<string, number>()
  for (const { options = [] } of docs)
    for (const { name } of options) written.set(name, (written.get(name) ?? 0) + 1)
  const sum = (group: readonly [string, number][]) => group.reduce((total, [, count]) => total + count, 0)
  const groups = [...Map.groupBy(written, ([name]) => foldName(name)).values()]
  return groups.sort((one, other) => sum(other) - sum(one)).flatMap(([first]) => first?.[0] ?? [])
}

/** Values that differ in case alone are one, as the first product writes it. */
function valuesOf(
  docs: readonly ProductDoc[],
  entryOf: FacetOptions['entryOf'],
  name: string,
): Map<string, number> {
  const key = optionKey(name)
  const option = foldName(name)
  const written = new Map<string, string | undefined>()
  return tally(docs, entryOf, ({ options = [], optionValues }) => {
    const folded = optionValues?.[key]
    if (folded === undefined) return undefined
    if (!written.has(folded))
      written.set(folded, options.find(given => foldName(given.name) === option)?.value)
    return written.get(folded)
  })
}

function mostFrequent(counts: ReadonlyMap<string, number>): { value: string; count: number }[] {
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((one, other) => other.count - one.count || (one.value < other.value ? -1 : 1))
}
