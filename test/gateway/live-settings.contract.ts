// Tests, over HTTP, the settings that the gateway applies while it runs, wherever they are stored.
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { readSettings } from '#gateway/settings.ts'
import { postJson } from '#test/fixtures/http-server.ts'
import { startLibraryGateway } from '#test/gateway/gateway-fixture.ts'
import type { SettingsSource } from '#test/platform/config/settings.contract.ts'
import { startFaultySubgraph } from './faulty-subgraph.ts'

const WAIT = { timeout: 20_000, interval: 50 }
const QUERY = '{ newestQuote }'

/** Starts the library's gateway with the settings of `source`, and sends requests to it. */
export async function startAdjustable(
  source: SettingsSource,
  options: Parameters<typeof startLibraryGateway>[0] = {},
) {
  const library = await startLibraryGateway({ ...options, environment: { settingsUrl: source.url } })
  const ask = async () => {
    const answer = await postJson(`${library.url}/graphql`, { query: QUERY })
    const { errors = [] } = z.object({ errors: z.array(z.unknown()).optional() }).parse(await answer.json())
    return { status: answer.status, policy: answer.headers.get('ratelimit-policy'), errors }
  }
  const readiness = async () => (await fetch(`${library.url}/health/ready`)).json()
  return { ask, readiness, library, [Symbol.asyncDispose]: () => library[Symbol.asyncDispose]() }
}

export const limitOf = (capacity: number) => JSON.stringify({ rateLimit: { capacity, perSecond: 0.001 } })

export function gatewaySettingsContract(createSource: () => Promise<SettingsSource>): void {
  test('a rate limit applies as soon as it is set, is replaced by a new one, and ends when it is removed', async () => {
    await using source = await createSource()
    await source.put('{}')
    await using gateway = await startAdjustable(source)
    expect(await gateway.ask()).toMatchObject({ status: 200, policy: null })
    await source.put(limitOf(2))
    await vi.waitFor(async () => expect((await gateway.ask()).policy).toContain('q=2'), WAIT)
    await vi.waitFor(async () => expect((await gateway.ask()).status).toBe(429), WAIT)
    await source.put(limitOf(1000))
    await vi.waitFor(async () => expect((await gateway.ask()).policy).toContain('q=1000'), WAIT)
    await source.put('{"rateLimit": null}')
    await vi.waitFor(
      async () => expect(await gateway.ask()).toMatchObject({ status: 200, policy: null }),
      WAIT,
    )
  })

  test('a value of the wrong type is refused by name, shown by readiness, and leaves the limit unchanged', async () => {
    await using source = await createSource()
    await source.put(limitOf(500))
    await using gateway = await startAdjustable(source)
    expect((await gateway.ask()).policy).toContain('q=500')
    await source.put('{"rateLimit": {"capacity": "many", "perSecond": 1}}')
    const line = await gateway.library.logged('the last good settings stay')
    expect(line).toContain(source.name)
    expect(line).toMatch(/rateLimit\.capacity: should be a number/)
    expect((await gateway.ask()).policy).toContain('q=500')
    expect(await gateway.readiness()).toMatchObject({
      status: 'degraded',
      dependencies: { settings: { ok: false, detail: expect.stringContaining('rateLimit.capacity') } },
    })
    await source.put(limitOf(600))
    await vi.waitFor(async () => expect((await gateway.ask()).policy).toContain('q=600'), WAIT)
    expect(await gateway.readiness()).toMatchObject({ dependencies: { settings: { ok: true } } })
  })

  test("a subgraph's time limit applies to the next request", async () => {
    await using source = await createSource()
    await source.put('{}')
    await using silent = await startFaultySubgraph(() => {})
    const settings = readSettings({ subgraphs: { reviews: { timeoutMs: 60_000, retries: 0 } } })
    await using gateway = await startAdjustable(source, { settings, subgraphUrls: { reviews: silent.url } })
    await source.put('{"everySubgraph": {"timeoutMs": 45000}, "subgraphs": {"reviews": {"timeoutMs": 20}}}')
    await gateway.library.logged('settings changed')
    const { errors } = await gateway.ask()
    expect(errors).toHaveLength(1)
  })
}
