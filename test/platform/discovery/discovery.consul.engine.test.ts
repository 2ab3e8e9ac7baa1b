import { setImmediate } from 'node:timers/promises'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Discovery } from '#platform/discovery/discovery.ts'
import { openDiscovery, registerService } from '#platform/discovery/open.ts'
import { createGraphqlClient } from '#platform/graphql/client/client.ts'
import { createHttpServer, type HttpServer } from '#platform/http/server.ts'
import { createPolicy } from '#platform/resilience/policy.ts'
import { freePort } from '#start/postgres-server.ts'
import { consul as engine, type RunningConsul, startConsul } from '#testbed/engines/consul.ts'
import { missingReason } from '#testbed/engines/engine.ts'
import { recordingLogger } from '../telemetry/recording-logger.ts'
import {
  type DiscoveryUnderTest,
  discoveryContract,
  namedDiscoveryContract,
  type Placed,
} from './discovery.contract.ts'

const WAIT = { timeout: 30_000, interval: 50 }
const missing = missingReason(engine)

describe.skipIf(missing)(missing ? `on Consul (skipped: ${missing})` : `on ${engine.find()?.version}`, () => {
  let consul: RunningConsul
  beforeAll(async () => {
    consul = await startConsul()
  })
  afterAll(() => consul?.[Symbol.asyncDispose]())

  async function tell(path: string, body?: object): Promise<void> {
    const url = `${consul.url.replace('consul:', 'http:')}${path}`
    const answer = await request(url, { method: 'PUT', ...(body && { body: JSON.stringify(body) }) })
    await answer.body.dump()
    expect(answer.statusCode).toBe(200)
  }

  const open = (logger = recordingLogger().logger): Promise<Discovery> =>
    openDiscovery({ url: consul.url }, { logger, startTimeoutMs: 20_000 })

  let opened = 0
  /** Services of its own each time, registered without checks. */
  async function openUnderTest(): Promise<DiscoveryUnderTest> {
    const nth = ++opened
    const discovery = await open()
    const placed = new Map<string, readonly string[]>()
    return {
      discovery,
      async place(name, instances) {
        const service = `${name}-${nth}`
        const idOf = ({ host, port }: Placed) => `${service}-${host}-${port}`
        for (const instance of instances)
          await tell('/v1/agent/service/register', definition(service, instance))
        const ids = instances.map(idOf)
        const gone = (placed.get(service) ?? []).filter(id => !ids.includes(id))
        for (const id of gone) await tell(`/v1/agent/service/deregister/${id}`)
        placed.set(service, ids)
        return `service://${service}/graphql`
      },
      [Symbol.asyncDispose]: () => discovery[Symbol.asyncDispose](),
    }
  }

  function definition(service: string, { host, port, weight }: Placed): object {
    const Weights = { Passing: weight, Warning: 1 }
    return { ID: `${service}-${host}-${port}`, Name: service, Address: host, Port: port, Weights }
  }

  describe('discovery by Consul', () => {
    discoveryContract(openUnderTest)
    namedDiscoveryContract(openUnderTest)
  })

  type Service = AsyncDisposable & { readonly http: HttpServer; readonly url: string; isWell: boolean }

  /** A GraphQL service that answers with its own name, and is known as `service`. */
  async function startService(service: string, name: string, weight = 1): Promise<Service> {
    const { logger } = recordingLogger()
    const discovery = await open()
    const http = createHttpServer({ name: service, logger })
    http.app.post('/graphql', async () => ({ data: { name } }))
    const { url, port } = await http.listen({ host: '127.0.0.1', port: 0 })
    const running: Service = {
      http,
      url,
      isWell: true,
      async [Symbol.asyncDispose]() {
        await http[Symbol.asyncDispose]()
        await discovery[Symbol.asyncDispose]()
      },
    }
    http.addHealthCheck('test', async () => ({ ok: running.isWell }))
    await registerService(discovery, http, {
      host: '127.0.0.1',
      port,
      discovery: { url: consul.url, weight },
    })
    return running
  }

  describe('a registered service', () => {
    test('is found once its check passes, omitted while the check fails, and gone when it stops', async () => {
      await using discovery = await open()
      await using one = await startService('announced', 'one', 3)
      const other = await startService('announced', 'other')
      const followed = discovery.watch('service://announced/graphql')
      const found = (expected: object[]) =>
        vi.waitFor(() => expect(followed.current()).toEqual(expected), WAIT)
      const both = [
        { url: `${one.url}/graphql`, weight: 3 },
        { url: `${other.url}/graphql`, weight: 1 },
      ].sort((a, b) => (a.url < b.url ? -1 : 1))
      await found(both)
      one.isWell = false
      await found([{ url: `${other.url}/graphql`, weight: 1 }])
      one.isWell = true
      await found(both)
      const stopping = other[Symbol.asyncDispose]()
      await found([{ url: `${one.url}/graphql`, weight: 3 }])
      expect((await request(`${other.url}/health/live`)).statusCode).toBe(200) // it is gone before it refuses anything
      await stopping
    })

    test('is registered again when Consul has forgotten it', async () => {
      await using discovery = await open()
      await using one = await startService('forgotten', 'one')
      const followed = discovery.watch('service://forgotten/graphql')
      await vi.waitFor(() => expect(followed.current()).toHaveLength(1), WAIT)
      await tell(`/v1/agent/service/deregister/forgotten-127.0.0.1-${new URL(one.url).port}`)
      await using later = await open()
      const again = later.watch('service://forgotten/graphql')
      await vi.waitFor(() => expect(again.current()).toHaveLength(1), WAIT)
    })

    test('gets no failed call while one of its instances stops', async () => {
      await using discovery = await open()
      await using _one = await startService('called', 'one')
      const other = await startService('called', 'other')
      const policy = createPolicy({ name: 'called', timeoutMs: 5000, retries: 0, concurrency: 50, queue: 50 })
      await using client = createGraphqlClient({ url: 'service://called/graphql', discovery, policy })
      const names: string[] = []
      const ask = async () => {
        const call = { document: '{ name }', variables: {}, idempotent: false, batch: false }
        names.push((await client.request<{ name: string }>(call)).data.name)
      }
      await vi.waitFor(
        () => expect(discovery.watch('service://called/graphql').current()).toHaveLength(2),
        WAIT,
      )
      while (new Set(names).size < 2) await ask()
      let stopped = false
      const stopping = other[Symbol.asyncDispose]().then(() => {
        stopped = true
      })
      while (!stopped) await Promise.all([ask(), setImmediate()]) // a call within the process takes no turn of the event loop
      await stopping
      const before = names.length
      for (let time = 0; time < 5; time++) await ask()
      expect(names.slice(before)).toEqual(Array(5).fill('one'))
    })
  })

  describe('while Consul', () => {
    test('is killed, the last known instances stay, health says so, and a restart makes them current', async () => {
      const { logger, seen } = recordingLogger()
      await using discovery = await open(logger)
      await using one = await startService('outlived', 'one')
      const followed = discovery.watch('service://outlived/graphql')
      await vi.waitFor(() => expect(followed.current()).toHaveLength(1), WAIT)
      await consul.faults.kill()
      const line = await seen('the instances of outlived cannot be kept current')
      expect(line).toContain('DISCOVERY_URL')
      expect(discovery.health()).toMatchObject({
        ok: false,
        detail: expect.stringContaining('Consul at 127.0.0.1'),
      })
      const readiness = await request(`${one.url}/health/ready`)
      expect(await readiness.body.json()).toMatchObject({ status: expect.stringMatching(/ok|degraded/) })
      expect(followed.current()).toHaveLength(1)
      await consul.faults.restart()
      await vi.waitFor(() => expect(discovery.health()).toMatchObject({ ok: true }), WAIT)
      await using two = await startService('outlived', 'two')
      await vi.waitFor(() => expect(followed.current()).toHaveLength(2), WAIT)
      expect(two.url).not.toBe(one.url)
    })

    test('does not respond, health says so within 15 seconds, and recovers afterwards', async () => {
      await using discovery = await open()
      await tell(
        '/v1/agent/service/register',
        definition('silent', { host: '127.0.0.1', port: 1, weight: 1 }),
      )
      await discovery.watch('service://silent/graphql').resolved
      expect(discovery.health()).toMatchObject({ ok: true })
      consul.faults.pause()
      try {
        await vi.waitFor(() => expect(discovery.health()).toMatchObject({ ok: false }), WAIT)
      } finally {
        consul.faults.resume()
      }
      await vi.waitFor(() => expect(discovery.health()).toMatchObject({ ok: true }), WAIT)
    })
  })

  describe('a Consul that is unreachable at the start', () => {
    test('is waited for, and the start then fails with its name and its variable', async () => {
      const { logger, lines } = recordingLogger()
      const url = `consul://127.0.0.1:${await freePort()}`
      await expect(openDiscovery({ url }, { logger, startTimeoutMs: 300 })).rejects.toMatchObject({
        code: 'CONSUL_AWAY',
        message: expect.stringMatching(/127\.0\.0\.1.*DISCOVERY_URL.*ECONNREFUSED/),
      })
      expect(lines.join('')).toMatch(/waiting for Consul at .*DISCOVERY_URL names, 0.3 s at most/)
    })

    test('is used as soon as it is reachable', async () => {
      await consul.faults.kill()
      const { logger, seen } = recordingLogger()
      const opening = openDiscovery({ url: consul.url }, { logger, startTimeoutMs: 60_000 })
      await seen('waiting for Consul')
      await consul.faults.restart()
      await (await opening)[Symbol.asyncDispose]()
    })
  })

  describe('a Consul that denies everything without a token', () => {
    let guarded: RunningConsul
    beforeAll(async () => {
      guarded = await startConsul({ acl: true })
    })
    afterAll(() => guarded?.[Symbol.asyncDispose]())
    const presence = { service: 'orders', host: '127.0.0.1', port: 4101, weight: 1 }
    const connect = (token: string | undefined, logger = recordingLogger().logger) =>
      openDiscovery({ url: guarded.url, ...(token && { token }) }, { logger, startTimeoutMs: 60_000 })

    async function create(path: string, body: object): Promise<{ readonly SecretID: string }> {
      const answer = await request(`${guarded.url.replace('consul:', 'http:')}${path}`, {
        method: 'PUT',
        headers: { 'x-consul-token': guarded.token },
        body: JSON.stringify(body),
      })
      const created: unknown = await answer.body.json()
      return { SecretID: String(Reflect.get(Object(created), 'SecretID')) }
    }

    async function tokenFor(Rules: string): Promise<string> {
      await create('/v1/acl/policy', { Name: 'limited', Rules })
      return (await create('/v1/acl/token', { Policies: [{ Name: 'limited' }] })).SecretID
    }

    test.each([
      ['no token', undefined, /CONSUL_HTTP_TOKEN is not set/],
      [
        'a wrong token',
        '11111111-2222-3333-4444-555555555555',
        /the token in CONSUL_HTTP_TOKEN may not do this/,
      ],
    ])('makes the start fail soon with both variables when %s is denied', async (_what, token, said) => {
      const { logger, lines } = recordingLogger()
      await using discovery = await connect(token, logger)
      const announcing = discovery.register(presence)
      await expect(announcing).rejects.toMatchObject({
        code: 'CONSUL_DENIED',
        message: expect.stringMatching(said),
      })
      await expect(announcing).rejects.toThrow('DISCOVERY_URL')
      if (token) expect(lines.join('')).not.toContain(token)
    })

    test('makes health fail while a token may not see a service', async () => {
      await using allowed = await connect(guarded.token)
      await using _announced = await allowed.register(presence)
      await using discovery = await connect(await tokenFor('node_prefix "" { policy = "read" }'))
      const followed = discovery.watch('service://orders/graphql')
      const said = /allow to see the service orders: the token in CONSUL_HTTP_TOKEN may not do this/
      await vi.waitFor(() => expect(discovery.health().detail).toMatch(said), WAIT)
      expect(followed.current()).toEqual([])
    })

    test('is used with a token that may', async () => {
      await using discovery = await connect(guarded.token)
      await using _announced = await discovery.register(presence)
      expect(discovery.health()).toMatchObject({ ok: true })
    })
  })

  test('the DNS of Consul returns the same instances', async () => {
    await tell(
      '/v1/agent/service/register',
      definition('by-dns', { host: '127.0.0.1', port: 4101, weight: 3 }),
    )
    const url = `dns://127.0.0.1:${consul.dnsPort}/service.consul`
    await using discovery = await openDiscovery(
      { url },
      { logger: recordingLogger().logger, startTimeoutMs: 20_000 },
    )
    const followed = discovery.watch('service://by-dns/graphql')
    await followed.resolved
    expect(followed.current()).toEqual([{ url: 'http://127.0.0.1:4101/graphql', weight: 3 }])
  })
})
