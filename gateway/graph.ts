// A supergraph in service: its operations and the connections to its subgraphs. Free of HTTP towards clients.
import { createOperations, type Operations } from '#gateway/operations.ts'
import { type GatewaySettings, settingsOf } from '#gateway/settings.ts'
import { readSupergraph, type Supergraph } from '#gateway/supergraph.ts'
import { createSubgraph, type Subgraph } from '#gateway/transport/subgraph.ts'
import { OperatorError } from '#platform/domain/errors.ts'
import { createPolicy } from '#platform/resilience/policy.ts'

export type Graph = AsyncDisposable & {
  readonly supergraph: Supergraph
  readonly operations: Operations
  readonly subgraphs: ReadonlyMap<string, Subgraph>
}

export type GraphOptions = {
  /** Where the supergraph is from, for errors. */
  readonly from: string
  readonly settings: GatewaySettings
  /** Subgraph name to URL; one that is not named here is at the URL in the supergraph. */
  readonly subgraphUrls: Readonly<Record<string, string>>
  readonly introspection: boolean
}

/** Throws OperatorError SUPERGRAPH_INVALID that says why it cannot be served. */
export function openGraph(sdl: string, options: GraphOptions): Graph {
  const { settings, introspection } = options
  const supergraph = read(sdl, options.from)
  const subgraphs = new Map<string, Subgraph>()
  for (const [name, url] of supergraph.subgraphs)
    subgraphs.set(name, connect(name, options.subgraphUrls[name] ?? url, settings))
  return {
    supergraph,
    operations: createOperations(supergraph, { limits: settings.limits, introspection }),
    subgraphs,
    async [Symbol.asyncDispose]() {
      await Promise.all([...subgraphs.values()].map(subgraph => subgraph[Symbol.asyncDispose]()))
    },
  }
}

function read(sdl: string, from: string): Supergraph {
  try {
    return readSupergraph(sdl)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorError('SUPERGRAPH_INVALID', `${from} cannot be served: ${reason}`, cause)
  }
}

function connect(name: string, url: string, settings: GatewaySettings): Subgraph {
  if (!URL.canParse(url))
    throw new OperatorError(
      'SUPERGRAPH_INVALID',
      `the supergraph has no address for ${name}: name it in SUBGRAPH_URLS, as ${name}=http://…`,
    )
  const { maxResponseBytes, ...bounds } = settingsOf(settings, name)
  return createSubgraph({
    name,
    url,
    maxResponseBytes,
    policy: createPolicy({ name: `subgraph-${name}`, ...bounds }),
  })
}
