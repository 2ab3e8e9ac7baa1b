import { describe, expect, test } from 'vitest'
import { openStaticDiscovery } from '#platform/discovery/discovery.static.ts'
import { discoveryContract } from './discovery.contract.ts'

describe('discovery by addresses', () => {
  discoveryContract(async () => ({
    discovery: openStaticDiscovery(),
    place: async (_name, instances) =>
      instances.map(({ host, port, weight }) => `http://${host}:${port}/graphql#weight=${weight}`).join('|'),
    async [Symbol.asyncDispose]() {},
  }))

  test('looks no name up, and says which variable that needs', () => {
    expect(() => openStaticDiscovery().watch('service://orders/graphql')).toThrow(/needs DISCOVERY_URL/)
  })
})
