// A self-hosted GraphiQL for a GraphQL endpoint: a page and its files, all from this server. Free of the internet.
import { randomBytes } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { contentPolicy, isOnThisMachine, renderPage } from '#platform/graphql/explorer/page.ts'
import { type PageFile, pageFiles } from '#platform/graphql/explorer/page-files.ts'
import type { HttpServer } from '#platform/http/server.ts'

/** One tab of the page. */
export type ExampleOperation = {
  readonly name: string
  /** The operation first, then the fragments that it uses. */
  readonly text: string
  readonly variables?: Readonly<Record<string, unknown>>
}

export type ExplorerOptions = {
  /** What the page explores, such as "Web BFF". */
  readonly title: string
  /** Where the page is; `/graphiql` when left out. */
  readonly path?: string
  /** Where the graph is, over HTTP and WebSocket; `/graphql` when left out. */
  readonly endpoint?: string
  readonly operations: readonly ExampleOperation[]
  /** A sample token that the page starts with, if there is one. Given only to a browser on this machine, past no proxy. */
  readonly token?: () => Promise<string | undefined>
}

/**
 * GET `path`, and its files under `path/`: a fixed list, each a route of its own. For development: mount it nowhere
 * else. The token that a person sets stays in the tab's session storage. Call before `http.listen`.
 */
export function mountExplorer(http: HttpServer, options: ExplorerOptions): void {
  const { title, path = '/graphiql', endpoint = '/graphql', operations } = options
  http.app.get(path, async (request, reply) => {
    const nonce = randomBytes(16).toString('base64')
    const token = await sampleToken(request, options)
    return reply
      .headers({
        'content-security-policy': contentPolicy(nonce, request.headers.host),
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
      })
      .type('text/html; charset=utf-8')
      .send(renderPage({ path, nonce, settings: { title, endpoint, operations, ...(token && { token }) } }))
  })
  for (const asset of pageFiles()) mountAsset(http, `${path}/${asset.name}`, asset)
}

/** Asked for again each time, and answered with 304 while it is the same. */
function mountAsset(http: HttpServer, path: string, asset: PageFile): void {
  http.app.get(path, async (request, reply) => {
    const { bytes, etag } = await asset.load()
    reply.headers({ etag, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' })
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    return reply.type(asset.type).send(bytes)
  })
}

function sampleToken(request: FastifyRequest, { token }: ExplorerOptions) {
  return token !== undefined && isOnThisMachine(request.raw) ? token() : undefined
}
