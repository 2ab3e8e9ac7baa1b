// Discovery over somebody who knows services by name. Free of who that is.
import { type NamedService, readAddresses } from '#platform/discovery/addresses.ts'
import { fixedInstances, invalidAddresses } from '#platform/discovery/discovery.static.ts'
import type { Discovery, Instance, Registration, ServiceInstances } from '#platform/discovery/discovery.ts'
import type { Health } from '#platform/resilience/health.ts'

/** What an adapter has to know. */
export type RegistryAdapter = AsyncDisposable & {
  /** Calls `tell` with the instances that are well, at first and after each change, until the registry is disposed of. */
  watch(service: NamedService, tell: (instances: readonly Instance[]) => void): void
  register(presence: Registration): Promise<AsyncDisposable>
  health(): Health
}

/** Addresses are taken as they are; names are looked up in `registry`. */
export function createDiscovery(registry: RegistryAdapter): Discovery {
  const followed = new Map<string, ServiceInstances>()

  function follow(text: string): ServiceInstances {
    const addresses = readAddresses(text)
    if (addresses === undefined) throw invalidAddresses(text)
    if (addresses.kind === 'instances') return fixedInstances(addresses.instances)
    return followNamed(registry, addresses.service)
  }

  return {
    watch(text) {
      const found = followed.get(text) ?? follow(text)
      followed.set(text, found)
      return found
    },
    register: presence => registry.register(presence),
    health() {
      const nowhere = [...followed].filter(([, { current }]) => current().length === 0).map(([text]) => text)
      const health = registry.health()
      if (!health.ok || nowhere.length === 0) return health
      return { ok: false, detail: `nobody who is well is known for ${nowhere.join(', ')}` }
    },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}

function followNamed(registry: RegistryAdapter, service: NamedService): ServiceInstances {
  const listeners = new Set<() => void>()
  let current: readonly Instance[] = []
  let state = stateOf(current)
  const { promise: resolved, resolve } = Promise.withResolvers<void>()
  registry.watch(service, told => {
    resolve()
    const next = inOrder(told)
    if (next.length === 0 || stateOf(next) === state) return
    current = next
    state = stateOf(next)
    for (const listener of listeners) listener()
  })
  return {
    current: () => current,
    isFixed: false,
    resolved,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** Each once, so that all who are told the same see the same. */
function inOrder(instances: readonly Instance[]): readonly Instance[] {
  const byUrl = new Map(instances.map(instance => [instance.url, instance]))
  return [...byUrl.values()].sort((one, other) => (one.url < other.url ? -1 : 1))
}

function stateOf(instances: readonly Instance[]): string {
  return instances.map(({ url, weight }) => `${weight} ${url}`).join('\n')
}
