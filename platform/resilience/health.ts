// The health of a dependency as `/health/ready` reports it.
import type { CircuitState } from '#platform/resilience/policy.ts'

export type Health = { readonly ok: boolean; readonly detail?: string }
export type HealthCheck = () => Promise<Health>
/** Without an essential dependency the service cannot do its work; without another it does part of it, or does it late. */
export type NamedCheck = { readonly check: HealthCheck; readonly essential: boolean }

/** Reports a dependency as failing while the circuit breaker of the calls to it is open. */
export function circuitHealth({ health }: { readonly health: () => CircuitState }): Health {
  const state = health()
  return { ok: state !== 'open', detail: `circuit ${state}` }
}
