// Starts two subgraphs, one of which waits until a test lets it respond, and the gateway in front of them.
import { buildSubgraphSchema } from '@apollo/subgraph'
import { parse } from 'graphql'
import type { GatewayConfig } from '#gateway/config.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { composeSupergraph, startComposedGateway } from '#test/gateway/composed-gateway.ts'
import { serveSchema } from '#test/platform/graphql/served-schema.ts'

const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@inaccessible"])`

const SDL = {
  catalogue: `${LINK}
    type Query { products: [Product!]! product(sku: ID!): Product things: [Thing!]! notes: [Note!]! }
    type Mutation { add(sku: ID!): Product! }
    interface Thing { name: String }
    type Shelf implements Thing { name: String height: Int }
    type Product implements Thing @key(fields: "sku") { sku: ID! name: String size: Size }
    enum Size { S M }
    interface Note { text: String product: Product }
    type Review implements Note { text: String product: Product }
    type Memo implements Note @inaccessible { text: String product: Product }`,
  stock: `${LINK}
    type Product @key(fields: "sku") { sku: ID! stock: Int held: Int! related: [Product!]! warehouse: Warehouse }
    type Warehouse { name: String! code: String }`,
} as const

type Resolvers = NonNullable<
  Extract<Parameters<typeof buildSubgraphSchema>[0], { resolvers?: unknown }>['resolvers']
>

const product = (sku: string) => ({ __typename: 'Product', sku, name: `product ${sku}`, size: 'S' })

export async function startShopGateway(config: Partial<GatewayConfig> = {}) {
  await using open = new AsyncDisposableStack()
  const gate = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const conduct = { refuses: false, requests: 0 }
  const catalogue = {
    Query: {
      products: () => ['a', 'b'].map(product),
      product: (_: unknown, { sku }: { sku: string }) => product(sku),
      notes: () => [{ __typename: 'Review', text: 'good', product: product('a') }],
      things: () => [product('a'), { __typename: 'Shelf', name: 'top', height: 2 }],
    },
    Mutation: { add: (_: unknown, { sku }: { sku: string }) => product(sku) },
    Product: { __resolveReference: ({ sku }: { sku: string }) => product(sku) },
  }
  const stock = {
    Product: {
      async __resolveReference({ sku }: { sku: string }, { consistency }: RequestContext) {
        conduct.requests += 1
        asked.resolve()
        await gate.promise
        if (conduct.refuses) throw new CallerError('CONFLICT', 'the stock is being counted')
        consistency.reached('stock', 9)
        return {
          sku,
          stock: 3,
          related: [{ sku: 'c' }, { sku: 'd' }],
          warehouse: { name: 'north', code: 'N' },
        }
      },
    },
  }
  const serve = async (name: keyof typeof SDL, resolvers: object) => {
    const schema = buildSubgraphSchema({ typeDefs: parse(SDL[name]), resolvers: resolvers as Resolvers })
    return open.use(await serveSchema(name, schema))
  }
  const urls = {
    catalogue: (await serve('catalogue', catalogue)).url,
    stock: (await serve('stock', stock)).url,
  }
  const { gateway, log } = open.use(
    await startComposedGateway(composeSupergraph(SDL), { subgraphUrls: urls, ...config }),
  )
  const running = open.move()
  return {
    url: `${gateway.url}/graphql`,
    log,
    gate,
    conduct,
    asked: asked.promise,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
