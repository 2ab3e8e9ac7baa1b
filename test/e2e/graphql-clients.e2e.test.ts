// Runs Apollo Client, urql and graphql-ws against both BFFs: caches, links, reconnecting, persisted queries.
import { createHash } from 'node:crypto'
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client/core'
import { SetContextLink } from '@apollo/client/link/context'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from '@urql/core'
import { EventSource } from 'eventsource'
import { OperationTypeNode } from 'graphql'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWsClient } from 'graphql-ws'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { openGraphSession } from '#test/fixtures/graph-session.ts'
import { startPlatform, type TestPlatform } from '#test/fixtures/platform.ts'
import {
  addProduct,
  CHECKOUT,
  type CheckoutResponse,
  checkoutInput,
  registerShopper,
  type Shopper,
} from '#testbed/shop-client.ts'

let platform: TestPlatform
let shopper: Shopper
beforeAll(async () => {
  platform = await startPlatform({ CARRIER_SANDBOX_STEP_MS: '50' })
  await addProduct(platform, { sku: 'mug', price: '12.00', stock: { 'BER-1': 1_000 } })
  shopper = await registerShopper(platform)
})
afterAll(() => platform?.[Symbol.asyncDispose]())

async function buy(key: string): Promise<string> {
  const input = checkoutInput({ idempotencyKey: key, sku: 'mug', settleWithinMs: 0 })
  const customer = openGraphSession(platform, 'bff-web', shopper.token)
  const { checkout } = await customer.data<CheckoutResponse>(CHECKOUT, { input })
  return checkout.order?.id ?? ''
}

const bearer = () => ({ authorization: `Bearer ${shopper.token}` })
const socketUrl = (name: 'bff-web' | 'bff-mobile') => `${platform.urls[name].replace('http', 'ws')}/graphql`

type Change = {
  readonly cursor: string
  readonly events: readonly { readonly id: string }[]
  readonly order: { readonly id: string; readonly status: string }
}
const CHANGES = `subscription ($id: ID!, $after: String) {
  orderChanges(id: $id, after: $after) { cursor events { id } order { id status __typename } }
}`

test('Apollo Client: a subscription updates the cached page, also after a broken connection', async () => {
  const id = await buy('apollo')
  let socket: WebSocket | undefined
  const sockets = createWsClient({
    url: socketUrl('bff-web'),
    webSocketImpl: WebSocket,
    connectionParams: bearer,
    retryWait: async () => {},
    shouldRetry: () => true,
    on: {
      opened: opened => {
        socket = opened instanceof WebSocket ? opened : undefined
      },
    },
  })
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(sockets),
      ApolloLink.from([
        new SetContextLink(() => ({ headers: bearer() })),
        new HttpLink({ uri: `${platform.urls['bff-web']}/graphql` }),
      ]),
    ),
  })
  const shown: string[] = []
  const completed = Promise.withResolvers<void>()
  const page = client
    .watchQuery<{ order: { status: string } }>({
      query: gql`query ($id: ID!) { order(id: $id) { id status } }`,
      variables: { id },
    })
    .subscribe(({ data }) => {
      const status = data?.order?.status
      if (!status || shown.at(-1) === status) return
      shown.push(status)
      if (status === 'COMPLETED') completed.resolve()
    })
  const live = client
    .subscribe<{ orderChanges: Change }>({ query: gql(CHANGES), variables: { id } })
    .subscribe({ error: completed.reject })
  await expect.poll(() => shown.length).toBeGreaterThan(1)
  socket?.terminate()
  await completed.promise
  const ranks = ['PLACED', 'CONFIRMED', 'SHIPPED', 'DELIVERED', 'COMPLETED']
  expect(shown.map(status => ranks.indexOf(status))).toEqual(
    shown.map(status => ranks.indexOf(status)).toSorted((one, other) => one - other),
  )
  page.unsubscribe()
  live.unsubscribe()
  await sockets.dispose()
  client.stop()
})

