import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { SettingsSource } from '#test/platform/config/settings.contract.ts'
import { consul as engine, type RunningConsul, startConsul } from '#testbed/engines/consul.ts'
import { missingReason } from '#testbed/engines/engine.ts'
import { startLibraryGateway } from './gateway-fixture.ts'
import { gatewaySettingsContract, limitOf, startAdjustable } from './live-settings.contract.ts'

const WAIT = { timeout: 30_000, interval: 50 }
const missing = missingReason(engine)

describe.skipIf(missing)(missing ? `on Consul (skipped: ${missing})` : `on ${engine.find()?.version}`, () => {
  let consul: RunningConsul
  beforeAll(async () => {
    consul = await startConsul()
  })
  afterAll(() => consul?.[Symbol.asyncDispose]())

  async function tell(path: string, body: string): Promise<void> {
    const answer = await request(consul.url.replace('consul:', 'http:') + path, { method: 'PUT', body })
    await answer.body.dump()
    expect(answer.statusCode).toBe(200)
  }

  let sources = 0
  async function createConsulSource(): Promise<SettingsSource> {
    const name = `waybill/gateway-${++sources}`
    const put = (text = '') => tell(`/v1/kv/${name}`, text)
    return { url: `${consul.url}/${name}`, name, put, async [Symbol.asyncDispose]() {} }
  }

  describe('live settings of the gateway in Consul', () => {
    gatewaySettingsContract(createConsulSource)

    test('stay in force while Consul is down, and change again once it is back', async () => {
      await using key = await createConsulSource()
      await key.put(limitOf(500))
      await using gateway = await startAdjustable(key)
      await consul.faults.kill()
      await gateway.library.logged('the last good settings stay')
      expect((await gateway.ask()).policy).toContain('q=500')
      expect(await gateway.readiness()).toMatchObject({ status: 'degraded' })
      await consul.faults.restart()
      await key.put(limitOf(700))
      await vi.waitFor(async () => expect((await gateway.ask()).policy).toContain('q=700'), WAIT)
      expect(await gateway.readiness()).toMatchObject({ dependencies: { settings: { ok: true } } })
    })
  })

  test('the gateway finds a subgraph through Consul, follows it to a new address, and registers itself', async () => {
    await using first = await startLibraryGateway()
    await using second = await startLibraryGateway()
    const place = ({ reviews }: typeof first) => {
      const Port = Number(new URL(reviews.url).port)
      const definition = { ID: 'reviews', Name: 'reviews', Address: '127.0.0.1', Port }
      return tell('/v1/agent/service/register', JSON.stringify(definition))
    }
    await place(first)
    await using library = await startLibraryGateway({
      subgraphUrls: { reviews: 'service://reviews/graphql' },
      environment: { discovery: { url: consul.url, weight: 2 } },
    })
    const ask = async () => (await library.send<{ newestQuote: string }>('{ newestQuote }')).data?.newestQuote
    expect(await ask()).toBe('A classic.')
    expect(first.reviews.seen).toHaveLength(1)
    await place(second)
    await vi.waitFor(async () => {
      expect(await ask()).toBe('A classic.')
      expect(second.reviews.seen.length).toBeGreaterThan(0)
    }, WAIT)
    const found = await request(`${consul.url.replace('consul:', 'http:')}/v1/agent/services`)
    expect(Object.values(Object(await found.body.json()))).toContainEqual(
      expect.objectContaining({ Service: 'gateway', Port: Number(new URL(library.url).port) }),
    )
  })
})
