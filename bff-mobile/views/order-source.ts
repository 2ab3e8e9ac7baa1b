// An order as the gateway gives it: its light part, and the sections that were read with it.
import { selectedBelow } from '#bff/graph/selection.ts'
import { failureOf, type RemoteError } from '#platform/graphql/client/client.ts'
import type { OrderSection } from '#schema/generated/bff-mobile.ts'
import type {
  OrderQuery,
  OrderQueryVariables,
  ReturnPartsFragment,
  ShipmentPartsFragment,
} from '#schema/generated/bff-mobile-operations.ts'

/** An order as the gateway gives it: sections that were not asked for are missing. */
export type OrderData = NonNullable<OrderQuery['order']>
export type CancellationData = NonNullable<OrderData['cancellation']>
export type ShipmentData = ShipmentPartsFragment
export type ReturnData = ReturnPartsFragment

/** Which sections of an order are read: `details` is what the service orders has beyond the light part. */
export type Sections = Omit<OrderQueryVariables, 'id'>
export type SectionName = keyof Sections

/** The failure of each section that could not be read. */
export type Failures = ReadonlyMap<OrderSection, Error>
/** An order as it was read: sections that failed are null. */
export type LoadedOrder = { readonly order: OrderData; readonly failures: Failures }

/** The parent of the fields of OrderLine. */
export type LineSource = OrderData['lines'][number] & { readonly order: OrderData }

export const NO_SECTIONS: Sections = { details: false, products: false, payments: false, shipments: false }
/** The sections that are read for those who watch an order. */
export const LIVE_SECTIONS: Sections = { details: true, products: false, payments: true, shipments: true }

export const DETAIL_FIELDS = [
  'itemsTotal',
  'shippingFee',
  'adjustments',
  'deliveryAddress',
  'deliveryInstructions',
  'shippingOption',
  'allowedActions',
  'returns',
] as const
export const LINE_DETAIL_FIELDS = ['unitPrice', 'total'] as const

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
    payments: fields.has('paid'),
    shipments: fields.has('shipments') || fields.has('headline'),
  }
}

/**
 * Returns the failure of each section of the order at `path` that could not be read. Throws the first error that is in no
 * section of it.
 */
export function failuresAt(errors: readonly RemoteError[], ...path: readonly (string | number)[]): Failures {
  if (errors.length === 0) return NO_FAILURES
  const failures = new Map<OrderSection, Error>()
  for (const error of errors) {
    const at = error.path ?? []
    if (!path.every((step, index) => at[index] === step)) continue
    const section = sectionAt(at.slice(path.length))
    if (section === undefined) throw failureOf(error, 'gateway')
    failures.set(section, failures.get(section) ?? failureOf(error, 'gateway'))
  }
  return failures
}

function sectionAt([field, , below]: readonly (string | number)[]): OrderSection | undefined {
  if (field === 'payments') return 'PAYMENTS'
  if (field === 'shipments') return 'SHIPMENTS'
  return field === 'lines' && below === 'product' ? 'PRODUCTS' : undefined
}
