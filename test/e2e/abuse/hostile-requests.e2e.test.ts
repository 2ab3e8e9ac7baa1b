// Measures how long the worst of many hostile requests blocks each process that faces callers.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EventLoopDelay } from '#test/e2e/abuse/event-loop-probe.ts'
import { type HostileTarget, hostileRequests } from '#test/e2e/abuse/hostile-requests.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'

const MOST_MS = 50
/** Other load delays a process at random, so a request counts as blocking only when it blocks each time. */
const REPEATS = 3
/** The longest refusal in characters; the other responses hold the data asked for. */
const MOST_REFUSED = 4096

const TARGETS = {
  'bff-web': {
    root: 'products',
    rootType: 'ProductConnection',
    most: 100,
    list: 'nodes',
    itemType: 'Product',
    leaf: 'sku',
    leaves: 'sku title category available availability price { amount currency }',
    text: value => `filter:{text:"${value}"}`,
    mutation: 'checkout',
    input: 'CheckoutInput',
  },
  'bff-mobile': {
    root: 'products',
    rootType: 'ProductConnection',
    most: 50,
    list: 'nodes',
    itemType: 'Product',
    leaf: 'sku',
    leaves: 'sku title availability price { amount currency } availabilityText',
    text: value => `filter:{text:"${value}"}`,
    mutation: 'checkout',
    input: 'CheckoutInput',
  },
  gateway: {
    root: 'searchProducts',
    rootType: 'ProductConnection',
    most: 100,
    list: 'nodes',
    itemType: 'Product',
    leaf: 'sku',
    leaves: 'sku title category available price { amount currency } weightGrams',
    text: value => `filter:{text:"${value}"}`,
    mutation: 'placeOrder',
    input: 'PlaceOrderInput',
  },
} satisfies Record<string, HostileTarget>
type Name = keyof typeof TARGETS

const ADD = 'mutation ($input: AddProductInput!) { addProduct(input: $input) { __typename } }'
const product = (number: number) => ({
  idempotencyKey: `add-${number}`,
  sku: `HOSTILE-${number}`,
  title: `Product ${number}`,
  category: 'things',
  price: { amount: '5.00', currency: 'EUR' },
  weightGrams: 100,
  dimensions: { lengthCm: 1, widthCm: 1, heightCm: 1 },
  stock: [{ warehouse: 'BER-1', quantity: 10 }],
})

type Probed = AsyncDisposable & {
  readonly url: string
  /** Returns how long the loop was blocked during `work`. */
  during<T>(work: () => Promise<T>): Promise<{ readonly hold: EventLoopDelay; readonly result: T }>
}

let platform: TestPlatform
beforeAll(async () => {
  platform = await startPlatform()
  const ops = await platform.token('ops')
  for (let number = 0; number < 100; number++)
    await platform.send('bff-web', ops, ADD, { input: product(number) })
})
afterAll(() => platform?.[Symbol.asyncDispose]())

/** Runs the service in a process that reports its event loop. */
async function startProbed(name: Name): Promise<Probed> {
  const { GATEWAY_URL = '', ...env } = platform.environment('bff-web')
  const subgraphs = (['orders', 'inventory', 'payment', 'shipping'] as const)
    .map(subgraph => `${subgraph}=${platform.urls[subgraph]}/graphql`)
    .join(',')
  const file = (path: string) => fileURLToPath(new URL(path, import.meta.url))
  const child = spawn(
    process.execPath,
    ['--import', file('./event-loop-probe.ts'), file(`../../../${name}/main.ts`)],
    {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      env: { ...process.env, ...env, LOG_LEVEL: 'info', GATEWAY_URL, SUBGRAPH_URLS: subgraphs },
    },
  )
  const { stdout } = child
  if (stdout === null) throw new Error('its standard output is a pipe')
  const ended = once(child, 'exit')
  const listening = Promise.withResolvers<string>()
  createInterface({ input: stdout }).on('line', line => {
    const [, url] = /"url":"(http[^"]+)".*is listening/.exec(line) ?? []
    if (url) listening.resolve(url)
  })
  void ended.then(() => listening.reject(new Error(`${name} ended`)))
  const ask = async (message: string): Promise<unknown> => {
    const answer = once(child, 'message')
    child.send(message)
    return (await answer)[0]
  }
  return {
    url: await listening.promise,
    async during(work) {
      await ask('begin')
      const result = await work()
      const hold = (await ask('end')) as EventLoopDelay
      return { hold, result }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function send(url: string, body: string, method: 'GET' | 'POST'): Promise<[number, string]> {
  const headers = { 'content-type': 'application/json', 'apollo-require-preflight': '1' }
  const response =
    method === 'GET'
      ? await fetch(`${url}/graphql?query=${encodeURIComponent(body)}`, { headers })
      : await fetch(`${url}/graphql`, { method, headers, body })
  return [response.status, await response.text()]
}

describe.each(Object.entries(TARGETS))('%s', (name, target) => {
  let probed: Probed
  beforeAll(async () => {
    probed = await startProbed(name as Name)
    const { root, list, leaf } = target
    for (let salt = 0; salt < 200; salt++)
      await send(probed.url, JSON.stringify({ query: `{${root}{${list}{${leaf}}}}#w${salt}` }), 'POST')
  })
  afterAll(() => probed?.[Symbol.asyncDispose]())

  test.each(hostileRequests(target).map(request => [request.name, request] as const))(
    'is blocked for less than 50 ms and responds briefly: %s',
    async (_name, { body, method }) => {
      const holds: number[] = []
      for (let salt = 1; salt <= REPEATS; salt++) {
        const sent = body(salt)
        expect(sent.length).toBeLessThanOrEqual(256 * 1024)
        const { hold, result } = await probed.during(() => send(probed.url, sent, method ?? 'POST'))
        const [status, answer] = result
        expect(status).toBeLessThan(500)
        if (answer.startsWith('{"errors"')) expect(answer.length).toBeLessThan(MOST_REFUSED)
        holds.push(Math.min(hold.delay, hold.turn))
      }
      const least = Math.min(...holds)
      if (process.env.SHOW_HOLDS) console.log(`${name} ${least.toFixed(1)} ms: ${_name}`)
      expect(least).toBeLessThan(MOST_MS)
    },
  )
})
