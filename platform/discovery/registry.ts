// Discovery over somebody who knows services by name. Free of who that is.
import { type NamedService, readAddresses } from '#platform/discovery/addresses.ts'
import { always, unreadable } from '#platform/discovery/discovery.static.ts'
import type { Discovery, Followed, Instance, Presence } from '#platform/discovery/discovery.ts'
import type { Health } from '#platform/resilience/health.ts'

/** What an adapter has to know. */
export type Registry = AsyncDisposable & {
  /** Calls `tell` with the instances that are well, at first and after each change, until the registry is disposed of. */
  watch(service: NamedService, tell: (instances: readonly Instance[]) => void): void
  announce(presence: Presence): Promise<AsyncDisposable>
  health(): Health
}

/** Addresses are taken as they are; names are looked up in `registry`. */
export function discoverBy(registry: Registry): Discovery {
  const followed = new Map<string, Followed>()

  function follow(text: string): Followed {
    const addresses = readAddresses(text)
    if (addresses === undefined) throw unreadable(text)
    if (addresses.kind === 'instances') return always(addresses.instances)
    return followNamed(registry, addresses.service)
  }

  return {
    follow(text) {
      const found = followed.get(text) ?? follow(text)
      followed.set(text, found)
      return found
    },
    announce: presence => registry.announce(presence),
    health() {
      const nowhere = [...followed].filter(([, { current }]) => current().length === 0).map(([text]) => text)
      const health = registry.health()
      if (!health.ok || nowhere.length === 0) return health
      return { ok: false, detail: `nobody who is well is known for ${nowhere.join(', ')}` }
    },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}

function followNamed(registry: Registry, service: NamedService): Followed {
  const listeners = new Set<() => void>()
  let current: readonly Instance[] = []
  let state = stateOf(current)
  const { promise: known, resolve } = Promise.withResolvers<void>()
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
    known,
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
