// Runs a small federation in one process: composed as usual, its subgraphs executed by graphql-js, our gateway in front.
import { composeServices } from '@apollo/composition'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { type GraphQLFormattedError, type GraphQLSchema, graphql, parse } from 'graphql'
import type { SubgraphRequest, SubgraphResponse } from '#gateway/executor/execution.ts'
import { createOperations } from '#gateway/operations/operation-compiler.ts'
import { executeOperation } from '#gateway/pipeline/execute.ts'
import { readSupergraph } from '#gateway/supergraph/supergraph.ts'
import { isObject } from '#platform/domain/json.ts'
import { DEFAULT_LIMITS } from '#platform/graphql/documents/limits.ts'

/** Opens the SDL of a Federation 2 subgraph. */
export const FEDERATION_2 = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: [
  "@key", "@external", "@provides", "@requires", "@shareable", "@override", "@inaccessible", "@interfaceObject",
  "@extends", "@tag", "@composeDirective"])\n`

type Module = Extract<Parameters<typeof buildSubgraphSchema>[0], { resolvers?: unknown }>
export type Resolvers = NonNullable<Module['resolvers']>

type SubgraphSource = {
  /** The SDL without additions; a Federation 1 subgraph has no `@link`. */
  readonly sdl: string
  readonly resolvers?: Resolvers
}
type Sources = Readonly<Record<string, SubgraphSource>>

/** Hive's planner crashes on `hint`: its required field is two subgraphs away, and the first lacks a key on the way. */
export const UNPLANNABLE: Sources = {
  products: {
    sdl: `${FEDERATION_2}
      type Query { products: [Product!] }
      type Product @key(fields: "sku") @key(fields: "maker { id } slot") { sku: ID! slot: ID! weight: Int maker: Maker }
      type Maker @key(fields: "id") { id: ID! }`,
  },
  stock: {
    sdl: `${FEDERATION_2}
      type Query { warehouses: [Warehouse!]! }
      type Warehouse @key(fields: "id") { id: ID! items: [Product] }
      type Product @key(fields: "sku") {
        sku: ID! weight: Int @external delivery: String @requires(fields: "weight")
      }`,
  },
  reviews: {
    sdl: `${FEDERATION_2}
      type Product @key(fields: "sku") @key(fields: "maker { id } slot") {
        sku: ID! slot: ID! maker: Maker delivery: String @external hint: String @requires(fields: "delivery")
      }
      type Maker @key(fields: "id", resolvable: false) { id: ID! }`,
  },
}

/** Holds one request that a subgraph got. */
export type Received = {
  readonly service: string
  readonly query: string
  readonly variables: Readonly<Record<string, unknown>>
}

export type Answered = {
  readonly data?: unknown
  readonly errors?: readonly GraphQLFormattedError[]
}

type FederatedResponse = Answered & { readonly received: readonly Received[] }

/** Executes a request to a subgraph; a test replaces it to send another response. */
type SubgraphOverride = (received: Received) => Promise<SubgraphResponse> | SubgraphResponse | undefined

export type Federation = AsyncDisposable & {
  /** The public graph. */
  readonly schema: GraphQLSchema
  readonly supergraphSdl: string
  /** Maps the name of each subgraph to its schema. */
  readonly schemas: ReadonlyMap<string, GraphQLSchema>
  /** Sends an operation to the gateway. Where `answerAs` returns a response, the subgraph is not executed. */
  ask(
    query: string,
    variables?: Readonly<Record<string, unknown>>,
    answerAs?: SubgraphOverride,
  ): Promise<FederatedResponse>
}

export function federate(sources: Sources): Promise<Federation> {
  return federateAs(composed(sources), sources)
}

/** Runs the gateway on a supergraph that was composed elsewhere. */
export async function federateAs(supergraphSdl: string, sources: Sources): Promise<Federation> {
  const schemas = new Map(
    Object.entries(sources).map(([name, { sdl, resolvers }]) => [
      name,
      buildSubgraphSchema({ typeDefs: parse(sdl), ...(resolvers && { resolvers }) }),
    ]),
  )
  const supergraph = await readSupergraph(supergraphSdl)
  const operations = createOperations(supergraph, {
    limits: { ...DEFAULT_LIMITS, depth: 50, aliases: 1000 },
    introspection: true,
  })
  return {
    supergraphSdl,
    schemas,
    schema: supergraph.schema,
    [Symbol.asyncDispose]: () => supergraph[Symbol.asyncDispose](),
    async ask(query, variables = {}, answerAs) {
      const received: Received[] = []
      const fetch = async (request: SubgraphRequest) => {
        const asked = readRequest(request)
        received.push(asked)
        return (await answerAs?.(asked)) ?? (await executeSubgraph(schemas, asked))
      }
      const { text } = await executeOperation(
        operations,
        { query, operationName: undefined, variables, queriesOnly: false, fetch },
        ({ message, path, extensions }) => ({ message, ...(path && { path }), extensions }),
      )
      const answer: Answered = JSON.parse(text)
      return { ...answer, received }
    },
  }
}

/** Composes the subgraphs. Throws the reasons when they cannot be composed. */
export function composed(sources: Sources): string {
  const { errors, supergraphSdl } = composeServices(
    Object.entries(sources).map(([name, { sdl }]) => ({
      name,
      url: `http://${name}.test/graphql`,
      typeDefs: parse(sdl),
    })),
  )
  if (errors) throw new Error(errors.map(({ message }) => message).join('\n'))
  return supergraphSdl
}

/** Copies a response through JSON, as HTTP does, so that the gateway cannot change a resolver's objects. */
async function executeSubgraph(
  schemas: Federation['schemas'],
  { service, query, variables }: Received,
): Promise<SubgraphResponse> {
  const schema = schemas.get(service)
  if (!schema) throw new Error(`there is no subgraph ${service}`)
  const result = await graphql({ schema, source: query, variableValues: variables })
  return JSON.parse(JSON.stringify(result))
}

function readRequest({ service, body }: SubgraphRequest): Received {
  const read: unknown = JSON.parse(body)
  const { query, variables } = isObject(read) ? read : {}
  if (typeof query !== 'string') throw new Error('a request without a query')
  return { service, query, variables: isObject(variables) ? variables : {} }
}
