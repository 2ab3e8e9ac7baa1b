import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test, vi } from 'vitest'
import { createBusFollower } from '#bff/bus/bus-follower.ts'
import { bffLiveSchema } from '#bff/live-settings.ts'
import { createGatewayClient } from '#bff/pages/gateway-client.ts'
import { createPages, type Page } from '#bff/pages/pages.ts'
import { createReadYourWrites } from '#bff/pages/read-your-writes.ts'
import { openCache } from '#platform/cache/open.ts'
import { openLiveSettings } from '#platform/config/live-settings.ts'
import { openPostgresEventBus } from '#platform/event-bus/postgres/event-bus.ts'
import { freshDatabase } from '#test/fixtures/databases.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'

type Shown = { readonly customer: { readonly id: string } }

const profile: Page<Shown, { readonly id: string }> = {
  name: 'profile',
  document: 'query Profile($id: ID!) { customer(id: $id) { id } }',
  ttlMs: 60_000,
  staleMs: 60_000,
  tags: { always: ({ id }) => [`customer:${id}`] },
  isThere: () => true,
}

/** A gateway that counts its requests. */
async function startGateway() {
  const state = { requests: 0 }
  const server = await serveHttp((request, response) => {
    state.requests += 1
    request.resume().on('end', () => response.end('{"data":{"customer":{"id":"cus_1"}}}'))
  })
  return { ...server, state, url: `${server.url}/graphql` }
}

test('pages that are loaded after a change are cached for as long as the live settings say', async () => {
  await using open = new AsyncDisposableStack()
  const { logger } = recordingLogger()
  const folder = open.use(await temporaryFolder())
  const file = path.join(folder.path, 'bff.json')
  await writeFile(file, '{}')
  const url = pathToFileURL(file).href
  const live = open.use(await openLiveSettings({ url, schema: bffLiveSchema(['profile']), logger }))
  const upstream = open.use(await startGateway())
  const gateway = open.use(createGatewayClient({ url: upstream.url, serviceToken: async () => 'token' }))
  const bus = open.use(await openPostgresEventBus({ url: await freshDatabase() }))
  const cache = open.use(await openCache({ name: 'lifetimes', logger }))
  const follower = open.use(createBusFollower({ bus, logger }))
  follower.onFollow(from => cache.resume(from))
  const readYourWrites = createReadYourWrites()
  const lifetimeOf = (name: string) => (name === 'profile' ? live.current().cache?.profile : undefined)
  const pages = createPages({ gateway, cache, follower, readYourWrites, lifetimeOf })
  const read = (id: string) => pages.readFor(profile, { id }, {})

  await read('cus_1')
  await read('cus_1')
  expect(upstream.state.requests).toBe(1)

  const changed = new Promise(resolve => live.onChange(resolve))
  await writeFile(file, '{"cache": {"profile": {"ttlMs": 1, "staleMs": 0}}}')
  await changed
  await read('cus_2')
  await vi.waitFor(async () => {
    await read('cus_2')
    expect(upstream.state.requests).toBeGreaterThan(3)
  }, WAIT)
  const before = upstream.state.requests
  await read('cus_1')
  expect(upstream.state.requests).toBe(before) // it was read before
})
