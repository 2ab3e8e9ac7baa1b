// Opens the payment provider that a URL chooses, and puts every call to it under one resilience policy.
import { OperatorError } from '#platform/domain/errors.ts'
import { circuitHealth } from '#platform/resilience/health.ts'
import { createPolicy, type PolicyOptions } from '#platform/resilience/policy.ts'
import type { SubgraphPorts } from '#platform/subgraph/subgraph.ts'
import { counter, histogram } from '#platform/telemetry/metrics.ts'
import { inSpan } from '#platform/telemetry/tracing.ts'
import { openHttpProvider } from './payment-provider.http.ts'
import { openSandboxProvider, type SandboxProviderOptions } from './payment-provider.sandbox.ts'
import type { PaymentProvider } from './payment-provider.ts'

type ProviderOptions = SandboxProviderOptions & {
  /** `http:` or `https:` for a provider elsewhere; the sandbox when it is left out or `sandbox:`. */
  readonly providerUrl?: string
}

/** `start` gives the sandbox the URL for its notices, once the service listens there; another provider is configured with it. */
export type OpenProvider = {
  readonly provider: PaymentProvider
  readonly start: (webhookUrl: string) => void
}

/** The name of the provider's policy in live settings. */
export const PROVIDER = 'payment-provider'
const LIMITS = { name: PROVIDER, timeoutMs: 3_000, retries: 1, concurrency: 64, queue: 1_000 }
/** A test token can make the sandbox fail, which must not open the circuit breaker for other payments. */
const NO_BREAKER = { minimumPerSecond: Number.MAX_SAFE_INTEGER }

type Ports = Pick<SubgraphPorts, 'http' | 'adjusted'>

export async function openProvider(options: ProviderOptions, ports: Ports): Promise<OpenProvider> {
  const { providerUrl = 'sandbox:' } = options
  if (/^https?:\/\//.test(providerUrl))
    return { provider: guarded(openHttpProvider(providerUrl), ports), start: () => {} }
  if (!providerUrl.startsWith('sandbox:'))
    throw new OperatorError(
      'CONFIG_INVALID',
      'PAYMENT_PROVIDER_URL should hold a URL that begins with https://, http:// or sandbox:',
    )
  const sandbox = await openSandboxProvider(options)
  ports.http.onShutdown(() => sandbox.stop()) // while the webhook still answers
  return { provider: guarded(sandbox, ports, NO_BREAKER), start: sandbox.start }
}

/** Every call to `adapter` has a timeout and is retried, which its idempotency key allows. */
function guarded(
  adapter: PaymentProvider,
  { http, adjusted }: Ports,
  breaker?: PolicyOptions['breaker'],
): PaymentProvider {
  const policy = createPolicy({ ...LIMITS, adjusted: adjusted(PROVIDER), ...(breaker && { breaker }) })
  http.addHealthCheck(PROVIDER, async () => circuitHealth(policy), { essential: false })
  const run = <T>(operation: string, work: (signal: AbortSignal) => Promise<T>) =>
    observed(operation, () => policy.run(work, { idempotent: true }))
  return {
    authorise: call => run('authorise', signal => adapter.authorise(call, signal)),
    capture: call => run('capture', signal => adapter.capture(call, signal)),
    refund: call => run('refund', signal => adapter.refund(call, signal)),
    void: call => run('void', signal => adapter.void(call, signal)),
    [Symbol.asyncDispose]: () => adapter[Symbol.asyncDispose](),
  }
}

async function observed<T>(operation: string, call: () => Promise<T>): Promise<T> {
  const calls = counter('waybill_payment_provider_calls_total', 'Calls to the payment provider', [
    'operation',
    'outcome',
  ])
  const seconds = histogram('waybill_payment_provider_seconds', 'Duration of calls to the payment provider', [
    'operation',
  ])
  const stop = seconds.startTimer({ operation })
  try {
    const answer = await inSpan(`payment provider ${operation}`, { kind: 'client' }, call)
    calls.inc({ operation, outcome: 'answered' })
    return answer
  } catch (error) {
    calls.inc({ operation, outcome: 'unanswered' })
    throw error
  } finally {
    stop()
  }
}
