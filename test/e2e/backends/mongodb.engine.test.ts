// Runs the whole platform with its views on MongoDB: an order end to end, a rebuild, and an outage of MongoDB.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { missingReason, type RunningEngine } from '#testbed/engines/engine.ts'
import { freshMongodb, mongodb } from '#testbed/engines/mongodb.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
  type Shopper,
} from '#testbed/shop-client.ts'

const missing = missingReason(mongodb)
const found = mongodb.find()
const SOON = { timeout: 30_000, interval: 50 }
const ORDER = `query($id: ID!) { order(id: $id) {
  status lines { title quantity } payments { status } shipments { status } customer { id }
} }`

describe.skipIf(missing)(
  missing ? `views on MongoDB (skipped: ${missing})` : `views on ${found?.version}`,
  () => {
    let server: RunningEngine
    let url: string
    let platform: TestPlatform
    let shopper: Shopper
    beforeAll(async () => {
      if (found) server = await found.start()
      url = `${freshMongodb(server)}?serverSelectionTimeoutMS=1000`
      platform = await startPlatform({ READ_MODELS_URL: url })
      await addProduct(platform, { sku: 'kettle', price: '59.90', stock: { 'BER-1': 50 } })
      shopper = await registerShopper(platform)
    })
    afterAll(async () => {
      await platform?.[Symbol.asyncDispose]()
      await server?.[Symbol.asyncDispose]()
    })

    async function order(idempotencyKey: string): Promise<string> {
      const input = checkoutInput({ idempotencyKey, sku: 'kettle', quantity: 2 })
      const reply = await platform.send<CheckoutResponse>('bff-web', shopper.token, CHECKOUT, { input })
      expect(reply.errors).toBeUndefined()
      return reply.data.checkout.order?.id ?? ''
    }

    async function seen(id: string): Promise<Record<string, unknown>> {
      const reply = await platform.send<{ order: Record<string, unknown> }>('gateway', shopper.token, ORDER, {
        id,
      })
      expect(reply.errors).toBeUndefined()
      return reply.data.order
    }

    const completed = {
      status: 'COMPLETED',
      lines: [{ title: 'Product kettle', quantity: 2 }],
      payments: [{ status: 'CAPTURED' }],
      shipments: [{ status: 'DELIVERED' }],
    }

    test('an order is placed, paid, shipped and delivered, and the gateway shows it whole', async () => {
      const id = await order('whole')
      await expect.poll(() => seen(id), SOON).toMatchObject(completed)
    })

    test('the tool rebuilds the views of every service from their logs', async () => {
      const id = await order('before the rebuild')
      await expect.poll(() => seen(id), SOON).toMatchObject(completed)
      for (const service of ['orders', 'inventory', 'payment', 'shipping'] as const) {
        const env = { ...process.env, DATABASE_URL: platform.databases[service], READ_MODELS_URL: url }
        const { stdout } = await promisify(execFile)(process.execPath, ['tools/rebuild.ts', service], { env })
        expect(stdout).toMatch(/rebuilt from [1-9]\d* events/)
      }
      expect(await seen(id)).toMatchObject(completed)
    })

    test.skipIf(found?.from === 'MONGODB_URL')(
      'during its outage no service is ready, and each is again afterwards without a restart',
      async () => {
        const services = ['orders', 'inventory', 'payment', 'shipping'] as const
        const ready = async () => {
          const replies = await Promise.all(
            services.map(name => fetch(`${platform.urls[name]}/health/ready`)),
          )
          return Promise.all(replies.map(async reply => ({ status: reply.status, text: await reply.text() })))
        }
        await server.faults?.kill()
        for (const { status, text } of await ready()) {
          expect(status, text).toBe(503)
          expect(JSON.parse(text)).toMatchObject({
            status: 'unavailable',
            dependencies: { 'read-models': { ok: false }, 'event-store': { ok: true } },
          })
        }
        await server.faults?.restart()
        await expect
          .poll(async () => (await ready()).map(({ status }) => status), SOON)
          .toEqual(services.map(() => 200))
        const id = await order('after it was away')
        await expect.poll(() => seen(id), SOON).toMatchObject(completed)
      },
    )
  },
)
