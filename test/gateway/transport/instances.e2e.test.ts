import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { readSettings, settingsOf } from '#gateway/settings.ts'
import { connectSubgraph } from '#gateway/transport/connect.ts'
import type { Subgraph } from '#gateway/transport/subgraph.ts'
import { metricsText } from '#platform/telemetry/metrics.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { startLibraryGateway } from '#test/gateway/gateway-fixture.ts'
import {
  type Behavior,
  type FaultySubgraph,
  respondJson,
  respondText,
  startFaultySubgraph,
} from '../faulty-subgraph.ts'
import { from, NOBODY, query } from './subgraph-fixture.ts'

const WELL = respondJson({ data: { newestQuote: 'A classic.' } })
const BROKEN = respondText('<html>', { status: 502 })
const ALWAYS_CLOSED = { minimumPerSecond: 1_000_000 }

let instances: [FaultySubgraph, FaultySubgraph, FaultySubgraph]
let subgraph: Subgraph | undefined
beforeEach(async () => {
  instances = await Promise.all([
    startFaultySubgraph(WELL),
    startFaultySubgraph(WELL),
    startFaultySubgraph(WELL),
  ])
})
afterEach(async () => {
  await subgraph?.[Symbol.asyncDispose]()
  subgraph = undefined
  for (const faulty of instances) await faulty[Symbol.asyncDispose]()
})

function connect(settings: object, weights: readonly number[] = [1, 1, 1]): Subgraph {
  const urls = instances.map(({ url }, index) => ({ url, weight: weights[index] }))
  const read = readSettings({
    subgraphs: { reviews: { urls, retries: 2, breaker: ALWAYS_CLOSED, ...settings } },
  })
  subgraph = connectSubgraph({ name: 'reviews', address: 'http://127.0.0.1:1/' }, settingsOf(read, 'reviews'))
  return subgraph
}

let asked = 0
/** Sends a query that differs from all before it. */
const ask = (to: Subgraph, headers: Record<string, string> = {}) =>
  to.fetch(query({ nth: asked++ }), from(headers))
const counts = () => instances.map(faulty => faulty.requests.filter(({ text }) => text !== '').length)
const failed: Behavior = ({ socket }) => void socket.destroy()

async function askTimes(to: Subgraph, times: number, headers: Record<string, string> = {}) {
  for (let time = 0; time < times; time++) {
    const { response } = await ask(to, headers)
    expect(response.errors).toBeUndefined()
  }
}

describe('requests are spread over the instances', () => {
  test('in turn', async () => {
    await askTimes(connect({}), 9)
    expect(counts()).toEqual([3, 3, 3])
  })

  test('by their weights', async () => {
    await askTimes(connect({ balance: 'weighted' }, [3, 2, 1]), 12)
    expect(counts()).toEqual([6, 4, 2])
  })

  test('to the one with the fewest requests under way', async () => {
    const to = connect({ balance: 'least-connections' })
    const release: (() => void)[] = []
    instances[0].setBehavior(exchange => void release.push(() => WELL(exchange)))
    const held = ask(to)
    await vi.waitFor(() => expect(release).toHaveLength(1), WAIT)
    await askTimes(to, 6)
    expect(counts()).toEqual([1, 3, 3])
    for (const answer of release) answer()
    await held
  })

  test('by the value of a forwarded header, or by the body without one', async () => {
    const to = connect({
      balance: 'consistent-hash',
      hashBy: 'X-Tenant',
      headers: [{ propagate: 'x-tenant' }],
    })
    for (const tenant of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const before = counts()
      await askTimes(to, 3, { 'x-tenant': tenant })
      expect(
        counts()
          .map((count, index) => count - (before[index] ?? 0))
          .sort(),
      ).toEqual([0, 0, 3])
    }
    const before = counts()
    await askTimes(to, 30)
    expect(counts().every((count, index) => count > (before[index] ?? 0))).toBe(true)
  })
})

