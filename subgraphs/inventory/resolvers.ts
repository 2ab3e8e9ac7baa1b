// The resolver map of inventory's schema. Free of rules: it names who resolves what.
import type { Resolvers } from '#schema/generated/inventory.ts'
import type { Inventory } from '#subgraphs/inventory/commands/dependencies.ts'
import { productMutationsOf } from '#subgraphs/inventory/commands/products.ts'
import { reservationMutationsOf } from '#subgraphs/inventory/commands/reservations.ts'
import { queriesOf, typesOf } from '#subgraphs/inventory/queries/queries.ts'

export function resolversOf(inventory: Inventory): Resolvers {
  return {
    ...typesOf(inventory),
    Query: queriesOf(inventory),
    Mutation: { ...productMutationsOf(inventory), ...reservationMutationsOf(inventory) },
  }
}
