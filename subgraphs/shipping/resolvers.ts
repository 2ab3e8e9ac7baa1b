// Composes the resolver map of shipping's schema.
import { createMutations } from '#subgraphs/shipping/commands/mutations.ts'
import type { CommandDependencies } from '#subgraphs/shipping/commands/shipments.ts'
import type { QueryDependencies } from '#subgraphs/shipping/queries/loaders.ts'
import { createQueries } from '#subgraphs/shipping/queries/queries.ts'
import { createTypes } from '#subgraphs/shipping/queries/types.ts'

export function createResolvers(commands: CommandDependencies, queries: QueryDependencies) {
  return {
    Query: createQueries(queries),
    Mutation: createMutations(commands),
    ...createTypes(queries),
  }
}
