// The resolver map of orders, put together from its parts. Free of logic.
import type { OrdersDesk } from '#subgraphs/orders/commands/dependencies.ts'
import { mutations } from '#subgraphs/orders/commands/mutations.ts'
import { changes } from '#subgraphs/orders/queries/changes.ts'
import { fulfilments } from '#subgraphs/orders/queries/fulfilments.ts'
import { queries } from '#subgraphs/orders/queries/queries.ts'
import { types } from '#subgraphs/orders/queries/types.ts'

export function createResolvers(desk: OrdersDesk) {
  const { Query, Fulfilment } = fulfilments(desk)
  return {
    Query: { ...queries(desk), ...changes(desk), ...Query },
    Mutation: mutations(desk),
    Fulfilment,
    ...types(desk),
  }
}
