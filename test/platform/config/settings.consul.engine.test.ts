import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { openSettings } from '#platform/config/settings.ts'
import { freePort } from '#start/postgres-server.ts'
import { consul as engine, type RunningConsul, startConsul } from '#testbed/engines/consul.ts'
import { missingReason } from '#testbed/engines/engine.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'
import { type SettingsSource, settingsContract } from './settings.contract.ts'

const WAIT = { timeout: 30_000, interval: 50 }
const schema = z.strictObject({ limit: z.number().int().positive().default(10) })
const missing = missingReason(engine)

describe.skipIf(missing)(missing ? `on Consul (skipped: ${missing})` : `on ${engine.find()?.version}`, () => {
  let consul: RunningConsul
  beforeAll(async () => {
    consul = await startConsul()
  })
  afterAll(() => consul?.[Symbol.asyncDispose]())

  let sources = 0
  /** A key of its own. */
  async function createConsulSource(): Promise<SettingsSource> {
    const name = `waybill/test ${++sources}`
    const key = `/v1/kv/${encodeURI(name)}`
    return {
      url: `${consul.url}/${encodeURI(name)}`,
      name,
      async put(text) {
        const method = text === undefined ? 'DELETE' : 'PUT'
        const options = { method, ...(text !== undefined && { body: text }) } as const
        const answer = await request(consul.url.replace('consul:', 'http:') + key, options)
        await answer.body.dump()
        expect(answer.statusCode).toBe(200)
      },
      async [Symbol.asyncDispose]() {},
    }
  }

  describe('settings in Consul', () => {
    settingsContract(createConsulSource)

    test('stay while Consul is down, health says so, and are watched again once it is back', async () => {
      await using key = await createConsulSource()
      await key.put('{"limit": 1}')
      const { logger, seen } = recordingLogger()
      await using settings = await openSettings({ url: key.url, schema, logger })
      await consul.faults.kill()
      const line = await seen('the last good settings stay')
      expect(line).toMatch(/Consul at .*CONFIG_URL/)
      expect(settings.health()).toMatchObject({ ok: false })
      expect(settings.current()).toEqual({ limit: 1 })
      await consul.faults.restart()
      await vi.waitFor(() => expect(settings.health()).toMatchObject({ ok: true }), WAIT)
      await key.put('{"limit": 2}')
      await vi.waitFor(() => expect(settings.current()).toEqual({ limit: 2 }), WAIT)
    })

    test('of an unreachable Consul are waited for, and the start then fails', async () => {
      const { logger, seen } = recordingLogger()
      const url = `consul://127.0.0.1:${await freePort()}/waybill/orders`
      await expect(openSettings({ url, schema, logger, startTimeoutMs: 300 })).rejects.toMatchObject({
        code: 'CONSUL_AWAY',
        message: expect.stringContaining('CONFIG_URL'),
      })
      await seen('waiting for Consul')
    })
  })

  test('a token that may not read the key is named, and shown nowhere', async () => {
    await using guarded = await startConsul({ acl: true })
    const token = '11111111-2222-3333-4444-555555555555'
    const { logger, lines } = recordingLogger()
    const url = `${guarded.url}/waybill/orders`
    for (const given of [undefined, token])
      await expect(openSettings({ url, schema, logger, token: given })).rejects.toMatchObject({
        code: 'CONSUL_DENIED',
        message: expect.stringMatching(/CONFIG_URL.*CONSUL_HTTP_TOKEN/),
      })
    expect(lines.join('')).not.toContain(token)
  })
})
