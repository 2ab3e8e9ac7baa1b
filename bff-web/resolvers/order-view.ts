// An order as the gateway gives it: its light part, and the sections that were read with it.
import { selectedBelow } from '#bff/graph/selection.ts'
import { failureOf, type RemoteError } from '#platform/graphql/client/client.ts'
import type { OrderSection } from '#schema/generated/bff-web.ts'
import type {
  OrderPageQuery,
  OrderPageQueryVariables,
  OrderSummaryQuery,
} from '#schema/generated/bff-web-operations.ts'

/** An order as the gateway gives it: sections that were not asked for are missing. */
export type OrderData = NonNullable<OrderPageQuery['order']>
/** The light part alone. */
export type OrderSummary = NonNullable<OrderSummaryQuery['order']>

/** Which sections of an order are read: `details` is what the service orders has beyond the light part. */
export type Sections = Omit<OrderPageQueryVariables, 'id'>
export type SectionName = keyof Sections

/** The parent of the fields of OrderLine. */
export type LineSource = OrderData['lines'][number] & { readonly order: OrderData }
/** An order as it was read: sections that failed are null. */
export type LoadedOrder = { readonly order: OrderData; readonly failures: Failures }

/** The failure of each section that could not be read. */
export type Failures = ReadonlyMap<OrderSection, Error>

export const NO_SECTIONS: Sections = {
  details: false,
  products: false,
  reservation: false,
  payments: false,
  shipments: false,
}
export const EVERY_SECTION: Sections = {
  details: true,
  products: true,
  reservation: true,
  payments: true,
  shipments: true,
}

export const DETAIL_FIELDS = [
  'itemsTotal',
  'shippingFee',
  'adjustments',
  'deliveryAddress',
  'deliveryInstructions',
  'shippingOption',
  'timeline',
  'allowedActions',
  'refunded',
  'returns',
  'debts',
] as const
export const LINE_DETAIL_FIELDS = [
  'shippedQuantity',
  'deliveredQuantity',
  'lostQuantity',
  'returnedQuantity',
  'unitPrice',
  'total',
] as const

const NO_FAILURES: Failures = new Map()

type SelectionInfo = Parameters<typeof selectedBelow>[0]

/** Returns which sections the client selected of the orders at any of `paths` below the resolved field. */
export function selectedSections(info: SelectionInfo, ...paths: readonly (readonly string[])[]): Sections {
  const fields = new Set(paths.flatMap(path => [...selectedBelow(info, ...path)]))
  const ofLines = new Set(paths.flatMap(path => [...selectedBelow(info, ...path, 'lines')]))
  return {
    details:
      DETAIL_FIELDS.some(field => fields.has(field)) || LINE_DETAIL_FIELDS.some(field => ofLines.has(field)),
    products: ofLines.has('product'),
    reservation: fields.has('reservation'),
    payments: fields.has('payments'),
    shipments: fields.has('shipments'),
  }
}

/**
 * Returns the failure of each section of the order at `path` that could not be read. Throws the first error that is in none
 * of its sections.
 */
export function failuresAt(errors: readonly RemoteError[], ...path: readonly (string | number)[]): Failures {
  if (errors.length === 0) return NO_FAILURES
  const failures = new Map<OrderSection, Error>()
  for (const error of errors) {
    const section = isBelow(error, path) ? sectionAt((error.path ?? []).slice(path.length)) : undefined
    if (section === undefined) throw failureOf(error, 'gateway')
    failures.set(section, failures.get(section) ?? failureOf(error, 'gateway'))
  }
  return failures
}

/** Returns whether the error is below the place at `path`. */
export function isBelow({ path: at = [] }: RemoteError, path: readonly (string | number)[]): boolean {
  return path.every((step, index) => at[index] === step)
}

const SECTION_FIELDS = { reservation: 'RESERVATION', payments: 'PAYMENTS', shipments: 'SHIPMENTS' } as const

function sectionAt([field, , below]: readonly (string | number)[]): OrderSection | undefined {
  if (field === 'lines') return below === 'product' ? 'PRODUCTS' : undefined
  return typeof field === 'string' && isSectionField(field) ? SECTION_FIELDS[field] : undefined
}

function isSectionField(field: string): field is keyof typeof SECTION_FIELDS {
  return Object.hasOwn(SECTION_FIELDS, field)
}
