// Opens the carrier that CARRIER_URL chooses.
import { OperatorError } from '#platform/domain/errors.ts'
import { circuitHealth } from '#platform/resilience/health.ts'
import { createPolicy } from '#platform/resilience/policy.ts'
import type { SubgraphPorts } from '#platform/subgraph/subgraph.ts'
import { openHttpCarrier } from '#subgraphs/shipping/adapters/carrier.http.ts'
import {
  openSandboxCarrier,
  type SandboxCarrierOptions,
} from '#subgraphs/shipping/adapters/carrier.sandbox.ts'
import type { Carrier } from '#subgraphs/shipping/adapters/carrier.ts'

type CarrierOptions = SandboxCarrierOptions & {
  /** `http:` or `https:` for a carrier elsewhere; the sandbox when it is left out or `sandbox:`. */
  readonly carrierUrl?: string
}

/** `start` gives the sandbox the URL for its notices, once the service listens there; another carrier is configured with it. */
export type OpenCarrier = { readonly carrier: Carrier; readonly start: (webhookUrl: string) => void }

/** The name of the carrier's policy in live settings. */
export const CARRIER = 'carrier'
const LIMITS = { name: CARRIER, timeoutMs: 5_000, retries: 2, concurrency: 64, queue: 1_000 }

type Ports = Pick<SubgraphPorts, 'http' | 'adjusted'>

/** A carrier that is down does not make shipping unready: all but booking, cancelling and collecting goes on. */
export async function openCarrier(options: CarrierOptions, { http, adjusted }: Ports): Promise<OpenCarrier> {
  const { carrierUrl = 'sandbox:', webhookSecret: secret, now } = options
  if (/^https?:\/\//.test(carrierUrl)) {
    const policy = createPolicy({ ...LIMITS, adjusted: adjusted(CARRIER) })
    http.addHealthCheck('carrier', async () => circuitHealth(policy), { essential: false })
    return { carrier: openHttpCarrier({ url: carrierUrl, secret, policy, now }), start: () => {} }
  }
  if (!carrierUrl.startsWith('sandbox:'))
    throw new OperatorError(
      'CONFIG_INVALID',
      `CARRIER_URL holds ${JSON.stringify(carrierUrl)}; it should be sandbox:, http://… or https://…`,
    )
  const carrier = await openSandboxCarrier(options)
  http.onShutdown(() => carrier.stop()) // while the webhook still answers
  return { carrier, start: url => carrier.start(url) }
}
