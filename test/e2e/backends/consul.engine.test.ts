import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { consul as engine, type RunningConsul, startConsul } from '#testbed/engines/consul.ts'
import { missingReason } from '#testbed/engines/engine.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
} from '#testbed/shop-client.ts'

const WAIT = { timeout: 60_000, interval: 200 }
const EDGE = ['orders', 'gateway', 'bff-web', 'bff-mobile'] as const
const missing = missingReason(engine)

describe.skipIf(missing)(missing ? `on Consul (skipped: ${missing})` : `on ${engine.find()?.version}`, () => {
  let consul: RunningConsul
  let platform: TestPlatform
  beforeAll(async () => {
    consul = await startConsul()
    platform = await startPlatform({ DISCOVERY_URL: consul.url })
  })
  afterAll(async () => {
    await platform?.[Symbol.asyncDispose]()
    await consul?.[Symbol.asyncDispose]()
  })

  /** Returns what each service that calls others reports about discovery. */
  function discoveries(): Promise<{ ok: boolean; detail: string }[]> {
    return Promise.all(
      EDGE.map(async name => {
        const ready = await request(`${platform.urls[name]}/health/ready`)
        return Object(await ready.body.json()).dependencies.discovery
      }),
    )
  }

  const everybodyIsFound = () =>
    vi.waitFor(
      async () => expect((await discoveries()).map(({ ok }) => ok)).toEqual([true, true, true, true]),
      WAIT,
    )

  async function order(idempotencyKey: string): Promise<string> {
    const { token } = await registerShopper(platform)
    const input = checkoutInput({ idempotencyKey, sku: 'FOUND-1' })
    const { data, errors } = await platform.send<CheckoutResponse>('bff-web', token, CHECKOUT, { input })
    expect(errors).toBeUndefined()
    return data.checkout.__typename
  }

  test('seven services that know only Consul fulfil an order, also during and after an outage of Consul', async () => {
    await everybodyIsFound()
    await addProduct(platform, { sku: 'FOUND-1', price: '10.00', stock: { 'BER-1': 10 } })
    expect(await order('found-1')).toBe('OrderAccepted')

    await consul.faults.kill()
    await vi.waitFor(
      async () => expect((await discoveries()).map(({ ok }) => ok)).toEqual([false, false, false, false]),
      WAIT,
    )
    expect(await order('found-2')).toBe('OrderAccepted')
    const ready = await request(`${platform.urls['bff-web']}/health/ready`)
    expect(ready.statusCode).toBe(200)

    await consul.faults.restart()
    await everybodyIsFound()
    expect(await order('found-3')).toBe('OrderAccepted')
  })
})
