// The resolver map of inventory's schema. Free of rules: it names who resolves what.
import type { Resolvers } from '#schema/generated/inventory.ts'
import type { Inventory } from '#subgraphs/inventory/inventory.ts'
import { productMutationsOf } from '#subgraphs/inventory/product-commands.ts'
import { queriesOf, typesOf } from '#subgraphs/inventory/queries.ts'
import { reservationMutationsOf } from '#subgraphs/inventory/reservation-commands.ts'

export function resolversOf(inventory: Inventory): Resolvers {
  return {
    ...typesOf(inventory),
    Query: queriesOf(inventory),
    Mutation: { ...productMutationsOf(inventory), ...reservationMutationsOf(inventory) },
  }
}
