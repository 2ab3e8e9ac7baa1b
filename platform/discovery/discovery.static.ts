// Discovery without a registry: services are at the addresses in their URL variables.
import type { Discovery } from '#platform/discovery/discovery.ts'
import { createDiscovery } from '#platform/discovery/registry.ts'

export function openStaticDiscovery(): Discovery {
  return createDiscovery({
    register: async () => ({ async [Symbol.asyncDispose]() {} }),
    health: () => ({ ok: true, detail: 'addresses do not change' }),
    async [Symbol.asyncDispose]() {},
  })
}
