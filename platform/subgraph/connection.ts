// Reads a page of a list as a connection: checks the paging arguments of all subgraphs, and counts when asked.
import type { Collection, Document, Filter, Page, Query } from '#platform/read-models/read-models.ts'
import { checkInt, malformed } from '#platform/subgraph/input.ts'

/** The paging arguments of every list: at most one of `first` and `last`, and the cursors that bound the page. */
type PageArguments = {
  readonly first?: number | null
  readonly after?: string | null
  readonly last?: number | null
  readonly before?: string | null
}

/** The order that a caller asks for. */
export type SortArgument<Field extends string> = {
  readonly field: Field
  readonly direction: 'ASC' | 'DESC'
}

type PageRange = Pick<Query, 'limit' | 'after' | 'before' | 'fromEnd'>

/** The fields of `PageInfo`; what is a function is read only when it is selected. */
type PageInfoSource = {
  readonly hasNextPage: () => Promise<boolean>
  readonly hasPreviousPage: () => Promise<boolean>
  readonly startCursor: string | null
  readonly endCursor: string | null
}

/** The fields of a connection; what is a function is counted only when it is selected. */
export type ConnectionSource<Node> = {
  readonly edges: readonly { readonly cursor: string; readonly node: Node }[]
  readonly nodes: readonly Node[]
  readonly pageInfo: PageInfoSource
  readonly totalCount: () => Promise<number>
  readonly totalCountCapped: () => Promise<boolean>
}

const DEFAULT_SIZE = 20
const MAX_SIZE = 100
/** The most that `totalCount` says. */
const COUNT_CAP = 1_000

/** Throws CallerError BAD_USER_INPUT for both sizes at once, or one that is not 1 to 100. The list checks the cursors. */
export function checkPage({ first, after, last, before }: PageArguments): PageRange {
  if (first != null && last != null) malformed('last', 'left out, or null, where first is given', last)
  const [field, size] = last == null ? (['first', first] as const) : (['last', last] as const)
  return {
    limit: checkInt(field, size ?? DEFAULT_SIZE, { min: 1, max: MAX_SIZE }),
    fromEnd: last != null,
    ...(after != null && { after }),
    ...(before != null && { before }),
  }
}

/** Returns the order of a query: `paths` has the path of each field that a list can be sorted by. */
export function sortedBy<Field extends string>(
  paths: Readonly<Record<Field, string>>,
  { field, direction }: SortArgument<Field>,
): NonNullable<Query['orderBy']> {
  return { path: paths[field], descending: direction === 'DESC' }
}

type ListQuery = {
  readonly where: readonly Filter[]
  readonly orderBy: NonNullable<Query['orderBy']>
  readonly page: PageArguments
}

/** Reads a page of the documents of a collection. Throws CallerError BAD_USER_INPUT as `checkPage` and `find` do. */
export async function findConnection<Doc extends Document>(
  collection: Pick<Collection<Doc>, 'find' | 'count'>,
  { where, orderBy, page }: ListQuery,
): Promise<ConnectionSource<Doc>> {
  const found = await collection.find({ where, orderBy, ...checkPage(page) })
  return connection(found, atMost => collection.count(where, atMost))
}

/** Returns the page as a connection; `count` resolves to the length of its list, or to `atMost` when it is longer. */
export function connection<Doc>(
  page: Page<Doc>,
  count: (atMost: number) => Promise<number>,
): ConnectionSource<Doc> {
  let counted: Promise<number> | undefined
  const total = () => (counted ??= count(COUNT_CAP + 1))
  return {
    edges: page.items.map(({ doc, cursor }) => ({ cursor, node: doc })),
    nodes: page.items.map(({ doc }) => doc),
    pageInfo: {
      hasNextPage: () => page.hasNext(),
      hasPreviousPage: () => page.hasPrevious(),
      startCursor: page.items.at(0)?.cursor ?? null,
      endCursor: page.items.at(-1)?.cursor ?? null,
    },
    totalCount: async () => Math.min(await total(), COUNT_CAP),
    totalCountCapped: async () => (await total()) > COUNT_CAP,
  }
}

/** Maps the nodes of a connection. */
export function mapConnection<Doc, Node>(
  source: ConnectionSource<Doc>,
  toNode: (doc: Doc) => Node,
): ConnectionSource<Node> {
  const edges = source.edges.map(({ cursor, node }) => ({ cursor, node: toNode(node) }))
  return { ...source, edges, nodes: edges.map(({ node }) => node) }
}
