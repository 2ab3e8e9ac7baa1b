// The databases of a fleet. Free of what is in them.
import { freshDatabase } from '#test/database.ts'
import type { Databases } from './fleet.ts'

/** One for each subgraph and one for the bus, all empty. */
export async function freshDatabases(): Promise<Databases> {
  const [orders, inventory, payment, shipping, bus] = await Promise.all([
    freshDatabase(),
    freshDatabase(),
    freshDatabase(),
    freshDatabase(),
    freshDatabase(),
  ])
  return { orders, inventory, payment, shipping, bus }
}
