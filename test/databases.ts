// The databases of one Waybill. Free of what is in them.
import type { Machine } from '#start/layout.ts'
import { freshDatabase } from '#test/database.ts'

/** One for each subgraph and one for the bus, all empty. */
export async function freshDatabases(): Promise<Machine['databaseUrls']> {
  const [orders, inventory, payment, shipping, bus] = await Promise.all([
    freshDatabase(),
    freshDatabase(),
    freshDatabase(),
    freshDatabase(),
    freshDatabase(),
  ])
  return { orders, inventory, payment, shipping, bus }
}
