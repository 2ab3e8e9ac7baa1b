// Discovers services through any registry: watches each named service once, and tells listeners of changes.
import { type NamedService, readAddresses } from '#platform/discovery/addresses.ts'
import type { Discovery, Instance, Registration, ServiceInstances } from '#platform/discovery/discovery.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import type { Health } from '#platform/resilience/health.ts'

type Watch = (service: NamedService, onInstances: (instances: readonly Instance[]) => void) => void

/** An adapter provides the registry to the code that all registries share. */
export type RegistryAdapter = AsyncDisposable & {
  /**
   * Calls `onInstances` with the healthy instances, first and after each change, until the registry is disposed of. Left out
   * where names are not looked up.
   */
  readonly watch?: Watch
  register(presence: Registration): Promise<AsyncDisposable>
  health(): Health
}

/** Takes addresses as they are, and looks names up in `registry`. */
export function createDiscovery(registry: RegistryAdapter): Discovery {
  const watched = new Map<string, ServiceInstances>()

  function open(text: string): ServiceInstances {
    const addresses = readAddresses(text)
    if (addresses === undefined)
      throw new OperatorError(
        'CONFIG_INVALID',
        `"${text}" does not say where a service is: http://… or https://…, several with | between them, or service://NAME/PATH`,
      )
    if (addresses.kind === 'instances') return fixedInstances(addresses.instances)
    if (registry.watch) return watchNamed(registry.watch, addresses.service)
    throw new OperatorError(
      'CONFIG_INVALID',
      `${text} is looked up by its name, which needs DISCOVERY_URL: set it, or give the addresses themselves`,
    )
  }

  return {
    watch(text) {
      const found = watched.get(text) ?? open(text)
      watched.set(text, found)
      return found
    },
    register: presence => registry.register(presence),
    health() {
      const nowhere = [...watched].filter(([, { current }]) => current().length === 0).map(([text]) => text)
      const health = registry.health()
      if (!health.ok || nowhere.length === 0) return health
      return { ok: false, detail: `no healthy instance is known for ${nowhere.join(', ')}` }
    },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}

/** Returns instances that never change. */
export function fixedInstances(instances: readonly Instance[]): ServiceInstances {
  return { current: () => instances, isFixed: true, resolved: Promise.resolve(), onChange: () => () => {} }
}

function watchNamed(watch: Watch, service: NamedService): ServiceInstances {
  const listeners = new Set<() => void>()
  let current: readonly Instance[] = []
  let state = stateOf(current)
  const { promise: resolved, resolve } = Promise.withResolvers<void>()
  watch(service, received => {
    resolve()
    const next = distinct(received)
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

/** Returns each URL once, in order, so that equal responses compare equal. */
function distinct(instances: readonly Instance[]): readonly Instance[] {
  const byUrl = new Map(instances.map(instance => [instance.url, instance]))
  return [...byUrl.values()].sort((one, other) => (one.url < other.url ? -1 : 1))
}

function stateOf(instances: readonly Instance[]): string {
  return instances.map(({ url, weight }) => `${weight} ${url}`).join('\n')
}
