// Keeps what an operation knows about the orders that it shows: why sections are null, and those that are read later.
import { stateByParent } from '#bff/graph/operation-state.ts'
import type { Failures, LoadedOrder, OrderData, SectionName } from '#bff-mobile/views/order-source.ts'
import type { RequestContext } from '#platform/graphql/context.ts'

type OrderState = {
  /** The reasons why sections are null that came with the order. */
  failures: Failures
  /** The sections that are being read later, and the order with each of them. */
  readonly loads: Map<SectionName, Promise<LoadedOrder>>
}

export const stateOf = stateByParent<OrderState>(() => ({ failures: new Map(), loads: new Map() }))

/** Returns the order for the resolvers of its fields, and remembers why sections of it are null. */
export function shownOrder({ order, failures }: LoadedOrder, context: RequestContext): OrderData {
  if (failures.size > 0) stateOf(context, order).failures = failures
  return order
}
