// The instances of a GraphQL service that this process calls: pooled connections to each, a POST to one that is well. Free of schemas.
import type { IncomingHttpHeaders } from 'node:http'
import { Pool } from 'undici'
import { leastConnections } from '#platform/discovery/balancing-strategies.ts'
import type { ServiceInstances } from '#platform/discovery/discovery.ts'
import { openLoadBalancer } from '#platform/discovery/load-balancer.ts'
import { isObject } from '#platform/domain/json.ts'
import { gauge } from '#platform/telemetry/metrics.ts'

export type InstancesOptions = {
  /** The service's name, in metrics and errors. */
  readonly name: string
  readonly instances: ServiceInstances
  /** Bytes of one answer. */
  readonly maxBytes: number
}

export type Post = {
  readonly payload: object
  readonly headers: Record<string, string>
  readonly signal: AbortSignal
  /** Whether hearing it twice does no harm. */
  readonly idempotent: boolean
}

export type Posted = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Rejects when no whole answer came back. Attempts with one and the same payload go to different instances. */
export type Instances = AsyncDisposable & { post(post: Post): Promise<Posted> }

type Instance = AsyncDisposable & { send(post: Post): Promise<Posted> }

const CONNECTIONS = 32
/** One that does not answer collects requests: the others get the next ones. */
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
        isInOrder: ({ status, text }) => status < 500 || isGraphql(text),
      }),
    [Symbol.asyncDispose]: () => balanced[Symbol.asyncDispose](),
  }
}

function isOnlyOne({ isFixed, current }: ServiceInstances): boolean {
  return isFixed && current().length === 1
}

function openInstance(url: string, maxBytes: number): Instance {
  const { origin, pathname, search } = new URL(url)
  const path = pathname + search
  const pool = new Pool(origin, { connections: CONNECTIONS, pipelining: 1, maxResponseSize: maxBytes })
  return {
    async send({ payload, headers, signal }) {
      const body = JSON.stringify(payload)
      const answer = await pool.request({ method: 'POST', path, headers, body, signal })
      return { status: answer.statusCode, headers: answer.headers, text: await answer.body.text() }
    },
    [Symbol.asyncDispose]: () => pool.close(),
  }
}

/** A service that answers HTTP 500 in its own words is there; the page of a proxy, or of a server that is closing, is not. */
function isGraphql(text: string): boolean {
  try {
    const body: unknown = JSON.parse(text)
    return Array.isArray(body) || (isObject(body) && 'errors' in body)
  } catch {
    return false
  }
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
