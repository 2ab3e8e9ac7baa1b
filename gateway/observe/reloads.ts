// Counts reloads of the supergraph by their outcome.
import { counter, gauge } from '#platform/telemetry/metrics.ts'

type ReloadObserver = {
  /** A supergraph came into service. */
  served(): void
  refused(): void
  unreadable(): void
}

export function observeReloads(): ReloadObserver {
  const reloads = counter(
    'waybill_gateway_reloads_total',
    'Looks at the supergraph that found one to serve or to refuse, or none',
    ['outcome'],
  )
  const since = gauge(
    'waybill_gateway_supergraph_served_since_seconds',
    'When the supergraph in service was taken into it, as Unix time',
  )
  return {
    served() {
      reloads.inc({ outcome: 'served' })
      since.set(Math.round(Date.now() / 1000))
    },
    refused: () => reloads.inc({ outcome: 'refused' }),
    unreadable: () => reloads.inc({ outcome: 'unreadable' }),
  }
}
