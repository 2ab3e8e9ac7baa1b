// Benchmarks the warm order page and order list of the web BFF against a gateway query and a bare route of the same bytes.
import type { BareResponses } from '#bench/bff/bare-server.ts'
import { type OrderFixture, openOrderFixture } from '#bench/bff/order-fixture.ts'
import {
  atLeast,
  type Bench,
  inRounds,
  medianRatio,
  printTable,
  rounded,
  summary,
  versionOf,
} from '#bench/harness/benchmark.ts'
import {
  type HttpLoader,
  type HttpRequest,
  openHttpLoader,
  openHttpLoaders,
} from '#bench/harness/http-load.ts'
import { startWorker } from '#bench/harness/worker-process.ts'
import { readManifest } from '#platform/graphql/endpoint/persisted-operations.ts'
import { OrderPageDocument, OrdersDocument } from '#schema/generated/bff-web-operations.ts'

const CONNECTIONS = 32
const BARE = new URL('bare-server.ts', import.meta.url)
const MANIFEST = new URL('../../schema/persisted/bff-web.json', import.meta.url)

type Operation = { readonly query: string; readonly variables: object }

/** The client's operation with its hash, and the gateway operation that the BFF would send each time without its caches. */
type View = {
  readonly name: string
  readonly client: Operation
  readonly hash: string
  readonly gateway: Operation
}

export const bench: Bench = async ({ quick }) => {
  await using open = new AsyncDisposableStack()
  const shop = open.use(await openOrderFixture())
  const views = await viewsOf(shop)
  for (const view of views) await checkGateway(shop, view)
  const bare = open.use(await startWorker(BARE))
  const bareUrl = await bare.request<string>('listen', await answersOf(shop, views))
  const [rounds, ms] = quick ? [5, 500] : [15, 1000]
  const figures: Record<string, unknown> = {}
  const goals = []
  const rows: (string | number)[][] = []
  for (const view of views) {
    const results = await measure({ shop, view, bareUrl: `${bareUrl}/${view.name}` }, { rounds, ms })
    const toGateway = medianRatio(results, 'asleep', 'gateway')
    const toBare = medianRatio(results, 'post', 'bare')
    const of = {
      post: summary(results, 'post'),
      bare: summary(results, 'bare'),
      get: summary(results, 'get'),
      'bare get': summary(results, 'bareGet'),
      gateway: summary(results, 'gateway'),
      'own tokens': summary(results, 'ownTokens'),
      'gateway, own tokens': summary(results, 'gatewayOwnTokens'),
    }
    const toOwnTokens = medianRatio(results, 'ownTokens', 'gatewayOwnTokens')
    const toBareGet = medianRatio(results, 'get', 'bareGet')
    figures[view.name] = {
      ...of,
      toGateway: rounded(toGateway),
      toGatewayOwnTokens: rounded(toOwnTokens),
      toBare: rounded(toBare),
      toBareGet: rounded(toBareGet),
    }
    for (const [name, load] of Object.entries(of))
      rows.push([`${view.name}, ${name}`, ...Object.values(load)])
    goals.push(
      atLeast(`${view.name}: requests to gateway queries of as many sessions`, toOwnTokens, 'times', 25),
      atLeast(`${view.name}: POSTs to a bare route's`, toBare, 'times', 0.7),
      atLeast(`${view.name}: GETs by hash to a bare route's`, toBareGet, 'times', 0.7),
    )
  }
  printTable([`${CONNECTIONS} connections`, 'per second', 'p50 ms', 'p99 ms'], rows)
  return { versions: { fastify: await versionOf('fastify') }, figures, goals }
}

async function viewsOf({ orderId, customerId }: OrderFixture): Promise<View[]> {
  const { operations } = await readManifest(MANIFEST)
  const clientOf = (name: string, variables: object) => {
    const { id = '', body = '' } = operations.find(operation => operation.name === name) ?? {}
    return { client: { query: body, variables }, hash: id }
  }
  const none = { details: false, products: false, reservation: false, payments: false, shipments: false }
  const all = { details: true, products: true, reservation: true, payments: true, shipments: true }
  return [
    {
      name: 'order-page',
      ...clientOf('OrderPage', { id: orderId }),
      gateway: { query: OrderPageDocument, variables: { id: orderId, ...all } },
    },
    {
      name: 'order-list',
      ...clientOf('OrderList', { first: 20 }),
      gateway: {
        query: OrdersDocument,
        variables: { first: 20, filter: { customerId }, counted: false, ...none },
      },
    },
  ]
}

