// Wires shipping: its view, its aggregate, the carrier, the resolvers and the carrier's webhook.

import { OperatorError } from '#platform/domain/errors.ts'
import { createRepository } from '#platform/event-store/repository.ts'
import { findOriginTrace } from '#platform/event-store/stream-trace.ts'
import { circuitHealth } from '#platform/resilience/health.ts'
import { createPolicy } from '#platform/resilience/policy.ts'
import {
  type RunningService,
  type SubgraphConfig,
  type SubgraphPorts,
  startSubgraph,
} from '#platform/subgraph/subgraph.ts'
import { openHttpCarrier } from './adapters/carrier.http.ts'
import { openSandboxCarrier } from './adapters/carrier.sandbox.ts'
import type { Carrier } from './adapters/carrier.ts'
import { createCommands } from './commands/shipments.ts'
import { CARRIER_WEBHOOK, mountCarrierWebhook } from './commands/webhook.ts'
import { shipmentAggregate } from './domain/shipment.ts'
import { shipmentsView } from './queries/views.ts'
import { createResolvers } from './resolvers.ts'

export type ShippingConfig = SubgraphConfig & {
  /** Shared with the carrier: its notices are signed with it, and our requests to an HTTP carrier. */
  readonly webhookSecret: string
  /** The sandbox when left out or `sandbox:`; `http://…` or `https://…` of a carrier. */
  readonly carrierUrl?: string
  /** Between two steps of a parcel of the sandbox; 2000 when left out. */
  readonly sandboxStepMs?: number
}

const SANDBOX_STEP_MS = 2_000
const CARRIER = 'carrier'
const CARRIER_POLICY = { name: CARRIER, timeoutMs: 5_000, retries: 2, concurrency: 64, queue: 1_000 }

/** A carrier, and what it needs to be told once the service can be reached at `url`. */
type Contract = { readonly carrier: Carrier; readonly onListening: (url: string) => void }

/** Resolves once it listens, and the sandbox carrier, if that is the one, moves its parcels. */
export async function startShipping(config: ShippingConfig): Promise<RunningService> {
  let onListening: Contract['onListening'] = () => {}
  const service = await startSubgraph(config, {
    views: [shipmentsView],
    dependencies: [CARRIER],
    async build({ store, projections, http, open, adjusted }) {
      const { logger, now, webhookSecret } = config
      const contract = await openCarrier(config, { http, adjusted })
      onListening = contract.onListening
      const carrier = open.use(contract.carrier)
      const shipments = createRepository(store, shipmentAggregate, { logger })
      const commands = createCommands({ shipments, carrier, now })
      mountCarrierWebhook(http, {
        commands,
        traceOf: id => findOriginTrace(store, `${shipmentAggregate.category}-${id}`),
        secret: webhookSecret,
        now,
        logger,
      })
      const documents = projections.collection(shipmentsView)
      return { resolvers: createResolvers({ commands, shipments: documents, now }) }
    },
  })
  onListening(service.url)
  return service
}

type CarrierPorts = Pick<SubgraphPorts, 'http' | 'adjusted'>

async function openCarrier(config: ShippingConfig, ports: CarrierPorts): Promise<Contract> {
  const { carrierUrl = 'sandbox:', databaseUrl, webhookSecret, logger, now } = config
  if (/^https?:\/\//.test(carrierUrl)) return openForeignCarrier(carrierUrl, config, ports)
  if (!carrierUrl.startsWith('sandbox:'))
    throw new OperatorError(
      'CONFIG_INVALID',
      `CARRIER_URL holds ${JSON.stringify(carrierUrl)}; it should be sandbox:, http://… or https://…`,
    )
  const stepMs = config.sandboxStepMs ?? SANDBOX_STEP_MS
  const carrier = await openSandboxCarrier({ databaseUrl, webhookSecret, stepMs, now, logger })
  ports.http.onShutdown(() => carrier.stop()) // while the webhook still answers
  return { carrier, onListening: url => carrier.start(`${url}${CARRIER_WEBHOOK}`) }
}

/** A carrier that is down does not make shipping unready: all but booking, cancelling and collecting goes on. */
function openForeignCarrier(url: string, config: ShippingConfig, { http, adjusted }: CarrierPorts): Contract {
  const policy = createPolicy({ ...CARRIER_POLICY, adjusted: adjusted(CARRIER) })
  http.addHealthCheck('carrier', async () => circuitHealth(policy), { essential: false })
  const { webhookSecret: secret, now } = config
  return { carrier: openHttpCarrier({ url, secret, policy, now }), onListening: () => {} }
}
