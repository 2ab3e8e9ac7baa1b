// Counts the subscriptions that are followed, their clients, and the connections to subgraphs that were lost.
import { counter, gauge } from '#platform/telemetry/metrics.ts'

export type SubscriptionMetrics = ReturnType<typeof createSubscriptionMetrics>

export function createSubscriptionMetrics(service: string) {
  const followed = gauge('waybill_gateway_subscriptions', 'Subscriptions followed at subgraphs', ['service'])
  const clients = gauge('waybill_gateway_subscribers', 'Client operations on subscriptions', ['service'])
  const lost = counter(
    'waybill_gateway_subscriptions_lost_total',
    'Connections of subscriptions that broke',
    ['service', 'subgraph'],
  )
  return {
    followed: (change: 1 | -1) => followed.inc({ service }, change),
    clients: (change: 1 | -1) => clients.inc({ service }, change),
    /** Counts a lost connection: events of the subgraph are missed until it is followed again. */
    lost: (subgraph: string) => lost.inc({ service, subgraph }),
  }
}
