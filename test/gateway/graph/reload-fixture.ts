// Starts a gateway whose supergraph changes while it runs: its versions differ in a field, its subgraphs respond from memory.
import { rename, writeFile } from 'node:fs/promises'
import { readSettings } from '#gateway/settings.ts'
import { postJson } from '#test/fixtures/http-server.ts'
import { composeSupergraph, startComposedGateway } from '#test/gateway/composed-gateway.ts'
import { type Behavior, startFaultySubgraph } from '#test/gateway/faulty-subgraph.ts'

const LINK = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])'

/** Returns a supergraph whose public graph has the field `version1`, by its number, and may lack the prices. */
export function shopSupergraph(version: number, { prices = true } = {}): string {
  const items = `${LINK} type Query { items: [Item!]! version${version}: Int } type Item @key(fields: "id") { id: ID! }`
  const priced = `${LINK} type Query { dearest: Int } type Item @key(fields: "id") { id: ID! price: Int }`
  return composeSupergraph({ items, ...(prices && { prices: priced }) })
}

const ITEMS = 20
/** The items that both subgraphs serve. */
export const ALL_ITEMS = '{ items { id price } }'
export const EVERY_ITEM = Array.from({ length: ITEMS }, (_, index) => ({ id: `${index}`, price: index * 10 }))

export const answerItems: Behavior = ({ response }) => {
  const items = EVERY_ITEM.map(({ id }) => ({ __typename: 'Item', id }))
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ data: { items } }))
}

export const answerPrices: Behavior = ({ request, response }) => {
  const { representations } = request.variables
  const entities = Array.isArray(representations)
    ? representations.map(({ id }) => ({ __typename: 'Item', price: Number(id) * 10 }))
    : undefined
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ data: entities ? { _entities: entities } : { dearest: 190 } }))
}

type Reply<T> = { readonly status: number; readonly data?: T; readonly errors?: readonly unknown[] }

type ReadyHealth = { readonly status: string; readonly dependencies: Readonly<Record<string, unknown>> }

type ShopOptions = {
  /** The `reload` section of the settings file. */
  readonly reload?: Readonly<Record<string, number>>
  readonly supergraph?: string
  /** The supergraph's address, when it is not in the fixture's own file. */
  readonly source?: string
}

export async function startShopGateway({
  reload = {},
  supergraph = shopSupergraph(1),
  source,
}: ShopOptions = {}) {
  await using open = new AsyncDisposableStack()
  const items = open.use(await startFaultySubgraph(answerItems))
  const prices = open.use(await startFaultySubgraph(answerPrices))
  const { gateway, file, log } = open.use(
    await startComposedGateway(supergraph, {
      ...(source !== undefined && { supergraph: new URL(source) }),
      subgraphUrls: { items: items.url, prices: prices.url },
      // A request may wait for several reloads, which are slow on a busy machine.
      settings: readSettings({ reload, everySubgraph: { timeoutMs: 120_000 } }),
    }),
  )
  const running = open.move()
  return {
    gateway,
    items,
    prices,
    log,
    file,
    /** Replaces the file by a rename, so that it is never half written. */
    async deploy(sdl: string) {
      await writeFile(`${file}.new`, sdl)
      await rename(`${file}.new`, file)
    },
    ask: <T = unknown>(query: string) => ask<T>(`${gateway.url}/graphql`, query),
    /** Reads `/health/ready` and expects the gateway to be ready. */
    async health() {
      const response = await fetch(`${gateway.url}/health/ready`)
      if (!response.ok) throw new Error(`not ready: ${await response.text()}`)
      return (await response.json()) as ReadyHealth
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function ask<T>(url: string, query: string): Promise<Reply<T>> {
  const response = await postJson(url, { query })
  const body: unknown = await response.json()
  return { status: response.status, ...(typeof body === 'object' && body) }
}
