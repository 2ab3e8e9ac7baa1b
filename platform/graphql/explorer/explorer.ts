// Mounts a self-hosted GraphiQL for a GraphQL endpoint: a page and its files, all from this server.
import { randomBytes } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import {
  contentPolicy,
  type ExampleOperation,
  isOnThisMachine,
  renderPage,
} from '#platform/graphql/explorer/page.ts'
import { type PageFile, pageFiles } from '#platform/graphql/explorer/page-files.ts'
import type { HttpServer } from '#platform/http/server.ts'

export type ExplorerOptions = {
  /** The graph's name, such as "Web BFF". */
  readonly title: string
  readonly operations: readonly ExampleOperation[]
  /** Returns a sample token for the page, if there is one. Sent only to a browser on this machine, behind no proxy. */
  readonly token?: () => Promise<string | undefined>
}

const PATH = '/graphiql'

/**
 * Mounts GET `/graphiql`, and its files under it: a fixed list, each a route of its own. For development only. The token
 * that a person enters stays in the tab's session storage. Call before `http.listen`.
 */
export function mountExplorer(http: HttpServer, options: ExplorerOptions): void {
  const { title, operations } = options
  http.app.get(PATH, async (request, reply) => {
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
      .send(renderPage({ path: PATH, nonce, settings: { title, operations, ...(token && { token }) } }))
  })
  for (const file of pageFiles()) mountFile(http, file)
}

/** Browsers revalidate the file each time, and get 304 while it is the same. */
function mountFile(http: HttpServer, file: PageFile): void {
  http.app.get(`${PATH}/${file.name}`, async (request, reply) => {
    const { bytes, etag } = await file.load()
    reply.headers({ etag, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' })
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    return reply.type(file.type).send(bytes)
  })
}

function sampleToken(request: FastifyRequest, { token }: ExplorerOptions) {
  return token !== undefined && isOnThisMachine(request.raw) ? token() : undefined
}
