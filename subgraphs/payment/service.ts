// Wires payment: its views, its aggregate, the provider, the resolvers, the provider's webhook, and its periodic tasks.
import { createRepository } from '#platform/event-store/repository.ts'
import { findOriginTrace } from '#platform/event-store/stream-trace.ts'
import { type RunningService, type SubgraphConfig, startSubgraph } from '#platform/subgraph/subgraph.ts'
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
  /** The time from a pending authorisation of the sandbox to the notice about it. */
  readonly sandboxApprovalMs: number
}

/** The sandbox provider sends its notices to this service's own webhook over HTTP, as a real one does. */
export async function startPayment(config: PaymentConfig): Promise<RunningService> {
  let start: OpenProvider['start'] = () => {}
  const service = await startSubgraph(config, {
    views: [paymentsView, totalsView, movementsView, movementTotalsView],
    dependencies: [PROVIDER],
    async build({ store, projections, http, open, adjusted }) {
      const { webhookSecret: secret, sandboxApprovalMs: approvalMs, now, logger } = config
      const opened = await openProvider({ ...config, approvalMs }, { http, adjusted })
      start = opened.start
      const provider = open.use(opened.provider)
      const repository = createRepository(store, paymentAggregate, { logger })
      const payments = createPayments({ repository, provider, now, head: () => store.head() })
      const traceOf = (id: string) => findOriginTrace(store, `${paymentAggregate.category}-${id}`)
      mountPaymentWebhook(http, { payments, traceOf, secret, now })
      const views = {
        documents: projections.collection(paymentsView),
        totals: projections.collection(totalsView),
        movements: projections.collection(movementsView),
        movementTotals: projections.collection(movementTotalsView),
      }
      open.use(startRecoverySweep({ payments, unfinished: views.documents, now, logger }))
      open.use(startWorklistMetrics({ totals: views.movementTotals, logger }))
      return { resolvers: createResolvers({ payments, ...views, now }) }
    },
  })
  start(new URL(PAYMENT_WEBHOOK, service.url).href)
  return service
}
