// Composes the resolver map of inventory's schema.
import type { Resolvers } from '#schema/generated/inventory.ts'
import type { CommandDependencies } from '#subgraphs/inventory/commands/dependencies.ts'
import { createMutations } from '#subgraphs/inventory/commands/mutations.ts'
import type { QueryDependencies } from '#subgraphs/inventory/queries/loaders.ts'
import { createQueries } from '#subgraphs/inventory/queries/queries.ts'
import { createTypes } from '#subgraphs/inventory/queries/types.ts'

export function createResolvers(dependencies: CommandDependencies & QueryDependencies): Resolvers {
  return {
    Query: createQueries(dependencies),
    Mutation: createMutations(dependencies),
    ...createTypes(dependencies),
  }
}
