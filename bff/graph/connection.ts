// Builds the connections of the BFFs' graphs out of the gateway's.
import { selectedInAll } from '#bff/graph/selection.ts'

type PageInfo = {
  readonly hasNextPage: boolean
  readonly hasPreviousPage: boolean
  readonly startCursor: string | null
  readonly endCursor: string | null
}

/** A page of the gateway. The counts are missing when they were not asked for. */
type GatewayPage<Node> = {
  readonly edges: readonly { readonly cursor: string; readonly node: Node }[]
  readonly pageInfo: PageInfo
  readonly totalCount?: number
  readonly totalCountCapped?: boolean
}

type Connection<Source> = {
  readonly edges: readonly { readonly cursor: string; readonly node: Source }[]
  readonly nodes: readonly Source[]
  readonly pageInfo: PageInfo
  readonly totalCount: number
  readonly totalCountCapped: boolean
}

/** The paths from a connection to its items. */
export const ITEMS = [['nodes'], ['edges', 'node']] as const

/** Returns the connection with each node as its resolvers get it. Counts that were not asked for are not selected either. */
export function connectionOf<Node, Source>(
  page: GatewayPage<Node>,
  sourceOf: (node: Node, index: number) => Source,
): Connection<Source> {
  const edges = page.edges.map(({ cursor, node }, index) => ({ cursor, node: sourceOf(node, index) }))
  return {
    edges,
    nodes: edges.map(({ node }) => node),
    pageInfo: page.pageInfo,
    totalCount: page.totalCount ?? 0,
    totalCountCapped: page.totalCountCapped ?? false,
  }
}

/** Returns whether the client selected how many items there are in all. */
export function selectsCount(info: Parameters<typeof selectedInAll>[0]): boolean {
  const fields = selectedInAll(info)
  return fields.has('totalCount') || fields.has('totalCountCapped')
}
