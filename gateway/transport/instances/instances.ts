// Several instances of a subgraph as one connection: each request to one of those that are well. Free of GraphQL but for that.
import { isInOrder } from '#gateway/transport/answer.ts'
import type { Connection, Outgoing, Received } from '#gateway/transport/connection.ts'
import type { Candidate, Choose } from '#gateway/transport/instances/choice.ts'
import { createHealth, type HealthOptions, type InstanceHealth } from '#gateway/transport/instances/health.ts'
import { gauge } from '#platform/telemetry/metrics.ts'

export type InstancesOptions = {
  /** The subgraph's name, in metrics. */
  readonly name: string
  /** One at least, each with a URL of its own. */
  readonly instances: readonly { readonly url: string; readonly weight: number }[]
  readonly open: (url: string) => Connection
  readonly choose: Choose
  readonly health: Omit<HealthOptions, 'checked'>
  /** GET of this path is asked for of each instance; anything but HTTP 2xx is a failure. */
  readonly checks?:
    | { readonly path: string; readonly intervalMs: number; readonly timeoutMs: number }
    | undefined
}

type Instance = Candidate & {
  readonly connection: Connection
  readonly health: InstanceHealth
  active: number
}

/**
 * A query that failed on one instance is tried on another. Where none is up, all are tried, for one of them may have come
 * back unseen. Disposing ends the checks.
 */
export function openInstances(options: InstancesOptions): Connection {
  const { choose, checks } = options
  const instances = options.instances.map(({ url, weight }) => openInstance(options, url, weight))
  /** By the headers of a request, which all its attempts have in common. */
  const failedOn = new WeakMap<Outgoing['headers'], Instance[]>()
  const timers = checks ? instances.map(instance => watch(instance, checks)) : []

  function candidates({ headers, kind }: Outgoing): readonly Instance[] {
    const avoided = failedOn.get(headers) ?? []
    const isFresh = (instance: Instance) => !avoided.includes(instance)
    const now = performance.now()
    const trying = kind === 'query' && instances.find(one => isFresh(one) && one.health.mayTry(now))
    if (trying) return [trying]
    const up = instances.filter(({ health }) => health.isUp())
    return [up.filter(isFresh), instances.filter(isFresh), up].find(some => some.length > 0) ?? instances
  }

  function pick(outgoing: Outgoing): Instance {
    const [first, ...others] = candidates(outgoing)
    if (first === undefined) throw new Error(`${options.name} has no instances`)
    return others.length === 0 ? first : choose([first, ...others], outgoing)
  }

  function failed(instance: Instance, { headers }: Outgoing): void {
    instance.health.failed(performance.now())
    failedOn.set(headers, [...(failedOn.get(headers) ?? []), instance])
  }

  async function send(outgoing: Outgoing): Promise<Received> {
    const instance = pick(outgoing)
    instance.active += 1
    try {
      const received = await instance.connection.send(outgoing)
      if (isInOrder(received)) instance.health.succeeded()
      else failed(instance, outgoing)
      return received
    } catch (error) {
      failed(instance, outgoing)
      throw error
    } finally {
      instance.active -= 1
    }
  }

  return {
    send,
    check: async (path, signal) =>
      (await Promise.all(instances.map(one => one.connection.check(path, signal)))).includes(true),
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearInterval(timer)
      await Promise.all(instances.map(({ connection }) => connection[Symbol.asyncDispose]()))
    },
  }
}

function openInstance(
  { name, open, health, checks }: InstancesOptions,
  url: string,
  weight: number,
): Instance {
  const state = gauge('waybill_subgraph_instance_up', 'Instances of subgraphs that get requests', [
    'subgraph',
    'instance',
  ])
  const tell = (isUp: boolean) => state.set({ subgraph: name, instance: withoutSecrets(url) }, isUp ? 1 : 0)
  tell(true)
  return {
    url,
    weight,
    active: 0,
    connection: open(url),
    health: createHealth({ ...health, checked: checks !== undefined }, tell),
  }
}

/** One check at a time: a slow one is cut off before the next is due, or the next is left out. */
function watch(
  { connection, health }: Instance,
  { path, intervalMs, timeoutMs }: NonNullable<InstancesOptions['checks']>,
): NodeJS.Timeout {
  let isChecking = false
  const check = async () => {
    if (isChecking) return
    isChecking = true
    const passed = await connection.check(path, AbortSignal.timeout(timeoutMs))
    health.checked(passed, performance.now())
    isChecking = false
  }
  return setInterval(check, intervalMs).unref()
}

function withoutSecrets(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}
