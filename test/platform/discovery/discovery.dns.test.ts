import { describe, expect, test, vi } from 'vitest'
import { openDnsDiscovery } from '#platform/discovery/discovery.dns.ts'
import { openDiscovery } from '#platform/discovery/open.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'
import { type DiscoveryUnderTest, discoveryContract, namedDiscoveryContract } from './discovery.contract.ts'
import { type DnsServer, startDnsServer } from './dns-server.ts'

const OPTIONS = { startTimeoutMs: 5000, intervalMs: 30 }

async function open(): Promise<DiscoveryUnderTest & { readonly server: DnsServer }> {
  const server = await startDnsServer()
  const { logger } = recordingLogger()
  const discovery = await openDnsDiscovery({ url: `dns://${server.address}/test`, logger, ...OPTIONS })
  return {
    server,
    discovery,
    async place(name, instances) {
      const srv = instances.map(({ host, port, weight }) => ({
        target: `at-${host}`.replaceAll('.', '-'),
        port,
        weight,
      }))
      for (const { host } of instances) server.records.set(`at-${host}`.replaceAll('.', '-'), { a: [host] })
      server.records.set(`${name}.test`, { srv })
      return `service://${name}/graphql`
    },
    async [Symbol.asyncDispose]() {
      await discovery[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

describe('discovery by DNS', () => {
  discoveryContract(open)
  namedDiscoveryContract(open)

  test('a service with a port has one instance for each address', async () => {
    await using under = await open()
    under.server.records.set('orders.test', { a: ['127.0.0.3', '127.0.0.4'] })
    const followed = under.discovery.watch('service://orders:4101/graphql')
    await followed.resolved
    expect(followed.current().map(({ url }) => url)).toEqual([
      'http://127.0.0.3:4101/graphql',
      'http://127.0.0.4:4101/graphql',
    ])
  })

  test('only the SRV records of the first priority are used', async () => {
    await using under = await open()
    const { records } = under.server
    records.set('near', { a: ['127.0.0.5'] }).set('far', { a: ['127.0.0.6'] })
    const srv = [
      { target: 'far', port: 1, weight: 1, priority: 20 },
      { target: 'near', port: 1, weight: 0, priority: 10 },
    ]
    records.set('orders.test', { srv })
    const followed = under.discovery.watch('service://orders/graphql')
    await followed.resolved
    expect(followed.current()).toEqual([{ url: 'http://127.0.0.5:1/graphql', weight: 1 }])
  })

  test('SRV names begin with the prefix in the URL', async () => {
    await using server = await startDnsServer()
    const url = `dns://${server.address}/test?srv=_http._tcp`
    const { logger } = recordingLogger()
    await using discovery = await openDnsDiscovery({ url, logger, ...OPTIONS })
    await discovery.watch('service://orders/graphql').resolved
    expect(server.queries).toContain('SRV _http._tcp.orders.test')
  })

  test('the last known instances stay while the server is silent, health says so, and it recovers', async () => {
    await using under = await open()
    const address = await under.place('orders', [{ host: '127.0.0.1', port: 1, weight: 1 }])
    const followed = under.discovery.watch(address)
    await followed.resolved
    under.server.silent = true
    await vi.waitFor(() => expect(under.discovery.health()).toMatchObject({ ok: false }), { timeout: 20_000 })
    expect(under.discovery.health().detail).toMatch(/orders.*DISCOVERY_URL/)
    expect(followed.current()).toHaveLength(1)
    under.server.silent = false
    await vi.waitFor(() => expect(under.discovery.health()).toMatchObject({ ok: true }), { timeout: 20_000 })
  })

  test('the start waits for an unreachable server, then fails with its name and its variable', async () => {
    await using server = await startDnsServer()
    server.silent = true
    const { logger, seen } = recordingLogger()
    const opening = openDiscovery({ url: `dns://${server.address}/test` }, { logger, startTimeoutMs: 100 })
    await expect(opening).rejects.toMatchObject({
      code: 'DNS_AWAY',
      message: expect.stringMatching(new RegExp(`${server.address}.*DISCOVERY_URL`)),
    })
    await seen('given up waiting for the DNS server')
  })
})