describe.each([
  ['closes connections', failed],
  ["responds with a proxy's error page", BROKEN],
])('an instance that %s', (_what, lie) => {
  test('fails no query, and gets no more of them', async () => {
    const to = connect({ health: { failures: 2, awayMs: 60_000 } })
    instances[1].setBehavior(lie)
    await askTimes(to, 30)
    expect(counts()[1]).toBe(2)
  })

  test('is used again when a query that tries it succeeds', async () => {
    const to = connect({ health: { failures: 1, awayMs: 50 } })
    instances[1].setBehavior(lie)
    await askTimes(to, 3)
    instances[1].setBehavior(WELL)
    const before = counts()[1] ?? 0
    await vi.waitFor(async () => {
      await askTimes(to, 3)
      expect(counts()[1]).toBeGreaterThan(before + 2)
    }, WAIT)
  })
})

test('a mutation is sent to one instance, and never to one that is down', async () => {
  const to = connect({ health: { failures: 1, awayMs: 1 } })
  instances[1].setBehavior(failed)
  await askTimes(to, 3)
  const before = counts()[1]
  for (let time = 0; time < 6; time++) {
    const { response } = await to.fetch({ ...query({ time }), kind: 'mutation' }, NOBODY)
    expect(response.errors).toBeUndefined()
  }
  expect(counts()[1]).toBe(before)
})

test('all instances are tried when none is up', async () => {
  const to = connect({ retries: 0, health: { failures: 1, awayMs: 60_000 } })
  for (const faulty of instances) faulty.setBehavior(failed)
  for (let time = 0; time < 6; time++) expect((await ask(to)).response.errors).toHaveLength(1)
  for (const faulty of instances) faulty.setBehavior(WELL)
  await askTimes(to, 6)
})

describe('with health checks', () => {
  const checks = { path: '/health', intervalMs: 20, timeoutMs: 500, failures: 2 }
  const isUp = async (index: 0 | 1 | 2) => {
    const instance = instances[index].url
    return /waybill_subgraph_instance_up\{subgraph="reviews",instance="(?<url>[^"]+)"\} (?<up>\d)/gu
      [Symbol.matchAll](await metricsText())
      .find(({ groups }) => groups?.url === instance)?.groups?.up
  }
  /** Responds like a service that reports itself unhealthy. */
  const unwell: Behavior = exchange => (exchange.request.path === '/health' ? BROKEN : WELL)(exchange)

  test('an unhealthy instance gets no requests until its check succeeds', async () => {
    const to = connect({ health: checks })
    instances[2].setBehavior(unwell)
    await vi.waitFor(async () => expect(await isUp(2)).toBe('0'), WAIT)
    const before = counts()[2]
    await askTimes(to, 6)
    expect(counts()[2]).toBe(before)
    instances[2].setBehavior(WELL)
    await vi.waitFor(async () => expect(await isUp(2)).toBe('1'), WAIT)
    await askTimes(to, 3)
    expect(counts()[2]).toBe((before ?? 0) + 1)
  })

  test('checks stop when the subgraph is closed', async () => {
    const first = connect({ health: checks })
    const checksOf = (path: string) => instances[0].requests.filter(one => one.path === path).length
    await vi.waitFor(() => expect(checksOf('/health')).toBeGreaterThan(0), WAIT)
    await first[Symbol.asyncDispose]()
    const before = checksOf('/health')
    connect({ health: { ...checks, path: '/later' } })
    await vi.waitFor(() => expect(checksOf('/later')).toBeGreaterThan(6), WAIT)
    expect(checksOf('/health')).toBe(before)
    expect(await isUp(0)).toBe('1') // a check that went on would fail by now
  })
})

test('a subgraph with instances needs no other URL', async () => {
  const urls = instances.map(({ url }) => url)
  const settings = readSettings({ subgraphs: { reviews: { urls } } })
  await using library = await startLibraryGateway({ settings, subgraphUrls: { reviews: '' } })
  for (let time = 0; time < 3; time++)
    expect((await library.send('{ newestQuote }')).data).toEqual({ newestQuote: 'A classic.' })
  expect(counts()).toEqual([1, 1, 1])
})

test.each([
  ['an invalid URL', { urls: ['reviews:80'] }],
  ['the same URL twice', { urls: ['http://a/', 'http://a/'] }],
  ['a weight of zero', { urls: [{ url: 'http://a/', weight: 0 }] }],
  ['an unknown balancing policy', { balance: 'random' }],
  ['an invalid health check path', { health: { path: 'health' } }],
])('settings are refused with %s', (_what, reviews) => {
  expect(() => readSettings({ subgraphs: { reviews } })).toThrow(/subgraphs\.reviews\./)
})
