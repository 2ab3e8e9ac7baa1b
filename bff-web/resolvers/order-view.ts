// Builds the order page from what was read: sections that failed are left empty with a notice.
import { type Notice, noticesOf } from '#bff-web/resolvers/section-notices.ts'
import type { RemoteError } from '#platform/graphql/client/client.ts'
import type { OrderSection } from '#schema/generated/bff-web.ts'
import type {
  OrderPageQuery,
  OrderPageQueryVariables,
  OrderSummaryQuery,
} from '#schema/generated/bff-web-operations.ts'

type WholeOrder = NonNullable<OrderPageQuery['order']>
export type OrderView = WholeOrder & { readonly notices: readonly Notice<OrderSection>[] }
export type SummaryView = NonNullable<OrderSummaryQuery['order']>

/** Which sections of the page are read. */
export type Sections = Omit<OrderPageQueryVariables, 'id'>

export const EVERY_SECTION: Sections = { products: true, reservation: true, payments: true, shipments: true }

const MESSAGES: Readonly<Record<OrderSection, string>> = {
  PRODUCTS: 'The products as they are now cannot be shown at the moment.',
  RESERVATION: 'The stock held for the order cannot be shown at the moment.',
  PAYMENTS: 'The payments cannot be shown at the moment.',
  SHIPMENTS: 'The shipments cannot be shown at the moment.',
}

const FIELDS = { reservation: 'RESERVATION', payments: 'PAYMENTS', shipments: 'SHIPMENTS' } as const

/** Returns the page. Throws the first error outside of all sections. */
export function orderView(order: WholeOrder, errors: readonly RemoteError[]): OrderView {
  if (errors.length === 0) return { ...order, notices: [] }
  const notices = noticesOf(errors, sectionAt, MESSAGES)
  const failed = new Set(notices.map(({ section }) => section))
  const emptied = Object.entries(FIELDS).flatMap(([field, section]) => (failed.has(section) ? [field] : []))
  return { ...order, ...Object.fromEntries(emptied.map(field => [field, null])), notices }
}

/** Returns the section of an error's path, which begins with the root field. */
function sectionAt([, field, , below]: readonly (string | number)[]): OrderSection | undefined {
  if (field === 'lines') return below === 'product' ? 'PRODUCTS' : undefined
  return typeof field === 'string' && isSectionField(field) ? FIELDS[field] : undefined
}

function isSectionField(field: string): field is keyof typeof FIELDS {
  return Object.hasOwn(FIELDS, field)
}
