// Wires payment: its views, its aggregate, the provider, the resolvers, the provider's webhook, and its periodic tasks.

import { createRepository } from '#platform/event-store/repository.ts'
import { findOriginTrace } from '#platform/event-store/stream-trace.ts'
import { circuitHealth } from '#platform/resilience/health.ts'
import type { PolicyOptions } from '#platform/resilience/policy.ts'
import {
  type RunningService,
  type SubgraphConfig,
  type SubgraphPorts,
  startSubgraph,
} from '#platform/subgraph/subgraph.ts'
import { type OpenProvider, openProvider, PROVIDER } from '#subgraphs/payment/adapters/open-provider.ts'
import { createPayments } from '#subgraphs/payment/commands/payments.ts'
import { startRecoverySweep } from '#subgraphs/payment/commands/recovery-sweep.ts'
import { mountPaymentWebhook, PAYMENT_WEBHOOK } from '#subgraphs/payment/commands/webhook.ts'
import { paymentAggregate } from '#subgraphs/payment/domain/aggregate.ts'
import {
  movementsView,
  movementTotalsView,
  paymentsView,
  totalsView,
} from '#subgraphs/payment/queries/views.ts'
import { startWorklistMetrics } from '#subgraphs/payment/queries/worklist-metrics.ts'
import { createResolvers } from '#subgraphs/payment/resolvers.ts'

export type PaymentConfig = SubgraphConfig & {
  /** Shared with the provider: it signs its notices with it. */
  readonly webhookSecret: string
  /** `http:` or `https:` for a provider elsewhere; the sandbox when left out or `sandbox:`. */
  readonly providerUrl?: string
  /** The time from a pending authorisation of the sandbox to the notice about it; one second by default. */
  readonly sandboxApprovalMs?: number
}

const APPROVAL_MS = 1_000

/** The sandbox provider sends its notices to this service's own webhook over HTTP, as a real one does. */
export async function startPayment(config: PaymentConfig): Promise<RunningService> {
  const { sandboxApprovalMs = APPROVAL_MS, ...shared } = config
  await using open = new AsyncDisposableStack()
  let adjusted: PolicyOptions['adjusted']
  const opened = open.use(
    await openProvider({ ...shared, approvalMs: sandboxApprovalMs, adjusted: () => adjusted?.() }),
  )
  const service = open.use(
    await startSubgraph(config, {
      views: [paymentsView, totalsView, movementsView, movementTotalsView],
      dependencies: [PROVIDER],
      async build(ports) {
        adjusted = ports.adjusted(PROVIDER)
        return { resolvers: build(ports, config, opened) }
      },
    }),
  )
  opened.sandbox?.start(new URL(PAYMENT_WEBHOOK, service.url).href)
  const running = open.move()
  return { ...service, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

function build(
  { store, projections, http, open }: SubgraphPorts,
  { webhookSecret: secret, now, logger }: PaymentConfig,
  { provider, policy, sandbox }: OpenProvider,
) {
  const repository = createRepository(store, paymentAggregate, { logger })
  const payments = createPayments({ repository, provider, now, head: () => store.head() })
  if (sandbox) http.onShutdown(() => sandbox.stop()) // while the webhook still answers
  const documents = projections.collection(paymentsView)
  const traceOf = (id: string) => findOriginTrace(store, `${paymentAggregate.category}-${id}`)
  mountPaymentWebhook(http, { payments, traceOf, secret, now })
  http.addHealthCheck('payment-provider', async () => circuitHealth(policy), { essential: false })
  open.use(startRecoverySweep({ payments, unfinished: documents, now, logger }))
  const movementTotals = projections.collection(movementTotalsView)
  open.use(startWorklistMetrics({ totals: movementTotals, logger }))
  return createResolvers({
    payments,
    documents,
    totals: projections.collection(totalsView),
    movements: projections.collection(movementsView),
    movementTotals,
    now,
  })
}
