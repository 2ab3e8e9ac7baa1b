// Opens a graph: a supergraph with its prepared operations and the connections to its subgraphs.
import { assertValidSchema, GraphQLError } from 'graphql'
import type { SubgraphConnections } from '#gateway/graph/subgraph-connections.ts'
import { observePlans } from '#gateway/observe/plans.ts'
import type { OperationCache } from '#gateway/operations/operation-cache.ts'
import { createOperations } from '#gateway/operations/operation-compiler.ts'
import type { AuthorizationSettings, CostSettings } from '#gateway/safety/settings.ts'
import { readSupergraph, type Supergraph } from '#gateway/supergraph/supergraph.ts'
import type { Subgraph } from '#gateway/transport/subgraph.ts'
import { readAddresses } from '#platform/discovery/addresses.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import type { OperationLimits } from '#platform/graphql/documents/limits.ts'

export type Graph = AsyncDisposable & {
  readonly supergraph: Supergraph
  readonly operations: OperationCache
  readonly subgraphs: ReadonlyMap<string, Subgraph>
  /** The URL of each subgraph by its name; that of its first instance where the settings name several. */
  readonly addresses: ReadonlyMap<string, string>
}

type GraphOptions = {
  /** The source of the supergraph, for error messages. */
  readonly from: string
  readonly settings: {
    readonly limits: OperationLimits & { readonly answerBytes?: number }
    readonly authorization: AuthorizationSettings
    readonly cost: CostSettings
    /** Instances of subgraphs, by the subgraph's name. */
    readonly subgraphs: Readonly<
      Record<string, { readonly urls?: readonly { readonly url: string }[] | undefined }>
    >
  }
  readonly connections: SubgraphConnections
  /** Addresses by subgraph name; a subgraph without one is at the URL in the supergraph. */
  readonly subgraphUrls: Readonly<Record<string, string>>
  /** Says whether a subgraph without an address is looked up by its name instead. False when left out. */
  readonly isLookedUp?: boolean
  readonly introspection: boolean
}

/** Rejects with OperatorError SUPERGRAPH_INVALID and the reason when the supergraph cannot be served. */
export async function openGraph(sdl: string, options: GraphOptions): Promise<Graph> {
  const { connections, settings, introspection } = options
  await using open = new AsyncDisposableStack()
  const supergraph = open.use(await read(sdl, options.from))
  const addresses = addressesOf(supergraph, options)
  const leases = new Map([...addresses].map(([name, url]) => [name, connections.lease(name, url)]))
  open.move()
  return {
    supergraph,
    operations: createOperations(supergraph, {
      limits: settings.limits,
      authorization: settings.authorization,
      cost: settings.cost,
      introspection,
      observer: observePlans(),
    }),
    subgraphs: new Map([...leases].map(([name, { subgraph }]) => [name, subgraph])),
    addresses,
    async [Symbol.asyncDispose]() {
      await supergraph[Symbol.asyncDispose]()
      await Promise.all([...leases.values()].map(lease => lease[Symbol.asyncDispose]()))
    },
  }
}

/** Also checks the schema, since validating any operation against an invalid one fails. */
async function read(sdl: string, from: string): Promise<Supergraph> {
  await using open = new AsyncDisposableStack()
  try {
    const supergraph = open.use(await readSupergraph(sdl))
    assertValidSchema(supergraph.schema)
    open.move()
    return supergraph
  } catch (cause) {
    throw new OperatorError('SUPERGRAPH_INVALID', `${from} cannot be served: ${reasonOf(cause)}`, cause)
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const [place] = error instanceof GraphQLError ? (error.locations ?? []) : []
  return place ? `${error.message} (line ${place.line}, column ${place.column})` : error.message
}

function addressesOf(
  { subgraphs }: Supergraph,
  { from, subgraphUrls, settings, isLookedUp = false }: GraphOptions,
): Map<string, string> {
  const addressOf = (name: string, url: string) =>
    settings.subgraphs[name]?.urls?.[0]?.url ??
    subgraphUrls[name] ??
    (isLookedUp ? serviceAddress(name, url) : url)
  const addresses = new Map([...subgraphs].map(([name, url]) => [name, addressOf(name, url)]))
  const missing = [...addresses].flatMap(([name, url]) => (readAddresses(url) ? [] : name))
  if (missing.length > 0)
    throw new OperatorError(
      'SUPERGRAPH_INVALID',
      `${from} has no http: or https: URL for ${missing.join(', ')}: name it in SUBGRAPH_URLS, as ${missing[0]}=http://…`,
    )
  return addresses
}

/** Returns the address of a service by its name, with the path that the supergraph gives. */
function serviceAddress(name: string, url: string): string {
  const { pathname, search } = URL.canParse(url) ? new URL(url) : new URL('http://-/graphql')
  return `service://${name}${pathname}${search}`
}