test('Apollo Client: persisted queries by hash, over GET', async () => {
  const sent: string[] = []
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.from([
      new SetContextLink(() => ({ headers: bearer() })),
      new PersistedQueryLink({
        sha256: text => createHash('sha256').update(text).digest('hex'),
        useGETForHashedQueries: true,
      }),
      new HttpLink({
        uri: `${platform.urls['bff-mobile']}/graphql`,
        fetch: (url, init) => {
          sent.push(`${init?.method} ${String(url).includes('query=') ? 'with' : 'without'} text`)
          return fetch(url, init)
        },
      }),
    ]),
  })
  const query = gql`query Cards { orders(first: 5) { nodes { id title status total { text } } } }`
  for (let round = 0; round < 2; round++) {
    const { data } = await client.query<{ orders: { nodes: unknown[] } }>({
      query,
      fetchPolicy: 'network-only',
    })
    expect(data?.orders.nodes).toBeInstanceOf(Array)
  }
  expect(sent.filter(one => one === 'GET without text')).toHaveLength(2)
  expect(sent).toHaveLength(3)
  client.stop()
})

test('urql: queries, mutations that refresh its document cache, and subscriptions', async () => {
  const sockets = createWsClient({
    url: socketUrl('bff-web'),
    webSocketImpl: WebSocket,
    connectionParams: bearer,
  })
  const client = new Client({
    url: `${platform.urls['bff-web']}/graphql`,
    preferGetMethod: false,
    fetchOptions: () => ({ headers: bearer() }),
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe: sink => ({
            unsubscribe: sockets.subscribe(
              { query, variables: { ...variables } },
              { ...sink, next: ({ data }) => sink.next(data ? { data } : {}) },
            ),
          }),
        }),
      }),
    ],
  })
  const list = 'query { orders(first: 1) { nodes { id status } } }'
  const input = checkoutInput({ idempotencyKey: 'urql', sku: 'mug', settleWithinMs: 0 })
  const { data, error } = await client.mutation(CHECKOUT, { input }).toPromise()
  expect(error).toBeUndefined()
  const id: string = data.checkout.order.id
  expect((await client.query(list, {}).toPromise()).data.orders.nodes[0].id).toBe(id)
  const done = Promise.withResolvers<void>()
  const { unsubscribe } = client.subscription<{ orderChanges: Change }>(CHANGES, { id }).subscribe(result => {
    if (result.error) done.reject(result.error)
    if (result.data?.orderChanges.order.status === 'COMPLETED') done.resolve()
  })
  await done.promise
  unsubscribe()
  await sockets.dispose()
})

test('graphql-sse: a live order where WebSockets are blocked', async () => {
  const id = await buy('sse')
  const client = createSseClient({
    url: `${platform.urls['bff-web']}/graphql/stream`,
    headers: bearer,
  })
  const seen: Change[] = []
  for await (const { data, errors } of client.iterate<{ orderChanges: Change }>({
    query: CHANGES,
    variables: { id },
  })) {
    expect(errors).toBeUndefined()
    if (!data) continue
    seen.push(data.orderChanges)
    if (data.orderChanges.order.status === 'COMPLETED') break
  }
  const events = seen.flatMap(change => change.events.map(event => event.id))
  expect(new Set(events).size).toBe(events.length)
  client.dispose()
})

/** Passes the stream on until `signal` aborts, where it ends as if a proxy had dropped it. */
function brokenOff(
  body: ReadableStream<Uint8Array> | null,
  signal: AbortSignal,
): ReadableStream<Uint8Array> | null {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  body?.pipeTo(writable, { signal, preventAbort: true }).catch(() => writable.close())
  return body && readable
}

test('EventSource: reconnects by itself and resumes after the last event', async () => {
  const id = await buy('event-source')
  let connections = 0
  const url = new URL(`${platform.urls['bff-web']}/graphql/stream`)
  url.searchParams.set('query', CHANGES)
  url.searchParams.set('variables', JSON.stringify({ id }))
  const cut = new AbortController()
  const source = new EventSource(url, {
    fetch: async (input, init) => {
      connections += 1
      const response = await fetch(input, { ...init, headers: { ...init.headers, ...bearer() } })
      const { status, headers, redirected, body } = response
      return {
        status,
        headers,
        redirected,
        url: response.url,
        body: connections === 1 ? brokenOff(body, cut.signal) : body,
      }
    },
  })
  const events: string[] = []
  const done = Promise.withResolvers<void>()
  source.addEventListener('next', ({ data }) => {
    const change: Change | undefined = JSON.parse(data).data?.orderChanges
    if (!change) return done.reject(new Error(data))
    events.push(...change.events.map(event => event.id))
    if (connections === 1 && events.length > 3) cut.abort()
    if (change.order.status === 'COMPLETED') done.resolve()
  })
  await done.promise
  source.close()
  expect(connections).toBe(2)
  expect(new Set(events).size).toBe(events.length)
})
