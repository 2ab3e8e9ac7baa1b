// Collects what subgraphs report next to their data: the positions they wrote, reads that were stale, headers for the client.
import type { SubgraphRequest, SubgraphResponse } from '#gateway/executor/execution.ts'
import type { Graph } from '#gateway/graph/graph.ts'
import type { ForwardedHeaders } from '#gateway/transport/header-rules.ts'
import type { ReplyHeaders } from '#gateway/transport/reply-headers.ts'
import { CONSISTENCY_HEADER, parseToken, STALE_HEADER } from '#platform/consistency/consistency-token.ts'
import { raisePosition } from '#platform/consistency/position-vector.ts'

export type ResponseMetadata = {
  /** The position that each service has written, by the service's name. */
  readonly reached: Record<string, number>
  /** Services that answered before they had seen the required positions. */
  readonly stale: Set<string>
  /** Headers of subgraphs that go back to the client; undefined while there are none. */
  headers?: ReplyHeaders
}

export function emptyMetadata(): ResponseMetadata {
  return { reached: {}, stale: new Set() }
}

/** Adds everything that `from` holds to `to`. */
export function mergeMetadata(from: ResponseMetadata, to: ResponseMetadata): void {
  for (const service in from.reached) raisePosition(to.reached, service, from.reached[service] ?? 0)
  for (const service of from.stale) to.stale.add(service)
  if (from.headers) to.headers = new Map([...(to.headers ?? []), ...from.headers])
}

/** Sends a request to its subgraph and records the metadata of the response in `metadata`. Never rejects. */
export async function fetchFromSubgraph(
  { subgraphs }: Pick<Graph, 'subgraphs'>,
  request: SubgraphRequest,
  { forwarded, metadata }: { readonly forwarded: ForwardedHeaders; readonly metadata: ResponseMetadata },
): Promise<SubgraphResponse> {
  const subgraph = subgraphs.get(request.service)
  if (!subgraph) return { errors: [{ message: `there is no subgraph ${request.service}` }] }
  const { response, headers, collectHeaders } = await subgraph.fetch(request, forwarded)
  if (collectHeaders !== undefined) {
    metadata.headers ??= new Map()
    collectHeaders(headers, metadata.headers)
  }
  const { [CONSISTENCY_HEADER]: reached, [STALE_HEADER]: stale } = headers
  if (typeof reached === 'string')
    for (const [service, position] of Object.entries(parseToken(reached)))
      raisePosition(metadata.reached, service, position)
  if (typeof stale === 'string') for (const service of stale.split(',')) metadata.stale.add(service)
  return response
}
