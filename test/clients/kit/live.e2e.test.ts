import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createTokens } from '#clients/kit/src/core/index.ts'
import { createLive, type LiveState } from '#clients/kit/src/live/live.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import { createTcpProxy } from '#test/fixtures/tcp-proxy.ts'
import { WAIT } from '#test/fixtures/wait.ts'
import { addProduct, CHECKOUT, checkoutInput, registerShopper, type Shopper } from '#testbed/shop-client.ts'

type Change = { readonly cursor: string; readonly events: readonly { readonly id: string }[] }
type Changes = { readonly myOrderChanges: Change }
const CHANGES = {
  query: `subscription ($after: String) { myOrderChanges(after: $after, first: 0) { cursor events { id } } }`,
}
const ORDERS = 4

let platform: TestPlatform
let shopper: Shopper
beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '60' })
  await addProduct(platform, { sku: 'mug', price: '12.00', stock: { 'BER-1': 1_000 } })
  shopper = await registerShopper(platform)
})
afterAll(() => platform?.[Symbol.asyncDispose]())

const tokens = () => createTokens({ token: shopper.token, fetchToken: async () => shopper.token })

/** Follows the shopper's orders, and collects the ids of the events. */
function follow(options: Omit<Parameters<typeof createLive>[0], 'tokens'>) {
  const client = createLive({
    tokens: tokens(),
    backoff: { minMs: 20, maxMs: 100 },
    timeoutMs: 5_000,
    ...options,
  })
  const events: string[] = []
  const failures: unknown[] = []
  const states: LiveState[] = []
  client.onState(state => states.push(state))
  const began = Promise.withResolvers<void>()
  client.subscribe<Changes>(CHANGES, {
    next({ data, errors }) {
      if (errors) failures.push(errors)
      events.push(...(data?.myOrderChanges.events.map(({ id }) => id) ?? []))
      began.resolve()
    },
    error: error => began.reject(error),
    complete: () => failures.push('complete'),
  })
  return { client, events, failures, states, began: began.promise }
}

async function buy(name: string): Promise<void> {
  for (let n = 0; n < ORDERS; n++) {
    const input = checkoutInput({ idempotencyKey: `${name}-${n}`, sku: 'mug', settleWithinMs: 0 })
    await platform.send('bff-web', shopper.token, CHECKOUT, { input })
  }
}

test('over a network that breaks at every change, each event comes once, as to one that never broke', async () => {
  const steady = follow({ url: `${platform.urls['bff-web']}/graphql` })
  await using proxy = await createTcpProxy(platform.urls['bff-web'])
  await proxy.open()
  const broken = follow({ url: `${proxy.url.replace(/\/$/, '')}/graphql`, transports: ['websocket'] })
  await Promise.all([steady.began, broken.began])
  const buying = buy('broken')
  for (let seen = 0, cuts = 0; cuts < 8; cuts++) {
    await vi.waitFor(() => expect(steady.events.length).toBeGreaterThan(seen), WAIT)
    seen = steady.events.length
    await proxy.close()
    await proxy.open()
  }
  await buying
  await completed()
  await vi.waitFor(() => expect(new Set(broken.events)).toEqual(new Set(steady.events)), WAIT)
  expect(broken.events).toHaveLength(new Set(broken.events).size)
  expect(broken.failures).toEqual([])
  expect(broken.states.filter(({ status }) => status === 'waiting').length).toBeGreaterThan(0)
  steady.client.close()
  broken.client.close()
})

/** Resolves when the orders of a round are completed. */
async function completed(): Promise<void> {
  const statuses = async () => {
    const { data } = await platform.send<{ orders: { nodes: { status: string }[] } }>(
      'bff-web',
      shopper.token,
      `{ orders(first: ${ORDERS}) { nodes { status } } }`,
    )
    return data.orders.nodes.map(({ status }) => status)
  }
  await expect.poll(statuses).toEqual(Array(ORDERS).fill('COMPLETED'))
}

test('where WebSockets are blocked, event streams take over, and resume as well', async () => {
  await using sockets = await createTcpProxy(platform.urls['bff-web']) // never opened: no WebSocket gets through
  await using proxy = await createTcpProxy(platform.urls['bff-web'])
  await proxy.open()
  const steady = follow({ url: `${platform.urls['bff-web']}/graphql` })
  const streams = follow({
    url: `${sockets.url.replace(/\/$/, '')}/graphql`,
    streamUrl: `${proxy.url.replace(/\/$/, '')}/graphql/stream`,
  })
  await Promise.all([steady.began, streams.began])
  expect(streams.client.state()).toEqual({ status: 'live', over: 'sse' })
  const buying = buy('streams')
  await vi.waitFor(() => expect(streams.events.length).toBeGreaterThan(0), WAIT)
  await proxy.close()
  await proxy.open()
  await buying
  await completed()
  await vi.waitFor(() => expect(new Set(streams.events)).toEqual(new Set(steady.events)), WAIT)
  expect(streams.events).toHaveLength(new Set(streams.events).size)
  expect(streams.failures).toEqual([])
  steady.client.close()
  streams.client.close()
})

test.each(['websocket', 'sse'] as const)('over %s, a refused token is renewed', async transport => {
  let refreshes = 0
  const client = createLive({
    url: `${platform.urls['bff-web']}/graphql`,
    transports: [transport],
    backoff: { minMs: 5, maxMs: 20 },
    tokens: createTokens({
      token: 'nonsense',
      fetchToken: async () => {
        refreshes += 1
        return shopper.token
      },
    }),
  })
  for await (const { data } of client.iterate<Changes>(CHANGES)) {
    expect(data?.myOrderChanges.cursor).toEqual(expect.any(String))
    break
  }
  expect(refreshes).toBe(1)
})

test.each(['websocket', 'sse'] as const)(
  'over %s, an operation that is wrong is refused',
  async transport => {
    const client = createLive({
      url: `${platform.urls['bff-web']}/graphql`,
      transports: [transport],
      tokens: tokens(),
    })
    const changes = client.iterate({ query: 'subscription { nothing }' })
    await expect(changes.next()).rejects.toThrow('nothing')
    expect(client.state()).toEqual({ status: 'idle' })
  },
)
