// The instances of a service as they come and go, each with its connection and its health. Free of requests.
import type { Candidate } from '#platform/discovery/balancing-strategies.ts'
import type { Instance, ServiceInstances } from '#platform/discovery/discovery.ts'
import {
  createInstanceHealth,
  type InstanceHealth,
  type InstanceHealthOptions,
} from '#platform/discovery/instance-health.ts'

export type InstancePoolOptions<Connection extends AsyncDisposable> = {
  readonly instances: ServiceInstances
  readonly open: (url: string) => Connection
  readonly health: Omit<InstanceHealthOptions, 'checked'>
  /** Asked of each instance at intervals; then only that brings back one that has gone. */
  readonly checks?: HealthChecks<Connection> | undefined
  /** Told whether an instance gets requests, and undefined once it is none any more. */
  readonly onHealth?: ((url: string, isUp: boolean | undefined) => void) | undefined
}

export type HealthChecks<Connection> = {
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Rejecting counts as false. */
  readonly isWell: (connection: Connection, signal: AbortSignal) => Promise<boolean>
}

export type PooledInstance<Connection> = Candidate & {
  weight: number
  active: number
  readonly connection: Connection
  readonly health: InstanceHealth
  readonly stop: () => void
}

/** Disposing ends the checks, and waits for what is under way. */
export type InstancePool<Connection> = AsyncDisposable & {
  /** Those that there are now, up or not. */
  all(): readonly PooledInstance<Connection>[]
}

export function openInstancePool<Connection extends AsyncDisposable>(
  options: InstancePoolOptions<Connection>,
): InstancePool<Connection> {
  const { instances, onHealth } = options
  const members = new Map<string, PooledInstance<Connection>>()
  const leaving = new Set<Promise<void>>()
  let all: readonly PooledInstance<Connection>[] = []

  function join({ url, weight }: Instance): void {
    const member = members.get(url)
    if (member) member.weight = weight
    else members.set(url, openMember(options, { url, weight }))
  }

  function leave({ url, stop, connection }: PooledInstance<Connection>): void {
    members.delete(url)
    stop()
    onHealth?.(url, undefined)
    const closing: Promise<void> = Promise.resolve(connection[Symbol.asyncDispose]())
      .catch(() => {}) // it is gone
      .finally(() => leaving.delete(closing))
    leaving.add(closing)
  }

  function update(): void {
    const current = instances.current()
    for (const instance of current) join(instance)
    const urls = new Set(current.map(({ url }) => url))
    for (const member of members.values()) if (!urls.has(member.url)) leave(member)
    all = [...members.values()]
  }

  const unfollow = instances.onChange(update)
  update()
  return {
    all: () => all,
    async [Symbol.asyncDispose]() {
      unfollow()
      for (const { stop } of all) stop()
      await Promise.all([...all.map(({ connection }) => connection[Symbol.asyncDispose]()), ...leaving])
    },
  }
}

function openMember<Connection extends AsyncDisposable>(
  { open, health, checks, onHealth }: InstancePoolOptions<Connection>,
  { url, weight }: Instance,
): PooledInstance<Connection> {
  const connection = open(url)
  const state = createInstanceHealth({ ...health, checked: checks !== undefined }, isUp =>
    onHealth?.(url, isUp),
  )
  onHealth?.(url, true)
  const timer = checks && watch(connection, state, checks)
  return { url, weight, active: 0, connection, health: state, stop: () => clearInterval(timer) }
}

/** One check at a time: a slow one is cut off before the next is due, or the next is left out. */
function watch<Connection>(
  connection: Connection,
  health: InstanceHealth,
  { intervalMs, timeoutMs, isWell }: HealthChecks<Connection>,
): NodeJS.Timeout {
  let isChecking = false
  const check = async () => {
    if (isChecking) return
    isChecking = true
    const passed = await isWell(connection, AbortSignal.timeout(timeoutMs)).catch(() => false)
    health.checked(passed, performance.now())
    isChecking = false
  }
  return setInterval(check, intervalMs).unref()
}
