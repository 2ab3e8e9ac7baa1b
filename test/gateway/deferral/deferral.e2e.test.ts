import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { Defer20220824Handler, GraphQL17Alpha9Handler } from '@apollo/client/incremental'
import { expect, it } from 'vitest'
import { DEFAULT_SETTINGS } from '#gateway/settings.ts'
import { postJson } from '#test/fixtures/http-server.ts'
import {
  allOf,
  IDS,
  PATHS,
  postForParts,
  readParts,
} from '#test/platform/graphql/incremental/served-parts.ts'
import { startShopGateway } from './shop-gateway.ts'

const QUERY = '{ product(sku: "a") { sku name ... @defer(label: "stock") { stock warehouse { name } } } }'
const FIRST = { product: { sku: 'a', name: 'product a' } }
const DATA = { stock: 3, warehouse: { name: 'north' } }

it.each([
  [IDS, 'incrementalSpec=v0.2'],
  [PATHS, 'deferSpec=20220824'],
])('sends the first part (%s) before the subgraph of the other responds', async (accept, form) => {
  await using shop = await startShopGateway()
  const response = await postJson(shop.url, { query: QUERY }, { accept })
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toContain(form)
  const parts = readParts(response)
  const isOlder = accept === PATHS
  expect((await parts.next()).value).toEqual({
    data: FIRST,
    ...(!isOlder && { pending: [{ id: '0', path: ['product'], label: 'stock' }] }),
    hasNext: true,
  })
  await shop.asked
  shop.gate.resolve()
  expect(await allOf(parts)).toEqual([
    {
      ...(isOlder
        ? { incremental: [{ data: DATA, path: ['product'], label: 'stock' }] }
        : { incremental: [{ id: '0', data: DATA }], completed: [{ id: '0' }] }),
      hasNext: false,
      extensions: { 'waybill-consistency': 'stock=9' },
    },
  ])
})

it('asks a subgraph once for the parts of all items of a list, and for nested parts after those around them', async () => {
  await using shop = await startShopGateway()
  shop.gate.resolve()
  const { parts } = await postForParts(shop.url, {
    query: `query ($d: Boolean!, $e: Boolean!) { products { sku ... @defer(if: $d, label: "outer") {
      stock related { sku ... on Product @defer(label: "inner") { name } } ...Held @include(if: $e) } } }
      fragment Held on Product { warehouse { code } }`,
    variables: { d: true, e: false },
  })
  expect(shop.conduct.requests).toBe(2)
  expect(parts[0]).toMatchObject({
    data: { products: [{ sku: 'a' }, { sku: 'b' }] },
    pending: [{ path: ['products', 0] }, { path: ['products', 1] }],
  })
  const increments = parts.slice(1).flatMap(part => (part as { incremental?: object[] }).incremental ?? [])
  expect(increments).toHaveLength(6)
  expect(increments).toContainEqual({ id: '0', data: { stock: 3, related: [{ sku: 'c' }, { sku: 'd' }] } })
  expect(increments).toContainEqual({ id: expect.any(String), data: { name: 'product c' } })
})

it('reports what fails with the part that it is about', async () => {
  await using shop = await startShopGateway()
  shop.conduct.refuses = true
  shop.gate.resolve()
  const refused = {
    message: 'the stock is being counted',
    extensions: expect.objectContaining({ code: 'CONFLICT' }),
  }
  const nullable = await postForParts(shop.url, { query: QUERY })
  expect(nullable.parts[0]).toMatchObject({ data: FIRST })
  expect(nullable.parts[0]).not.toHaveProperty('errors')
  expect(nullable.parts[1]).toMatchObject({
    incremental: [{ id: '0', data: { stock: null, warehouse: null }, errors: [refused] }],
    completed: [{ id: '0' }],
    hasNext: false,
  })
  const nonNull = await postForParts(shop.url, { query: '{ product(sku: "a") { sku ... @defer { held } } }' })
  expect(nonNull.parts[1]).toMatchObject({ completed: [{ id: '0', errors: [refused] }], hasNext: false })
})

