// Starts two small subgraphs of a library, and the gateway in front of their supergraph.
import { buildSubgraphSchema } from '@apollo/subgraph'
import { parse } from 'graphql'
import type { GatewayConfig } from '#gateway/config.ts'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import { CallerError } from '#platform/domain/errors.ts'
import type { RequestContext } from '#platform/graphql/context.ts'
import { mountGraphql } from '#platform/graphql/endpoint/endpoint.ts'
import { rawJsonOf } from '#platform/http/json-body.ts'
import { createHttpServer } from '#platform/http/server.ts'
import { composeSupergraph, startComposedGateway } from '#test/gateway/composed-gateway.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'
import { recordingLogger } from '#test/platform/telemetry/recording-logger.ts'
import { createSender } from '#testbed/shop-client.ts'

const LINK = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@inaccessible"])`

const SDL = {
  catalogue: `${LINK}
    type Query { books: [Book!]! book(isbn: ID!): Book viewer: String }
    type Mutation { shelve(isbn: ID!): Book! burn(isbn: ID!): Int @inaccessible }
    type Book @key(fields: "isbn") { isbn: ID! title: String! shelf: Int @inaccessible }`,
  reviews: `${LINK}
    type Query { newestQuote: String }
    type Mutation { review(isbn: ID!, stars: Int!): Book! }
    type Book @key(fields: "isbn") { isbn: ID! stars: Int quotes: [String!]! longRead: String }`,
} as const
type LibraryService = keyof typeof SDL

const TITLES = ['Emma', 'Dracula', 'Ulysses']
const book = (isbn: string) => ({ __typename: 'Book', isbn, title: TITLES[Number(isbn)] ?? 'unknown' })
const books = () => TITLES.map((_, index) => book(String(index)))

type WithIsbn = { readonly isbn: string }

/** How a subgraph behaves from now on. */
type Conduct = {
  /** The position that its mutations report. */
  position: number
  /** Set while its read models lag. */
  behind: boolean
  /** The number of characters in `longRead`. */
  longRead: number
  /** The number of requests whose connection it closes after it has read them. */
  hangUps: number
}

export const GOOD_CONDUCT: Conduct = { position: 1, behind: false, longRead: 0, hangUps: 0 }

type Resolvers = NonNullable<
  Extract<Parameters<typeof buildSubgraphSchema>[0], { resolvers?: unknown }>['resolvers']
>

const RESOLVERS: Record<LibraryService, (conduct: Conduct) => object> = {
  catalogue: (conduct: Conduct) => ({
    Query: {
      books,
      book: (_: unknown, { isbn }: WithIsbn) => book(isbn),
      viewer: (_: unknown, __: unknown, { viewer }: RequestContext) => viewer?.subject ?? null,
    },
    Mutation: {
      shelve: (_: unknown, { isbn }: WithIsbn, { consistency }: RequestContext) => {
        consistency.reached('catalogue', conduct.position)
        return book(isbn)
      },
    },
    Book: { __resolveReference: ({ isbn }: WithIsbn) => book(isbn) },
  }),
  reviews: (conduct: Conduct) => ({
    Query: { newestQuote: () => 'A classic.' },
    Mutation: {
      review: (
        _: unknown,
        { isbn, stars }: WithIsbn & { stars: number },
        { consistency }: RequestContext,
      ) => {
        if (stars > 5) throw new CallerError('BAD_USER_INPUT', `stars is ${stars}; it should be 0 to 5`)
        consistency.reached('reviews', conduct.position)
        return { isbn }
      },
    },
    Book: {
      __resolveReference: ({ isbn }: WithIsbn) => ({ isbn }),
      stars: ({ isbn }: WithIsbn) => Number(isbn) + 1,
      quotes: () => ['Fine.'],
      longRead: () => 'x'.repeat(conduct.longRead),
    },
  }),
}

type SeenRequest = {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly query: string
}

type Issuer = Awaited<ReturnType<typeof openEmbeddedIssuer>>

async function serve(name: LibraryService, issuer: Issuer) {
  const { logger } = recordingLogger()
  const http = createHttpServer({ name, logger })
  const seen: SeenRequest[] = []
  const conduct = { ...GOOD_CONDUCT }
  http.app.addHook('preHandler', async (request, reply) => {
    const body = rawJsonOf(request)
    if (body !== undefined) seen.push({ headers: request.headers, query: JSON.parse(String(body)).query })
    if (conduct.hangUps-- > 0) reply.raw.destroy()
  })
  const schema = buildSubgraphSchema({
    typeDefs: parse(SDL[name]),
    resolvers: RESOLVERS[name](conduct) as Resolvers,
  })
  const consistency = { service: name, waitFor: async () => !conduct.behind }
  const verifier = createVerifier(issuer)
  const endpoint = await mountGraphql(http, { schema, verifier, development: true, consistency })
  const { url } = await http.listen({ host: '127.0.0.1', port: 0 })
  const stop = async () => {
    await http[Symbol.asyncDispose]()
    await endpoint[Symbol.asyncDispose]()
  }
  return { url, seen, conduct, stop, [Symbol.asyncDispose]: stop }
}

export type LibraryOptions = {
  readonly development?: boolean
  /** By `localhost` the gateway reaches its subgraphs over sockets, otherwise within the process. */
  readonly host?: string
  readonly supergraph?: string
  readonly settings?: GatewayConfig['settings']
  /** The URLs of subgraphs that replace the library's own. */
  readonly subgraphUrls?: Partial<Record<LibraryService, string>>
  /** Further variables of the gateway's environment. */
  readonly environment?: Pick<GatewayConfig, 'settingsUrl' | 'discovery'>
}

/** Returns the library's supergraph with unused URLs; the running subgraphs' URLs are configured. */
export function librarySupergraph(): string {
  return composeSupergraph(SDL)
}

export async function startLibraryGateway({
  host = '127.0.0.1',
  supergraph = librarySupergraph(),
  subgraphUrls = {},
  environment = {},
  ...config
}: LibraryOptions = {}) {
  await using open = new AsyncDisposableStack()
  const folder = open.use(await temporaryFolder())
  const issuer = await openEmbeddedIssuer(folder.path)
  const catalogue = open.use(await serve('catalogue', issuer))
  const reviews = open.use(await serve('reviews', issuer))
  const urlOf = ({ url }: { url: string }) => `${url.replace('127.0.0.1', host)}/graphql`
  const own = { catalogue: urlOf(catalogue), reviews: urlOf(reviews) }
  const { gateway, log } = open.use(
    await startComposedGateway(supergraph, {
      auth: issuer,
      subgraphUrls: { ...own, ...subgraphUrls },
      ...config,
      ...environment,
    }),
  )
  const send = createSender(() => `${gateway.url}/graphql`)
  const running = open.move()
  return {
    url: gateway.url,
    /** Resolves with a line of the gateway's log. */
    logged: log.seen,
    catalogue,
    reviews,
    token: (subject: string) => issuer.sign({ role: 'customer', subject }),
    send: <T>(query: string, headers: Readonly<Record<string, string>> = {}, token?: string) =>
      send<T>('gateway', token, query, {}, headers),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