/** Returns the BFF's responses for the bare routes. Throws when a response has errors or differs when it is repeated. */
async function answersOf(shop: OrderFixture, views: readonly View[]): Promise<BareResponses> {
  const answers: Record<string, string> = {}
  for (const { name, client } of views) {
    const [first, second] = [await shop.ask('bff-web', client), await shop.ask('bff-web', client)]
    if (first !== second || JSON.parse(first).errors)
      throw new Error(`${name} is not a page at rest: ${first.slice(0, 500)}`)
    answers[`/${name}`] = first
  }
  return answers
}

/** Throws when the gateway's response has errors, since a fast failure is no measurement. */
async function checkGateway(shop: OrderFixture, { name, gateway }: View): Promise<void> {
  const text = await shop.ask('gateway', gateway)
  const { data, errors } = JSON.parse(text)
  if (errors || !data || Object.values(data).includes(null))
    throw new Error(`the gateway does not answer ${name}: ${text.slice(0, 500)}`)
}

type Setting = { readonly shop: OrderFixture; readonly view: View; readonly bareUrl: string }

/**
 * The gateway deduplicates equal queries that are in flight, so a comparison with one token would favour it. The BFF's
 * cache shows where each connection has its own token, as different users do: then no two queries are equal. The client
 * stays awake only next to the bare route; next to the gateway's processes it would take a core from them.
 */
async function measure({ shop, view, bareUrl }: Setting, { rounds, ms }: { rounds: number; ms: number }) {
  const request = (url: string, operation: Operation): HttpRequest => ({
    url,
    method: 'POST',
    headers: shop.headers,
    body: JSON.stringify(operation),
  })
  const [bff, gateway] = [shop.url('bff-web'), shop.url('gateway')]
  const parameters = persistedParameters(view)
  await using open = new AsyncDisposableStack()
  const load = (one: HttpRequest, options: { awake: boolean }) =>
    loadAll(openHttpLoader(one, CONNECTIONS), options)
  const loadAll = async (opening: Promise<HttpLoader>, options: { awake: boolean }) => {
    const loader = await opening
    open.defer(() => loader[Symbol.dispose]())
    await loader.run(ms, options) // warm-up
    return () => loader.run(ms, options)
  }
  const hits = await shop.cachedResponses()
  const awake = { awake: true }
  const asleep = { awake: false }
  const get = (url: string): HttpRequest => ({
    url: `${url}?${parameters}`,
    method: 'GET',
    headers: shop.headers,
  })
  const sessions = await shop.sessions(CONNECTIONS)
  const withEach = (one: HttpRequest) => sessions.map(headers => ({ ...one, headers }))
  const results = await inRounds(rounds, {
    post: await load(request(bff, view.client), awake),
    bare: await load(request(bareUrl, view.client), awake),
    get: await load(get(bff), awake),
    bareGet: await load(get(bareUrl), awake),
    asleep: await load(request(bff, view.client), asleep),
    gateway: await load(request(gateway, view.gateway), asleep),
    ownTokens: await loadAll(openHttpLoaders(withEach(request(bff, view.client))), asleep),
    gatewayOwnTokens: await loadAll(openHttpLoaders(withEach(request(gateway, view.gateway))), asleep),
  })
  const served = results.reduce(
    (sum, { post, get, asleep, ownTokens }) =>
      sum + post.answers + get.answers + asleep.answers + ownTokens.answers,
    0,
  )
  if ((await shop.cachedResponses()) - hits < served)
    throw new Error(`${view.name} was not served from memory`)
  return results
}

function persistedParameters({ client: { variables }, hash: sha256Hash }: View): URLSearchParams {
  return new URLSearchParams({
    variables: JSON.stringify(variables),
    extensions: JSON.stringify({ persistedQuery: { version: 1, sha256Hash } }),
  })
}
