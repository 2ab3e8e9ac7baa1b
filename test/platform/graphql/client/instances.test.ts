import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createGraphqlClient, type GraphqlClient } from '#platform/graphql/client/client.ts'
import { createPolicy } from '#platform/resilience/policy.ts'
import { metricsText } from '#platform/telemetry/metrics.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'
import { WAIT } from '#test/fixtures/wait.ts'

type Behaviour = 'answers' | 'hangs up' | 'is closing' | 'is silent'

/** A GraphQL service that answers with its own name, and counts its requests. */
async function startInstance(name: string, port = 0) {
  const state: { requests: number; behaviour: Behaviour } = { requests: 0, behaviour: 'answers' }
  const server = await serveHttp(async (request, response) => {
    await request.toArray()
    state.requests += 1
    if (state.behaviour === 'hangs up') return void request.socket.destroy()
    if (state.behaviour === 'is closing') return void response.writeHead(503).end('{"error":"closing"}')
    if (state.behaviour === 'answers') response.end(JSON.stringify({ data: { name } }))
  }, port)
  return { state, port: server.port, url: `${server.url}/graphql`, kill: server[Symbol.asyncDispose] }
}

type Instance = Awaited<ReturnType<typeof startInstance>>
let one: Instance
let other: Instance
let client: GraphqlClient | undefined
beforeEach(async () => {
  one = await startInstance('one')
  other = await startInstance('other')
})
afterEach(async () => {
  await client?.[Symbol.asyncDispose]()
  await Promise.all([one.kill(), other.kill()])
})

function connect({ retries = 0, timeoutMs = 5000 } = {}): GraphqlClient {
  const policy = createPolicy({ name: 'pair', timeoutMs, retries, concurrency: 50, queue: 50 })
  client = createGraphqlClient({ url: `${one.url}|${other.url}`, policy })
  return client
}

async function ask(to: GraphqlClient, { idempotent = true } = {}): Promise<string> {
  const call = { document: '{ name }', variables: {}, idempotent, batch: false }
  const { data } = await to.request<{ name: string }>(call)
  return data.name
}

async function askTimes(to: GraphqlClient, times: number, call = {}): Promise<string[]> {
  const names: string[] = []
  for (let time = 0; time < times; time++) names.push(await ask(to, call))
  return names
}

test('calls are spread over the instances', async () => {
  const names = await askTimes(connect(), 6)
  expect(names.filter(name => name === 'one')).toHaveLength(3)
})

describe('when one is killed', () => {
  test('no call fails, idempotent or not, without retries: the other instance takes them at once', async () => {
    const to = connect()
    await askTimes(to, 4)
    await one.kill()
    await vi.waitFor(async () => expect(await askTimes(to, 4)).toEqual(Array(4).fill('other')), WAIT)
    expect(await askTimes(to, 10, { idempotent: false })).toEqual(Array(10).fill('other'))
    expect(await metricsText()).toContain(
      `waybill_dependency_instance_up{dependency="pair",instance="http://127.0.0.1:${one.port}"} 0`,
    )
  })

  test('it gets calls again once it is back', async () => {
    const to = connect()
    await one.kill()
    await askTimes(to, 6)
    one = await startInstance('one', one.port)
    await vi.waitFor(async () => expect(await askTimes(to, 2)).toContain('one'), WAIT)
  })

  test('and the other too, calls fail until one is back', async () => {
    const to = connect()
    await Promise.all([one.kill(), other.kill()])
    for (let time = 0; time < 6; time++)
      await expect(ask(to)).rejects.toMatchObject({ code: 'UNAVAILABLE', details: { reason: 'NETWORK' } })
    other = await startInstance('other', other.port)
    expect(await ask(to)).toBe('other')
  })
})

test('a request whose response was lost goes to the other instance only when it is idempotent', async () => {
  const to = connect()
  one.state.behaviour = 'hangs up'
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => ask(to, { idempotent: false })))
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(one.state.requests)
  expect(one.state.requests).toBeGreaterThan(0)
  expect(await askTimes(to, 6)).toEqual(Array(6).fill('other'))
})

test('a retry goes to the other instance', async () => {
  const to = connect({ retries: 1 })
  one.state.behaviour = 'is closing'
  expect(await askTimes(to, 6)).toEqual(Array(6).fill('other'))
  expect(one.state.requests).toBe(2)
})

test('a silent instance gets no further calls, and the other gets them', async () => {
  const to = connect({ timeoutMs: 60_000 })
  one.state.behaviour = 'is silent'
  const calls = Array.from({ length: 2 }, () => ask(to).catch(() => 'cut off'))
  await vi.waitFor(() => expect(one.state.requests).toBe(1), WAIT)
  expect(await Promise.race(calls)).toBe('other') // while it has a call, too, the next one may go to either
  expect(await askTimes(to, 10)).toEqual(Array(10).fill('other'))
  await one.kill()
  expect(await Promise.all(calls)).toEqual(['other', 'other'])
})
