// Wires shipping: its view, its aggregate, the carrier, the resolvers and the carrier's webhook.

import { createRepository } from '#platform/event-store/repository.ts'
import { findOriginTrace } from '#platform/event-store/stream-trace.ts'
import { type RunningService, type SubgraphConfig, startSubgraph } from '#platform/subgraph/subgraph.ts'
import { CARRIER, type OpenCarrier, openCarrier } from '#subgraphs/shipping/adapters/open-carrier.ts'
import { CARRIER_WEBHOOK, mountCarrierWebhook } from '#subgraphs/shipping/commands/webhook.ts'
import { shipmentAggregate } from '#subgraphs/shipping/domain/aggregate.ts'
import { shipmentsView } from '#subgraphs/shipping/queries/views.ts'
import { createResolvers } from '#subgraphs/shipping/resolvers.ts'

export type ShippingConfig = SubgraphConfig & {
  /** Shared with the carrier: its notices are signed with it, and our requests to an HTTP carrier. */
  readonly webhookSecret: string
  /** The sandbox when left out or `sandbox:`; `http://…` or `https://…` of a carrier. */
  readonly carrierUrl?: string
  /** Between two steps of a parcel of the sandbox; 2000 when left out. */
  readonly sandboxStepMs?: number
}

const SANDBOX_STEP_MS = 2_000

/** Resolves once it listens, and the sandbox carrier, if that is the one, moves its parcels. */
export async function startShipping(config: ShippingConfig): Promise<RunningService> {
  let start: OpenCarrier['start'] = () => {}
  const service = await startSubgraph(config, {
    views: [shipmentsView],
    dependencies: [CARRIER],
    async build({ store, projections, http, open, adjusted }) {
      const { logger, now, webhookSecret, sandboxStepMs: stepMs = SANDBOX_STEP_MS } = config
      const opened = await openCarrier({ ...config, stepMs }, { http, adjusted })
      start = opened.start
      const carrier = open.use(opened.carrier)
      const shipments = createRepository(store, shipmentAggregate, { logger })
      mountCarrierWebhook(http, {
        shipments,
        traceOf: id => findOriginTrace(store, `${shipmentAggregate.category}-${id}`),
        secret: webhookSecret,
        now,
        logger,
      })
      const documents = projections.collection(shipmentsView)
      return { resolvers: createResolvers({ shipments, carrier, now }, { shipments: documents, now }) }
    },
  })
  start(`${service.url}${CARRIER_WEBHOOK}`)
  return service
}
