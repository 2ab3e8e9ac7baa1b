// Sends requests to a GraphQL service's instances: each POST to a healthy one.
import type { IncomingHttpHeaders } from 'node:http'
import { leastConnections } from '#platform/discovery/balancing-strategies.ts'
import type { ServiceInstances } from '#platform/discovery/discovery.ts'
import { openLoadBalancer } from '#platform/discovery/load-balancer.ts'
import { isObject } from '#platform/domain/json.ts'
import { jsonOf, openHttpClient } from '#platform/http/http-client.ts'
import { gauge } from '#platform/telemetry/metrics.ts'

type InstancesOptions = {
  /** The service's name, in metrics and errors. */
  readonly name: string
  readonly instances: ServiceInstances
  /** Bytes of one response. */
  readonly maxBytes: number
}

export type Post = {
  readonly payload: object
  readonly headers: Record<string, string>
  readonly signal: AbortSignal
  /** True when receiving it twice does no harm. */
  readonly idempotent: boolean
}

type PostResponse = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Undefined when it is not JSON. */
  readonly body: unknown
}

/** Rejects when no complete response arrived. Attempts with the same payload go to different instances. */
export type Instances = AsyncDisposable & { post(post: Post): Promise<PostResponse> }

type Instance = AsyncDisposable & { send(post: Post): Promise<PostResponse> }

/** More than run at once: a call that waited for a connection would wait within its time limit, and time out for no fault. */
const CONNECTIONS = 1024
/** An instance that does not respond accumulates requests, so that the others get the next ones. */
const BALANCE = leastConnections
const HEALTH = { failures: 2, awayMs: 2000 }

export function openInstances({ name, instances, maxBytes }: InstancesOptions): Instances {
  const balanced = openLoadBalancer<Instance>({
    name,
    instances,
    open: url => openInstance(url, maxBytes),
    choose: BALANCE(),
    health: HEALTH,
    ...(!isOnlyOne(instances) && { onHealth: observe(name) }),
  })
  return {
    post: post =>
      balanced.run({
        attempts: post.payload,
        repeatable: post.idempotent,
        key: () => '',
        signal: post.signal,
        send: instance => instance.send(post),
        isInOrder: ({ status, body }) => status < 500 || isGraphql(body),
      }),
    [Symbol.asyncDispose]: () => balanced[Symbol.asyncDispose](),
  }
}

function isOnlyOne({ isFixed, current }: ServiceInstances): boolean {
  return isFixed && current().length === 1
}

function openInstance(url: string, maxResponseBytes: number): Instance {
  const client = openHttpClient({ url, connections: CONNECTIONS, maxResponseBytes })
  return {
    async send({ payload, headers, signal }) {
      const response = await client.send({ method: 'POST', headers, body: payload, signal })
      return { status: response.status, headers: response.headers, body: jsonOf(response) }
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  }
}

/** A GraphQL error with HTTP 500 comes from a running service; the page of a proxy or a closing server does not. */
export function isGraphql(body: unknown): boolean {
  return Array.isArray(body) || (isObject(body) && ('data' in body || 'errors' in body))
}

function observe(dependency: string): (url: string, isUp: boolean | undefined) => void {
  const state = gauge('waybill_dependency_instance_up', 'Instances of other services that get requests', [
    'dependency',
    'instance',
  ])
  return (url, isUp) => {
    const labels = { dependency, instance: new URL(url).origin }
    if (isUp === undefined) state.remove(labels)
    else state.set(labels, isUp ? 1 : 0)
  }
}
