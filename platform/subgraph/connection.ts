// Turns a page of documents into a Relay connection.
import type { Document, Page } from '#platform/read-models/read-models.ts'

export type PageArguments = { readonly first?: number | null; readonly after?: string | null }

/** Returns the page with its documents mapped by `toNode`. */
export function mapConnection<Doc extends Document, Node>(
  { items, hasNext }: Page<Doc>,
  toNode: (doc: Doc) => Node,
) {
  const edges = items.map(({ doc, cursor }) => ({ cursor, node: toNode(doc) }))
  return {
    nodes: edges.map(({ node }) => node),
    edges,
    pageInfo: { hasNextPage: hasNext, endCursor: items.at(-1)?.cursor ?? null },
  }
}

export function connection<Doc extends Document>(page: Page<Doc>) {
  return mapConnection(page, doc => doc)
}
