// Translates the filter and the sort of product lists into those of the read model.

import type { MoneyText } from '#platform/graphql/scalars.ts'
import type { Filter, Query } from '#platform/read-models/read-models.ts'
import { type SortArgument, sortedBy } from '#platform/subgraph/connection.ts'
import { checkCount, checkLine, checkMoney, malformed } from '#platform/subgraph/input.ts'
import type { ProductFilter, ProductSortField } from '#schema/generated/inventory.ts'
import { foldName, type ProductOption } from '#subgraphs/inventory/domain/family.ts'
import { majorUnits, optionKey } from '#subgraphs/inventory/queries/product-documents.ts'

/** The conditions of a list, by what they are about; a facet leaves out those about itself. */
export type ListConditions = Readonly<Record<string, readonly Filter[]>>

const MAX_OPTIONS = 20
const SORT_PATHS = { TITLE: 'sortTitle', PRICE: 'sortPrice', ADDED_AT: 'addedAt' } as const
const BY_TITLE = { field: 'TITLE', direction: 'ASC' } as const

/** Returns the order of the list: by title unless it is asked for another. */
export function orderOf(
  sort: SortArgument<ProductSortField> | null | undefined,
): NonNullable<Query['orderBy']> {
  return sortedBy(SORT_PATHS, sort ?? BY_TITLE)
}

/** Throws CallerError BAD_USER_INPUT for a condition that no product could fit by its form. */
export function conditionsOf({ text, category, inStock, options, ...prices }: ProductFilter): ListConditions {
  return {
    text: text?.trim() ? [{ matching: text }] : [],
    category:
      category == null ? [] : [{ path: 'category', equals: checkLine('filter.category', category, 100) }],
    availability: inStock ? [{ path: 'inStock', equals: true }] : [],
    price: priceFilters(prices),
    ...optionFilters(options ?? []),
  }
}

/** Returns all conditions but those about `left`. */
export function whereOf(conditions: ListConditions, left?: string): Filter[] {
  return Object.entries(conditions).flatMap(([about, filters]) => (about === left ? [] : filters))
}

function priceFilters({ minPrice, maxPrice }: Pick<ProductFilter, 'minPrice' | 'maxPrice'>): Filter[] {
  const currency = minPrice?.currency ?? maxPrice?.currency
  if (currency === undefined) return []
  if (minPrice && maxPrice && minPrice.currency !== maxPrice.currency)
    malformed('filter.maxPrice.currency', `${minPrice.currency}, as of minPrice`, maxPrice.currency)
  const from = minPrice && unitsOf('filter.minPrice', minPrice, 0)
  const to = maxPrice && unitsOf('filter.maxPrice', maxPrice, 1)
  return [
    { path: 'price.currency', equals: currency },
    { path: 'sortPrice', ...(from != null && { from }), ...(to != null && { to }) },
  ]
}

/** Returns the price with `more` minor units added, as the read model sorts it. */
function unitsOf(field: string, price: MoneyText, more: 0 | 1): number {
  const { minor, currency } = checkMoney(field, price, 0)
  return majorUnits({ minor: minor + more, currency })
}

/** One of the values that are given for an option must fit; of different options, each must. */
function optionFilters(options: readonly ProductOption[]): ListConditions {
  const checked = checkCount('filter.options', options, { min: 0, max: MAX_OPTIONS }).map(
    ({ name, value }, index) => ({
      name: checkLine(`filter.options[${index}].name`, name, 30),
      value: foldName(checkLine(`filter.options[${index}].value`, value, 60)),
    }),
  )
  const byKey = Map.groupBy(checked, ({ name }) => optionKey(name))
  return Object.fromEntries(
    [...byKey].map(([key, given]): [string, Filter[]] => [
      key,
      // The word narrows the search to products that have the option, by an index.
      [{ matching: key }, { path: `optionValues.${key}`, in: given.map(({ value }) => value) }],
    ]),
  )
}
