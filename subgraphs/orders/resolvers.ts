// The resolver map of orders, put together from its parts. Free of logic.
import type { OrdersDesk } from '#subgraphs/orders/ports.ts'
import { changes } from '#subgraphs/orders/resolvers/changes.ts'
import { fulfilments } from '#subgraphs/orders/resolvers/fulfilments.ts'
import { mutations } from '#subgraphs/orders/resolvers/mutations.ts'
import { queries } from '#subgraphs/orders/resolvers/queries.ts'
import { types } from '#subgraphs/orders/resolvers/types.ts'

export function createResolvers(desk: OrdersDesk) {
  const { Query, Fulfilment } = fulfilments(desk)
  return {
    Query: { ...queries(desk), ...changes(desk), ...Query },
    Mutation: mutations(desk),
    Fulfilment,
    ...types(desk),
  }
}
