// Composes the resolver map of payment's schema.
import { createMutations } from '#subgraphs/payment/commands/mutations.ts'
import type { Payments } from '#subgraphs/payment/commands/payments.ts'
import type { QueryDependencies } from '#subgraphs/payment/queries/loaders.ts'
import { createQueries } from '#subgraphs/payment/queries/queries.ts'
import { createTypes } from '#subgraphs/payment/queries/types.ts'

type ResolverDependencies = QueryDependencies & {
  readonly payments: Payments
  readonly now: () => Date
}

export function createResolvers(dependencies: ResolverDependencies) {
  return {
    Query: createQueries(dependencies),
    Mutation: createMutations(dependencies.payments, dependencies.now),
    ...createTypes(dependencies),
  }
}
