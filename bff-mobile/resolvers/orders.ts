// The queries of the mobile graph about orders and the customer.
import { connectionOf, ITEMS, selectsCount } from '#bff/graph/connection.ts'
import type { Pages } from '#bff/pages/pages.ts'
import { checkCount, checkOrderId } from '#bff-mobile/resolvers/access.ts'
import { readOrder, readOrders } from '#bff-mobile/resolvers/order-reads.ts'
import { shownOrder } from '#bff-mobile/resolvers/order-state.ts'
import { profilePage } from '#bff-mobile/resolvers/pages.ts'
import { changesSince } from '#bff-mobile/sync/delta-sync.ts'
import { selectedSections } from '#bff-mobile/views/order-source.ts'
import { requireViewer } from '#platform/auth/viewer.ts'
import { isId } from '#platform/domain/ids.ts'
import type { QueryResolvers } from '#schema/generated/bff-mobile.ts'

const MAX_CHANGES = 100

export function orderQueries(
  pages: Pages,
): Required<Pick<QueryResolvers, 'orders' | 'order' | 'me' | 'changesSince'>> {
  return {
    async orders(_root, args, context, info) {
      const selected = { ...selectedSections(info, ...ITEMS), counted: selectsCount(info) }
      const page = await readOrders(pages, args, { selected, context })
      return connectionOf(page, loaded => shownOrder(loaded, context))
    },
    async order(_root, { id }, context, info) {
      requireViewer(context.viewer)
      return readOrder(pages, checkOrderId(id), { context, info })
    },
    async me(_root, _args, context) {
      const { role, subject } = requireViewer(context.viewer)
      if (role !== 'customer' || !isId('customer', subject)) return null
      return (await pages.read(profilePage, { id: subject }, context)).data?.customer ?? null
    },
    async changesSince(_root, { cursor, first }, context, info) {
      const { details } = selectedSections(info, ['changed'])
      const request = { cursor: cursor ?? null, first: checkCount(first, 1, MAX_CHANGES), details }
      return changesSince(pages, request, context)
    },
  }
}
