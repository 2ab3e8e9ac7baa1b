import { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { openStaticDiscovery } from '#platform/discovery/discovery.static.ts'
import type { Discovery, Registration } from '#platform/discovery/discovery.ts'
import { type DiscoverySettings, registerService } from '#platform/discovery/open.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'

const OUTSIDE = Object.values(networkInterfaces()).some(found => found?.some(({ internal }) => !internal))
const URL_OF_CONSUL = 'consul://10.0.0.5'

/** What is announced of a service that listens on `host`, and when it is taken away beside its last answer. */
async function join(host: string, settings: Partial<DiscoverySettings>) {
  const announced: Registration[] = []
  const events: string[] = []
  const discovery: Discovery = {
    ...openStaticDiscovery(),
    async register(presence) {
      announced.push(presence)
      return { [Symbol.asyncDispose]: async () => void events.push('taken away') }
    },
  }
  const http = createHttpServer({ name: 'orders', logger: recordingLogger().logger })
  http.app.addHook('onClose', async () => void events.push('closed'))
  const { url, port } = await http.listen({ host: '127.0.0.1', port: 0 })
  await registerService(discovery, http, { host, port: 4101, discovery: { weight: 1, ...settings } })
  const ready = await (await fetch(`${url}/health/ready`)).json()
  await http[Symbol.asyncDispose]()
  return { announced, events, ready, port }
}

test('a service is registered at the address where it listens, and removed before its server closes', async () => {
  const { announced, events, ready } = await join('10.1.2.3', { url: URL_OF_CONSUL, weight: 3 })
  expect(announced).toEqual([{ service: 'orders', host: '10.1.2.3', port: 4101, weight: 3 }])
  expect(events).toEqual(['taken away', 'closed'])
  expect(ready).toMatchObject({ dependencies: { discovery: { ok: true } } })
})

test('ADVERTISE_HOST takes precedence over the address where the service listens', async () => {
  const { announced } = await join('0.0.0.0', { url: URL_OF_CONSUL, advertiseHost: 'orders-1.shop' })
  expect(announced).toMatchObject([{ host: 'orders-1.shop' }])
})

test.skipIf(!OUTSIDE)('one that listens on all addresses is announced at one that others reach', async () => {
  for (const host of ['0.0.0.0', '::']) {
    const { announced } = await join(host, { url: URL_OF_CONSUL })
    expect(announced[0]?.host).not.toMatch(/^(127\.|0\.|::)/)
  }
})

test('without DISCOVERY_URL nothing is registered, and health does not mention discovery', async () => {
  const { announced, ready } = await join('10.1.2.3', {})
  expect(announced).toEqual([])
  expect(ready).not.toHaveProperty('dependencies.discovery')
})
