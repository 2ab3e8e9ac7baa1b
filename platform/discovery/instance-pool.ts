// The pool of a service's instances, each with its connection and its health, kept in step with discovery.
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
  /** Health checks at intervals; then only they bring back an instance that failed. */
  readonly checks?: HealthChecks<Connection> | undefined
  /** Called with whether an instance gets requests, and with undefined once it has left. */
  readonly onHealth?: ((url: string, isUp: boolean | undefined) => void) | undefined
}

type HealthChecks<Connection> = {
  readonly intervalMs: number
  readonly timeoutMs: number
  /** A rejection counts as false. */
  readonly isWell: (connection: Connection, signal: AbortSignal) => Promise<boolean>
}

export type PooledInstance<Connection> = Candidate & {
  weight: number
  active: number
  readonly connection: Connection
  readonly health: InstanceHealth
  readonly stop: () => void
}

/** Disposing ends the checks and waits for requests under way. */
export type InstancePool<Connection> = AsyncDisposable & {
  /** Returns the current instances, healthy or not. */
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
    else members.set(url, openInstance(options, { url, weight }))
  }

  function leave({ url, stop, connection }: PooledInstance<Connection>): void {
    members.delete(url)
    stop()
    onHealth?.(url, undefined)
    const closing: Promise<void> = Promise.resolve(connection[Symbol.asyncDispose]())
      .catch(() => {}) // the instance has left, and its connection failed while closing
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

function openInstance<Connection extends AsyncDisposable>(
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

/** Runs one check at a time: while a slow one runs, the next is left out. */
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
