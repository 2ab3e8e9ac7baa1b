// Composes the resolver map of orders' schema.
import type { CommandDependencies } from '#subgraphs/orders/commands/dependencies.ts'
import { createMutations } from '#subgraphs/orders/commands/mutations.ts'
import { createChangeQueries } from '#subgraphs/orders/queries/changes.ts'
import { createFulfilmentFields } from '#subgraphs/orders/queries/fulfilments.ts'
import type { QueryDependencies } from '#subgraphs/orders/queries/loaders.ts'
import { createQueries } from '#subgraphs/orders/queries/queries.ts'
import { createTypes } from '#subgraphs/orders/queries/types.ts'

export function createResolvers(dependencies: CommandDependencies & QueryDependencies) {
  const { Query, Fulfilment } = createFulfilmentFields(dependencies)
  return {
    Query: { ...createQueries(dependencies), ...createChangeQueries(dependencies), ...Query },
    Mutation: createMutations(dependencies),
    Fulfilment,
    ...createTypes(dependencies),
  }
}
