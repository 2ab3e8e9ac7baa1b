// Wires inventory: its views, its aggregates, its resolvers, and the sweep of expired holds.
import { createRepository } from '#platform/event-store/repository.ts'
import { type RunningService, type SubgraphConfig, startSubgraph } from '#platform/subgraph/subgraph.ts'
import { startExpirySweep } from '#subgraphs/inventory/commands/expiry-sweep.ts'
import { familyAggregate, stockAggregate } from '#subgraphs/inventory/domain/aggregate.ts'
import type { HoldQuota } from '#subgraphs/inventory/domain/holds.ts'
import {
  categoriesView,
  contentsView,
  familiesView,
  productsView,
  reservationsView,
  totalsView,
  warehousesView,
} from '#subgraphs/inventory/queries/views.ts'
import { createResolvers } from '#subgraphs/inventory/resolvers.ts'

export type InventoryConfig = SubgraphConfig & {
  readonly name: 'inventory'
  /** The interval of the sweep of expired holds, in milliseconds. */
  readonly expirySweepMs: number
  /** Bounds each customer's holds that no payment is approved for. */
  readonly holdQuota: HoldQuota
}

/** Resolves once it listens. Disposing drains requests, awaits a sweep under way, and closes. */
export function startInventory(config: InventoryConfig): Promise<RunningService> {
  return startSubgraph(config, {
    views: [
      productsView,
      contentsView,
      familiesView,
      reservationsView,
      totalsView,
      categoriesView,
      warehousesView,
    ],
    async build({ store, projections, open }) {
      const { logger, now, expirySweepMs, holdQuota } = config
      const dependencies = {
        stocks: createRepository(store, stockAggregate, { logger }),
        families: createRepository(store, familyAggregate, { logger }),
        appendAll: store.append,
        products: projections.collection(productsView),
        contents: projections.collection(contentsView),
        familyMembers: projections.collection(familiesView),
        reservations: projections.collection(reservationsView),
        totals: projections.collection(totalsView),
        categories: projections.collection(categoriesView),
        warehouses: projections.collection(warehousesView),
        now,
        holdQuota,
      }
      const onError = (err: unknown) =>
        logger.warn({ err }, 'the sweep of expired reservations failed, it runs again at the next interval')
      open.use(startExpirySweep(dependencies, { everyMs: expirySweepMs, onError }))
      return { resolvers: createResolvers(dependencies) }
    },
  })
}
