// Spreads requests over the instances of a subgraph, behind the interface of a single connection.
import type { Connection, InstanceConnection } from '#gateway/transport/connection.ts'
import { isValidResponse } from '#gateway/transport/subgraph-response.ts'
import type { BalancingStrategy } from '#platform/discovery/balancing-strategies.ts'
import type { ServiceInstances } from '#platform/discovery/discovery.ts'
import type { InstanceHealthOptions } from '#platform/discovery/instance-health.ts'
import { openLoadBalancer } from '#platform/discovery/load-balancer.ts'
import { gauge } from '#platform/telemetry/metrics.ts'

type InstancesOptions = {
  /** The subgraph's name in metrics. */
  readonly name: string
  readonly instances: ServiceInstances
  readonly open: (url: string) => InstanceConnection
  readonly choose: BalancingStrategy
  /** The header whose value `choose` hashes; the body where a request lacks it. */
  readonly hashBy: string
  readonly health: Omit<InstanceHealthOptions, 'checked'>
  /** Health checks by GET of this path: anything but HTTP 2xx is a failure. */
  readonly checks?:
    | { readonly path: string; readonly intervalMs: number; readonly timeoutMs: number }
    | undefined
}

/** A query that failed on one instance is retried on another. Disposing ends the health checks. */
export function openInstances({ hashBy, checks, ...options }: InstancesOptions): Connection {
  const balanced = openLoadBalancer<InstanceConnection>({
    ...options,
    onHealth: observeInstances(options.name),
    checks: checks && { ...checks, isWell: (connection, signal) => connection.check(checks.path, signal) },
  })
  return {
    send: outgoing =>
      balanced.run({
        attempts: outgoing.headers, // the same object for all attempts of a request
        repeatable: outgoing.kind === 'query',
        key: () => outgoing.headers[hashBy] ?? outgoing.body,
        signal: outgoing.signal,
        send: connection => connection.send(outgoing),
        isInOrder: isValidResponse,
      }),
    [Symbol.asyncDispose]: () => balanced[Symbol.asyncDispose](),
  }
}

function observeInstances(subgraph: string): (url: string, isUp: boolean | undefined) => void {
  const state = gauge('waybill_subgraph_instance_up', 'Instances of subgraphs that get requests', [
    'subgraph',
    'instance',
  ])
  return (url, isUp) => {
    const labels = { subgraph, instance: withoutSecrets(url) }
    if (isUp === undefined) state.remove(labels)
    else state.set(labels, isUp ? 1 : 0)
  }
}

function withoutSecrets(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}