it('completes interfaces, aliases and mutations in parts as in a whole response', async () => {
  await using shop = await startShopGateway()
  shop.gate.resolve()
  const query = `query { things { name ... on Product @defer { size other: stock } ... on Shelf { height } }
    first: product(sku: "x") { name: sku ... @defer { sku: name } } ... @defer { late: __typename } }`
  const { parts } = await postForParts(shop.url, { query })
  const whole = await (await postJson(shop.url, { query })).json()
  expect(whole).toMatchObject({ data: { things: [{ other: 3, size: 'S' }, { height: 2 }] } })
  const increments = parts
    .slice(1)
    .flatMap(part => (part as { incremental?: { data: object }[] }).incremental ?? [])
  expect(increments.map(({ data }) => data)).toEqual(
    expect.arrayContaining([{ size: 'S', other: 3 }, { sku: 'product x' }, { late: 'Query' }]),
  )
  const mutation = await postForParts(shop.url, {
    query: 'mutation { add(sku: "n") { sku ... @defer { stock } } }',
  })
  expect(mutation.parts).toMatchObject([
    { data: { add: { sku: 'n' } } },
    { incremental: [{ data: { stock: 3 } }] },
  ])
})

it('gives everything at once of an interface that hidden types are of, and parts of all else', async () => {
  await using shop = await startShopGateway()
  shop.gate.resolve()
  for (const query of [
    '{ notes { text ... @defer { product { stock } } } }',
    '{ product(sku: "a") { sku ... @defer { stock } } notes { ... on Note { text } } }',
  ]) {
    const whole = await postJson(shop.url, { query }, { accept: 'multipart/mixed' })
    expect(whole.headers.get('content-type')).toMatch(/json/)
  }
  expect((await postForParts(shop.url, { query: QUERY })).parts).toHaveLength(2)
})

it('gives everything at once to a client that does not accept parts, and to batches', async () => {
  await using shop = await startShopGateway({ settings: { ...DEFAULT_SETTINGS, batchesFrom: 'everybody' } })
  shop.gate.resolve()
  const whole = { data: { product: { ...FIRST.product, ...DATA } } }
  for (const accept of ['application/json', '*/*'])
    expect(await (await postJson(shop.url, { query: QUERY }, { accept })).json()).toEqual(whole)
  const batch = await postJson(shop.url, [{ query: QUERY }], { accept: IDS })
  expect(await batch.json()).toEqual([whole])
})

it('refuses what is invalid, too much or too large, by name', async () => {
  const limits = { ...DEFAULT_SETTINGS.limits, defers: 1, answerBytes: 400 }
  await using shop = await startShopGateway({ settings: { ...DEFAULT_SETTINGS, limits } })
  shop.gate.resolve()
  for (const [query, message] of [
    ['{ product(sku: "a") { ... @defer { sku } ... @defer { name } } }', 'defers 2 fragments'],
    ['mutation { ... @defer { add(sku: "n") { sku } } }', '@defer is not for the root of a mutation'],
    ['{ products @stream { sku } }', 'Unknown directive "@stream".'],
  ] as const) {
    const refused = await postJson(shop.url, { query }, { accept: 'multipart/mixed' })
    expect(await refused.json()).toMatchObject({ errors: [{ message: expect.stringContaining(message) }] })
  }
  const many = Array.from({ length: 40 }, (_, at) => `stock${at}: stock`).join(' ')
  const query = `{ product(sku: "a") { sku name ... @defer { ${many} } } }`
  const { parts } = await postForParts(shop.url, { query })
  expect(parts[1]).toMatchObject({
    completed: [{ errors: [{ message: 'the response has more than 400 bytes: select less at once' }] }],
  })
})

it.each([
  ['Defer20220824Handler', (): object => new Defer20220824Handler()],
  ['GraphQL17Alpha9Handler', (): object => new GraphQL17Alpha9Handler()],
])('shows parts as they come in Apollo Client with its %s', async (_name, handler) => {
  await using shop = await startShopGateway()
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: new HttpLink({ uri: shop.url }),
    incrementalHandler: handler() as Defer20220824Handler, // the type of the other has an optional member less
  })
  const seen: unknown[] = []
  const complete = Promise.withResolvers<void>()
  client.watchQuery({ query: gql(QUERY) }).subscribe(({ data, dataState, error }) => {
    if (error) complete.reject(error)
    if (dataState === 'empty') return
    seen.push(JSON.parse(JSON.stringify(data)))
    if (dataState === 'streaming') shop.gate.resolve()
    if (dataState === 'complete') complete.resolve()
  })
  await complete.promise
  expect(seen[0]).toMatchObject(FIRST)
  expect(seen[0]).not.toHaveProperty('product.stock')
  expect(seen.at(-1)).toMatchObject({ product: { ...FIRST.product, ...DATA } })
  client.stop()
})
