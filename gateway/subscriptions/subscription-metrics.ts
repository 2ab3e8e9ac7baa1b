// Counts the subscriptions that are followed, their clients, and the connections to subgraphs that were lost.
import { counter, gauge } from '#platform/telemetry/metrics.ts'

export type SubscriptionMetrics = {
  readonly followed: Count
  readonly clients: Count
  /** Counts a lost connection: events of the subgraph are missed until it is followed again. */
  lost(subgraph: string): void
}

type Count = { inc(): void; dec(): void }

export function createSubscriptionMetrics(service: string): SubscriptionMetrics {
  const followed = gauge('waybill_gateway_subscriptions', 'Subscriptions followed at subgraphs', ['service'])
  const clients = gauge('waybill_gateway_subscribers', 'Client operations on subscriptions', ['service'])
  const lost = counter(
    'waybill_gateway_subscriptions_lost_total',
    'Connections of subscriptions that broke',
    ['service', 'subgraph'],
  )
  const of = (count: typeof followed): Count => ({
    inc: () => count.inc({ service }),
    dec: () => count.dec({ service }),
  })
  return { followed: of(followed), clients: of(clients), lost: subgraph => lost.inc({ service, subgraph }) }
}
