// Orders as the mobile BFF reads them: whole for their screen, small for lists, authorised on the value. Free of texts.

import type { Page, PageResult, Pages } from '#bff/pages/pages.ts'
import { cardPage, cardsPage, screenPage } from '#bff-mobile/resolvers/pages.ts'
import type { Failures, WholeOrder } from '#bff-mobile/views/order-view.ts'
import { isStaff, mayActFor, requireViewer } from '#platform/auth/viewer.ts'
import type { PositionVector } from '#platform/consistency/position-vector.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { isId } from '#platform/domain/ids.ts'
import type { RemoteError } from '#platform/graphql/client/client.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { isCallerCode } from '#platform/graphql/errors.ts'
import type { OrderSection } from '#schema/generated/bff-mobile.ts'
import type {
  CardPartsFragment,
  OrderCardsQuery,
  OrderScreenQuery,
} from '#schema/generated/bff-mobile-operations.ts'

/** An order as the live feed hands it on: whole when somebody watches that very order, small for lists. */
export type Order = SmallOrder | ShownOrder
type SmallOrder = { readonly detail: 'summary'; readonly order: CardPartsFragment }
export type ShownOrder = {
  readonly detail: 'page'
  readonly order: WholeOrder
  readonly failures: Failures
}

export const idOf = ({ order }: Order): string => order.id
export const ownerOf = ({ order }: Order): string => order.customer.id

/** For the feed: with all that happened up to `positions`, for whoever watches; undefined when it is not there. */
export async function readOrder(
  pages: Pages,
  orderId: string,
  positions: PositionVector,
  detail: 'page' | 'summary',
): Promise<Order | undefined> {
  if (detail === 'page') return shown(await pages.readFor(screenPage, { id: orderId }, positions))
  const { data } = await pages.readFor(cardPage, { id: orderId }, positions)
  return data?.order ? summaryOf(data.order) : undefined
}

/** Undefined when there is no such order, or it is not the caller's. */
export async function readVisibleOrder(
  pages: Pages,
  id: string,
  context: RequestContext,
): Promise<ShownOrder | undefined> {
  const viewer = requireViewer(context.viewer)
  const found = shown(await pages.read(screenPage, { id: checkOrderId(id) }, context))
  return found && mayActFor(viewer, ownerOf(found)) ? found : undefined
}

export type CardsAsked = { readonly first: number; readonly after: string | null }

/** A customer's own orders, newest first; all of them for staff. */
export async function readVisibleOrders(
  pages: Pages,
  { first, after }: CardsAsked,
  context: RequestContext,
): Promise<OrderCardsQuery['orders']> {
  const viewer = requireViewer(context.viewer)
  const filter = isStaff(viewer) ? null : { customerId: viewer.subject }
  const { orders } = requireData(await pages.read(cardsPage, { filter, first, after }, context), cardsPage)
  return { ...orders, nodes: orders.nodes.filter(({ customer }) => mayActFor(viewer, customer.id)) }
}

export function summaryOf(order: CardPartsFragment): SmallOrder {
  return { detail: 'summary', order }
}

/** The data of a page that is always there. */
export function requireData<Result, Variables>(
  { data }: PageResult<Result>,
  { name }: Page<Result, Variables>,
): Result {
  if (data === undefined) throw new CallerError('UNAVAILABLE', `${name} cannot be loaded at the moment`)
  return data
}

function shown({ data, errors }: PageResult<OrderScreenQuery>): ShownOrder | undefined {
  return data?.order ? { detail: 'page', order: data.order, failures: failuresOf(errors) } : undefined
}

const SECTIONS: Readonly<Record<string, OrderSection>> = { payments: 'PAYMENTS', shipments: 'SHIPMENTS' }

/** By the field of the order that failed. */
function failuresOf(errors: readonly RemoteError[]): Failures {
  const failures: Partial<Record<OrderSection, string>> = {}
  for (const { path, extensions } of errors) {
    const section = SECTIONS[String(path?.[1])]
    const code = extensions?.code
    if (section) failures[section] ??= isCallerCode(code) ? code : 'INTERNAL'
  }
  return failures
}

export function checkOrderId(id: string): string {
  if (isId('order', id)) return id
  throw new CallerError(
    'BAD_USER_INPUT',
    `id: should be an id such as ord_0190a5b2-…; got ${JSON.stringify(id.slice(0, 60))}`,
    { field: 'id' },
  )
}
